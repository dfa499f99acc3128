import type { IShape, IShapes } from '../api/types';
import { isMembers, keyOf, type Path } from './paths';

/** What is wrong with members, by their paths, in the words of the API. */
export type Problems = ReadonlyMap<string, string>;

const NOT_NULL = 'Member must not be null';

/** Check a request by its model: the constraints that the model states, and nothing else. */
export function check(shapes: IShapes, request: unknown): Problems {
  const found = new Map<string, string>();
  visit(shapes, shapes.Input, request, [], found);
  return found;
}

function visit(
  shapes: IShapes,
  name: string,
  value: unknown,
  path: Path,
  found: Map<string, string>
): void {
  const shape = shapes.Shapes[name];
  if (!shape) {
    return;
  }
  const problem = broken(shape, value);
  if (problem) {
    found.set(keyOf(path), problem);
  }
  if (shape.members && isMembers(value)) {
    for (const member of shape.required ?? []) {
      if (value[member] === undefined) {
        found.set(keyOf([...path, member]), NOT_NULL);
      }
    }
  }
  for (const [step, member, of] of below(shape, value)) {
    visit(shapes, of, member, [...path, step], found);
  }
}

/** What is in a structure, list or map, with the names of its shapes. */
function below(
  shape: IShape,
  value: unknown
): (readonly [string | number, unknown, string])[] {
  if (Array.isArray(value)) {
    return value.map(
      (item, index) => [index, item as unknown, shape.member ?? ''] as const
    );
  }
  if (!isMembers(value)) {
    return [];
  }
  return Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .map(([step, member]) => {
      const own = shape.members?.[step]?.shape ?? shape.value ?? '';
      return [step, member, own] as const;
    });
}

/** The first rule of a shape that a value breaks. */
export function broken(shape: IShape, value: unknown): string | null {
  const number = ['integer', 'long', 'float', 'double'].includes(shape.type);
  if (number && typeof value !== 'number') {
    return 'Member must be a number';
  }
  if (/integer|long/.test(shape.type) && !Number.isInteger(value)) {
    return 'Member must be a whole number';
  }
  const size = sizeOf(value);
  const measure = number ? 'value' : 'length';
  if (size !== null && shape.max !== undefined && size > shape.max) {
    return `Member must have ${measure} less than or equal to ${shape.max}`;
  }
  if (size !== null && shape.min !== undefined && size < shape.min) {
    return `Member must have ${measure} greater than or equal to ${shape.min}`;
  }
  if (typeof value !== 'string') {
    return null;
  }
  if (shape.pattern !== undefined && !matches(shape.pattern, value)) {
    return `Member must satisfy regular expression pattern: ${shape.pattern}`;
  }
  // The studio knows more instance types than the model: it has the last word on those.
  const open = shape.enum?.includes('ml.m5.large');
  if (shape.enum && !open && !shape.enum.includes(value)) {
    return `Member must satisfy enum value set: [${shape.enum.join(', ')}]`;
  }
  return null;
}

function sizeOf(value: unknown): number | null {
  if (typeof value === 'number') {
    return value;
  }
  if (typeof value === 'string' || Array.isArray(value)) {
    return value.length;
  }
  return isMembers(value) ? Object.keys(value).length : null;
}

/** Whether a value matches a pattern of Java; one that this browser cannot read is the server's. */
function matches(pattern: string, value: string): boolean {
  try {
    return new RegExp(`^(?:${pattern})$`, 's').test(value);
  } catch {
    return true;
  }
}
