import {
  cellOf,
  type IComparison,
  METRIC,
  numberOf,
  PARAMETER
} from './columns';
import type { Aggregate, IView } from './view';

/** A row of the table: a run, or what a group of runs has in common. */
export type Row = IRunRow | IGroupRow;

export interface IRunRow {
  kind: 'run';
  /** Its place among the runs of the comparison. */
  index: number;
  name: string;
  pinned: boolean;
}

export interface IGroupRow {
  kind: 'group';
  /** Tells groups apart. */
  key: string;
  /** How many groups it is in. */
  depth: number;
  column: string;
  value: string | null;
  /** The places of its runs. */
  members: readonly number[];
}

/**
 * The runs a view shows, in its order: those pinned, then the others, those of a group below it.
 *
 * @param closed - the keys of the groups whose runs are not shown.
 */
export function arrange(
  comparison: IComparison,
  view: IView,
  closed: ReadonlySet<string> = new Set()
): Row[] {
  const sorted = sortRuns(comparison, view, filterRuns(comparison, view));
  const names = new Set(view.pinned);
  const isPinned = (index: number) =>
    names.has(comparison.runs[index]?.name ?? '');
  const rest = sorted.filter(index => !isPinned(index));
  const pinned = comparison.runs.flatMap((_, index) =>
    isPinned(index) ? [index] : []
  );
  return [
    ...pinned.map(index => runRow(comparison, index, true)),
    ...nest(comparison, view.groups, rest, closed, 0, '')
  ];
}

function runRow(
  comparison: IComparison,
  index: number,
  pinned: boolean
): IRunRow {
  const name = comparison.runs[index]?.name ?? '';
  return { kind: 'run', index, name, pinned };
}

function nest(
  comparison: IComparison,
  keys: readonly string[],
  indices: readonly number[],
  closed: ReadonlySet<string>,
  depth: number,
  path: string
): Row[] {
  const [column, ...rest] = keys;
  if (column === undefined) {
    return indices.map(index => runRow(comparison, index, false));
  }
  return [...groupBy(comparison, column, indices)].flatMap(
    ([value, members]): Row[] => {
      const key = `${path}${JSON.stringify([column, value])}`;
      const group: IGroupRow = {
        kind: 'group',
        key,
        depth,
        column,
        value,
        members
      };
      return closed.has(key)
        ? [group]
        : [group, ...nest(comparison, rest, members, closed, depth + 1, key)];
    }
  );
}

/** The places of runs by their value in a column, in the order of the runs. */
export function groupBy(
  comparison: IComparison,
  column: string,
  indices: readonly number[]
): Map<string | null, number[]> {
  const groups = new Map<string | null, number[]>();
  for (const index of indices) {
    const value = cellOf(comparison, index, column);
    const text = value === null ? null : String(value);
    const members = groups.get(text) ?? [];
    members.push(index);
    groups.set(text, members);
  }
  return groups;
}

/** The mean of the numbers in a column; NaN where there are none. */
export function meanOf(
  comparison: IComparison,
  indices: readonly number[],
  column: string,
  aggregate: Aggregate
): number {
  const numbers = indices
    .map(index => numberOf(comparison, index, column, aggregate))
    .filter(number => !Number.isNaN(number));
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
}

/** The places of the runs that satisfy the filter. */
export function filterRuns(comparison: IComparison, view: IView): number[] {
  const tests = parseFilter(view.filter);
  const all = comparison.runs.map((_, index) => index);
  return all.filter(index =>
    tests.every(test => test(comparison, index, view))
  );
}

type Test = (comparison: IComparison, index: number, view: IView) => boolean;

const CONDITION = /^(.+?)(<=|>=|!=|=|<|>)(.*)$/;

/**
 * Read a filter: words, each of which must be in the name, status or note of a run, and conditions
 * such as `lr<0.1`, `optimizer=adam` or `validation:auc>=0.9`.
 */
export function parseFilter(text: string): Test[] {
  const words = text.match(/"[^"]*"|\S+/g) ?? [];
  return words.map(word => {
    const [, column, way, value] = CONDITION.exec(word) ?? [];
    if (column !== undefined && way !== undefined && value !== undefined) {
      return condition(column, way, value);
    }
    const part = word.replaceAll('"', '').toLowerCase();
    return (comparison, index) =>
      [comparison.runs[index]?.name, 'name', 'status', 'note'].some(
        (id, place) => {
          const cell = place === 0 ? id : cellOf(comparison, index, id ?? '');
          return String(cell ?? '')
            .toLowerCase()
            .includes(part);
        }
      );
  });
}

/** The columns that a filter looks at, as far as it says so itself. */
export function filterColumns(text: string): string[] {
  return (text.match(/"[^"]*"|\S+/g) ?? []).flatMap(word => {
    const [, column] = CONDITION.exec(word) ?? [];
    return column === undefined ? [] : [column];
  });
}

/** The id of the column with this name: an id, a parameter or a metric. */
export function columnNamed(comparison: IComparison, name: string): string {
  if (comparison.parameters.some(each => each.name === name)) {
    return PARAMETER + name;
  }
  return comparison.metrics.includes(name) ? METRIC + name : name;
}

function condition(column: string, way: string, text: string): Test {
  return (comparison, index, view) => {
    const id = columnNamed(comparison, column);
    const cell = cellOf(comparison, index, id, view.aggregates[id]);
    if (cell === null) {
      return way === '!=';
    }
    const [a, b] = [Number(cell), Number(text)];
    const numbers = text !== '' && !Number.isNaN(a) && !Number.isNaN(b);
    const order = numbers ? a - b : String(cell).localeCompare(text);
    switch (way) {
      case '=':
        return order === 0;
      case '!=':
        return order !== 0;
      case '<':
        return order < 0;
      case '<=':
        return order <= 0;
      case '>':
        return order > 0;
      default:
        return order >= 0;
    }
  };
}

function sortRuns(
  comparison: IComparison,
  view: IView,
  indices: readonly number[]
): number[] {
  const { sort } = view;
  if (sort === null) {
    return [...indices];
  }
  const { column, descending } = sort;
  const keys = new Map(
    indices.map(index => [
      index,
      cellOf(comparison, index, column, view.aggregates[column])
    ])
  );
  return [...indices].sort((a, b) => {
    const [x, y] = [keys.get(a) ?? null, keys.get(b) ?? null];
    if (x === null || y === null) {
      // What has no value is last, whichever way.
      return Number(x === null) - Number(y === null);
    }
    return descending ? compare(y, x) : compare(x, y);
  });
}

function compare(a: number | string, b: number | string): number {
  const [x, y] = [Number(a), Number(b)];
  return a === '' || b === '' || Number.isNaN(x) || Number.isNaN(y)
    ? String(a).localeCompare(String(b))
    : x - y;
}

/** How far a value is from that of the baseline, and whether that is to the good. */
export interface IDelta {
  value: number;
  good: boolean | null;
}

/** The delta of a run to the baseline in a metric; null where one of them has no value. */
export function deltaOf(
  comparison: IComparison,
  view: IView,
  index: number,
  id: string,
  better: 'lower' | 'higher'
): IDelta | null {
  const base = comparison.runs.findIndex(run => run.name === view.baseline);
  if (base < 0 || base === index) {
    return null;
  }
  const aggregate = view.aggregates[id];
  const value =
    numberOf(comparison, index, id, aggregate) -
    numberOf(comparison, base, id, aggregate);
  if (Number.isNaN(value)) {
    return null;
  }
  const good = value === 0 ? null : value < 0 === (better === 'lower');
  return { value, good };
}
