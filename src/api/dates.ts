/** Maps whose keys and values are the user's own: nothing in them is a timestamp of AWS. */
const USER_MAPS = new Set(['Environment', 'HyperParameters', 'Tags']);

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

/**
 * Turn the timestamps of an AWS document, strings on their way here, into dates.
 *
 * AWS names all of them `…Time` or `Timestamp`.
 */
export function reviveDates(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(reviveDates);
  }
  if (value === null || typeof value !== 'object') {
    return value;
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key, revive(key, member)])
  );
}

function revive(key: string, member: unknown): unknown {
  if (USER_MAPS.has(key)) {
    return member;
  }
  const named = key.endsWith('Time') || key === 'Timestamp';
  return named && typeof member === 'string' && ISO.test(member)
    ? new Date(member)
    : reviveDates(member);
}
