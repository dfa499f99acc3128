import type { XAxis } from '../../charts/series';

/** Which of the values of a metric a table shows. */
export type Aggregate = 'last' | 'min' | 'max';

/** Whether a metric is better the lower or the higher it is. */
export type Better = 'lower' | 'higher';

/** How values between the points of a line are smoothed. */
export type Smoothing = 'ema' | 'gaussian' | 'running';

/** Lines of one metric. */
export interface ILinesView {
  kind: 'lines';
  metric: string;
  /** `step`, `relative` or `wall`, or the name of a metric after `m:`. */
  x: XAxis | `m:${string}`;
  logX: boolean;
  logY: boolean;
  smoothing: Smoothing;
  /** From 0 (as it is) up to, not including, 1. */
  weight: number;
  /** Whether outliers may leave the chart. */
  clip: boolean;
  /** Whether runs of a group are drawn as one line, their mean. */
  bands: boolean;
}

/** A line across axes for each run. */
export interface IParallelView {
  kind: 'parallel';
  axes: readonly { id: string; log: boolean; flip: boolean }[];
}

/** A point for each run. */
export interface IScatterView {
  kind: 'scatter';
  x: string;
  y: string;
  logX: boolean;
  logY: boolean;
}

/** How many runs have which values. */
export interface IHistogramView {
  kind: 'histogram';
  column: string;
  bins: number;
}

export type ChartView =
  ILinesView | IParallelView | IScatterView | IHistogramView;

/** What a user has made of a comparison: all of it, and nothing but it, is in files and links. */
export interface IView {
  version: 1;
  /** The names of the runs; null for all there are. */
  runs: readonly string[] | null;
  /** What rows are filtered by. */
  filter: string;
  /** The columns after the name, in order; null until the user chooses. */
  columns: readonly string[] | null;
  widths: Readonly<Record<string, number>>;
  aggregates: Readonly<Record<string, Aggregate>>;
  better: Readonly<Record<string, Better>>;
  /** Columns that stay in sight. */
  stuck: readonly string[];
  /** Whether columns are hidden in which all runs are alike. */
  differences: boolean;
  /** The columns whose values runs are grouped by. */
  groups: readonly string[];
  sort: { column: string; descending: boolean } | null;
  /** Runs that stay on top. */
  pinned: readonly string[];
  /** The run that others are compared with. */
  baseline: string | null;
  /** The runs that have lines; null for the first few. */
  drawn: readonly string[] | null;
  /** The looks of runs: what `strokeOf` is given. */
  strokes: Readonly<Record<string, number>>;
  charts: readonly ChartView[] | null;
}

export const NEW_VIEW: IView = {
  version: 1,
  runs: null,
  filter: '',
  columns: null,
  widths: {},
  aggregates: {},
  better: {},
  stuck: [],
  differences: false,
  groups: [],
  sort: null,
  pinned: [],
  baseline: null,
  drawn: null,
  strokes: {},
  charts: null
};

/** A chart of the lines of a metric. */
export function linesOf(metric: string): ILinesView {
  return {
    kind: 'lines',
    metric,
    x: 'step',
    logX: false,
    logY: false,
    smoothing: 'ema',
    weight: 0,
    clip: false,
    bands: false
  };
}

/**
 * Read a view that somebody wrote: a file, or the end of a link.
 *
 * @throws Error if it is none; parts that are not what they should be are as in a new view.
 */
export function parseView(text: string): IView {
  let document: unknown;
  try {
    document = text.trim() === '' ? {} : JSON.parse(text);
  } catch (reason) {
    throw new Error(`This is no view of a comparison: ${String(reason)}`);
  }
  if (typeof document !== 'object' || document === null) {
    throw new Error('This is no view of a comparison.');
  }
  const given = document as Record<string, unknown>;
  if ((given.version ?? 1) !== 1) {
    throw new Error(
      `This view is of version ${String(given.version)}, which a newer jupyter-mlstudio reads.`
    );
  }
  const view: Record<string, unknown> = { ...NEW_VIEW };
  for (const [member, isFit] of Object.entries(CHECKS)) {
    if (isFit(given[member])) {
      view[member] = given[member];
    }
  }
  return view as unknown as IView;
}

export function formatView(view: IView): string {
  return `${JSON.stringify(view, undefined, 2)}\n`;
}

type Check = (value: unknown) => boolean;

const isText: Check = value => typeof value === 'string';
const isFlag: Check = value => typeof value === 'boolean';
const isNumber: Check = value => Number.isFinite(value);
const orNull =
  (check: Check): Check =>
  value =>
    value === null || check(value);
const listOf =
  (check: Check): Check =>
  value =>
    Array.isArray(value) && value.every(check);
const mapOf =
  (check: Check): Check =>
  value =>
    isObject(value) && Object.values(value).every(check);
const oneOf =
  (...values: readonly unknown[]): Check =>
  value =>
    values.includes(value);
const shaped =
  (members: Record<string, Check>): Check =>
  value =>
    isObject(value) &&
    Object.entries(members).every(([name, check]) => check(value[name]));

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const CHART_CHECKS: Record<string, Check> = {
  lines: shaped({
    metric: isText,
    x: value =>
      ['step', 'relative', 'wall'].includes(String(value)) ||
      (typeof value === 'string' && value.startsWith('m:')),
    logX: isFlag,
    logY: isFlag,
    smoothing: oneOf('ema', 'gaussian', 'running'),
    weight: value => isNumber(value) && Number(value) >= 0 && Number(value) < 1,
    clip: isFlag,
    bands: isFlag
  }),
  parallel: shaped({
    axes: listOf(shaped({ id: isText, log: isFlag, flip: isFlag }))
  }),
  scatter: shaped({ x: isText, y: isText, logX: isFlag, logY: isFlag }),
  histogram: shaped({
    column: isText,
    bins: value => isNumber(value) && Number(value) >= 1 && Number(value) <= 200
  })
};

const isChart: Check = value =>
  isObject(value) && (CHART_CHECKS[String(value.kind)]?.(value) ?? false);

const CHECKS: Record<Exclude<keyof IView, 'version'>, Check> = {
  runs: orNull(listOf(isText)),
  filter: isText,
  columns: orNull(listOf(isText)),
  widths: mapOf(isNumber),
  aggregates: mapOf(oneOf('last', 'min', 'max')),
  better: mapOf(oneOf('lower', 'higher')),
  stuck: listOf(isText),
  differences: isFlag,
  groups: listOf(isText),
  sort: orNull(shaped({ column: isText, descending: isFlag })),
  pinned: listOf(isText),
  baseline: orNull(isText),
  drawn: orNull(listOf(isText)),
  strokes: mapOf(
    value => Number.isSafeInteger(value) && (value as number) >= 0
  ),
  charts: orNull(listOf(isChart))
};
