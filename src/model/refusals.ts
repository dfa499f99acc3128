import type { IShapes } from '../api/types';
import type { Problems } from './constraints';
import { isMembers, keyOf, type Path, valueAt } from './paths';

/** A refusal, at the members it is about; `rest` is what is about none. */
export interface IRefusal {
  problems: Problems;
  rest: string;
}

/** A sentence of AWS's validation. */
const VIOLATION =
  / at '([^']+)' failed to satisfy constraint: (.*?)(?=; Value|$)/gs;

/** What botocore says of a request that it does not send. */
const MISSING = /Missing required parameter in (\S+): "(\w+)"/g;
const INVALID = /(Invalid \w+ for parameter) ([\w.[\]]+), (.*)/g;

/** The shortest value that is looked for in a message. */
const SHORTEST = 4;

/** Find the members of a request that an error of the API is about. */
export function locate(
  message: string,
  request: unknown,
  shapes: IShapes
): IRefusal {
  const problems = new Map<string, string>();
  for (const [, where, rule] of message.matchAll(VIOLATION)) {
    problems.set(keyOf(pathOf(where ?? '', shapes)), rule ?? '');
  }
  for (const [, where, name] of message.matchAll(MISSING)) {
    const path = where === 'input' ? [] : stepsOf(where ?? '');
    problems.set(keyOf([...path, name ?? '']), 'Member must not be null');
  }
  for (const [, what, where, why] of message.matchAll(INVALID)) {
    problems.set(keyOf(stepsOf(where ?? '')), `${what}: ${why}`);
  }
  if (problems.size > 0) {
    return { problems, rest: '' };
  }
  const path = mentioned(message, request);
  return path
    ? { problems: new Map([[keyOf(path), message]]), rest: '' }
    : { problems, rest: message };
}

/** The path that AWS writes `inputDataConfig.1.member.channelName`. */
function pathOf(text: string, shapes: IShapes): Path {
  const path: (string | number)[] = [];
  let name: string | undefined = shapes.Input;
  const steps = text.split('.');
  for (let index = 0; index < steps.length; index++) {
    const step = steps[index] ?? '';
    const shape: IShapes['Shapes'][string] | undefined =
      shapes.Shapes[name ?? ''];
    if (shape?.member !== undefined) {
      path.push(Number(step) - 1);
      name = shape.member;
      index += 1;
    } else if (shape?.value !== undefined) {
      path.push(step);
      name = shape.value;
      index += 1;
    } else {
      const member: string | undefined = Object.keys(shape?.members ?? {}).find(
        each => each.toLowerCase() === step.toLowerCase()
      );
      path.push(member ?? step);
      name = shape?.members?.[member ?? '']?.shape;
    }
  }
  return path;
}

/** The path that botocore writes `InputDataConfig[0].ChannelName`. */
function stepsOf(text: string): Path {
  return [...text.matchAll(/\w+/g)].map(([step]) =>
    /^\d+$/.test(step) ? Number(step) : step
  );
}

/** The member of a request that a message names, or whose value it repeats: the most specific. */
function mentioned(message: string, request: unknown): Path | null {
  const text = message.toLowerCase();
  const words = new Set(text.match(/\w+/g));
  const members = [...walk(request, [])];
  const values = members
    .map(path => [path, valueAt(request, path)] as const)
    .filter(
      ([, value]) =>
        typeof value === 'string' &&
        value.length >= SHORTEST &&
        message.includes(value)
    )
    .sort(([, a], [, b]) => String(b).length - String(a).length);
  const named = members
    .filter(path => words.has(String(path[path.length - 1]).toLowerCase()))
    .sort((a, b) => b.length - a.length);
  return named[0] ?? values[0]?.[0] ?? null;
}

function* walk(value: unknown, path: Path): Generator<Path> {
  if (path.length > 0) {
    yield path;
  }
  const entries = Array.isArray(value)
    ? [...(value as unknown[]).entries()]
    : isMembers(value)
      ? Object.entries(value)
      : [];
  for (const [step, member] of entries) {
    yield* walk(member, [...path, step]);
  }
}
