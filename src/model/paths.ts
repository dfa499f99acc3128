/** A JSON object. */
export type Members = Readonly<Record<string, unknown>>;

/** The way to a member: names, and indices of lists. */
export type Path = readonly (string | number)[];

/** A path as text: the key under which a problem of its member is kept. */
export function keyOf(path: Path): string {
  return path.join('.');
}

export function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value at a path, or undefined. */
export function valueAt(root: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (value, step) =>
      Array.isArray(value)
        ? (value as unknown[])[Number(step)]
        : isMembers(value)
          ? value[step]
          : undefined,
    root
  );
}

/**
 * A copy of `root` with another value at a path; undefined removes the member.
 *
 * What is missing on the way is made: a list where the next step is a number.
 */
export function withValue(root: unknown, path: Path, value: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) {
    return value;
  }
  if (typeof step === 'number') {
    const items: unknown[] = Array.isArray(root)
      ? [...(root as unknown[])]
      : [];
    if (rest.length === 0 && value === undefined) {
      items.splice(step, 1);
    } else {
      items[step] = withValue(items[step], rest, value);
    }
    return items;
  }
  const members = isMembers(root) ? root : {};
  const changed = withValue(members[step], rest, value);
  const others = Object.fromEntries(
    Object.entries(members).filter(([name]) => name !== step)
  );
  if (changed === undefined) {
    return others;
  }
  // In its place: code that is shown does not jump.
  return step in members
    ? Object.fromEntries(
        Object.entries(members).map(([name, member]) => [
          name,
          name === step ? changed : member
        ])
      )
    : { ...members, [step]: changed };
}
