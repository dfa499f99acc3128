import type { TranslationBundle } from '@jupyterlab/translation';

import type { IMetricColumn, IParameterSummary, IRun } from '../../api/runs';
import type { Aggregate, Better, IView } from './view';

/** Begins the id of a column with a parameter. */
export const PARAMETER = 'p:';
/** Begins the id of a column with a metric. */
export const METRIC = 'm:';
/** The parameter in which a note about a run is kept; AWS keeps parameters of up to 2500 characters. */
export const NOTE_PARAMETER = 'mlstudio.note';
export const NOTE_LENGTH = 2500;

/** Parameters and metrics that are shown before the user chooses. */
const FIRST_PARAMETERS = 5;
const FIRST_METRICS = 5;

/** Columns that every run has. */
export const COMMON = ['status', 'created', 'duration', 'note'] as const;

/** The runs of a comparison and the columns that were fetched so far. */
export interface IComparison {
  runs: readonly IRun[];
  truncated: boolean;
  parameters: readonly IParameterSummary[];
  metrics: readonly string[];
  texts: ReadonlyMap<string, readonly (string | null)[]>;
  numbers: ReadonlyMap<string, IMetricColumn>;
}

/** The names of the parameters that are shown as such. */
export function parameterNames(comparison: IComparison): string[] {
  return comparison.parameters
    .map(each => each.name)
    .filter(name => name !== NOTE_PARAMETER);
}

/** All columns there are, by id. */
export function allColumns(comparison: IComparison): string[] {
  return [
    ...COMMON,
    ...parameterNames(comparison).map(name => PARAMETER + name),
    ...comparison.metrics.map(name => METRIC + name)
  ];
}

/** The columns to show: those chosen, or the first that tell runs apart. */
export function shownColumns(comparison: IComparison, view: IView): string[] {
  const chosen = view.columns ?? firstColumns(comparison);
  const shown = view.differences
    ? chosen.filter(id => isVaried(comparison, id))
    : [...chosen];
  const stuck = shown.filter(id => view.stuck.includes(id));
  return [...stuck, ...shown.filter(id => !view.stuck.includes(id))];
}

function firstColumns(comparison: IComparison): string[] {
  const varied = comparison.parameters
    .filter(each => each.name !== NOTE_PARAMETER && each.values > 1)
    .slice(0, FIRST_PARAMETERS);
  const notes = comparison.parameters.some(
    each => each.name === NOTE_PARAMETER
  );
  return [
    'status',
    'created',
    'duration',
    ...(notes ? ['note'] : []),
    ...varied.map(each => PARAMETER + each.name),
    ...comparison.metrics.slice(0, FIRST_METRICS).map(name => METRIC + name)
  ];
}

/** Whether runs differ in a column, as far as that is known. */
export function isVaried(comparison: IComparison, id: string): boolean {
  if (id.startsWith(PARAMETER)) {
    const name = id.slice(PARAMETER.length);
    const found = comparison.parameters.find(each => each.name === name);
    const missing = (found?.runs ?? 0) < comparison.runs.length;
    return found !== undefined && (found.values > 1 || missing);
  }
  if (id.startsWith(METRIC)) {
    const column = comparison.numbers.get(id.slice(METRIC.length));
    return column === undefined || !isConstant(column.last);
  }
  if (id === 'status') {
    return new Set(comparison.runs.map(run => run.status)).size > 1;
  }
  return true;
}

function isConstant(values: Float64Array): boolean {
  return values.every(value => Object.is(value, values[0]));
}

export function columnTitle(id: string, trans: TranslationBundle): string {
  switch (id) {
    case 'name':
      return trans.__('Run');
    case 'status':
      return trans.__('Status');
    case 'created':
      return trans.__('Created');
    case 'duration':
      return trans.__('Duration');
    case 'note':
      return trans.__('Note');
    default:
      return id.slice(METRIC.length);
  }
}

/** Whether the values of a column are numbers, as far as they were fetched. */
export function isNumeric(comparison: IComparison, id: string): boolean {
  if (id === 'created' || id === 'duration' || id.startsWith(METRIC)) {
    return true;
  }
  if (!id.startsWith(PARAMETER)) {
    return false;
  }
  const texts = comparison.texts.get(id.slice(PARAMETER.length)) ?? [];
  return (
    texts.some(text => text !== null) &&
    texts.every(text => text === null || isNumber(text))
  );
}

function isNumber(text: string): boolean {
  return text.trim() !== '' && !Number.isNaN(Number(text));
}

/** The value of a run in a column: null where it has none, or where it was not fetched. */
export function cellOf(
  comparison: IComparison,
  index: number,
  id: string,
  aggregate: Aggregate = 'last'
): number | string | null {
  const run = comparison.runs[index];
  if (run === undefined) {
    return null;
  }
  if (id.startsWith(METRIC)) {
    const column = comparison.numbers.get(id.slice(METRIC.length));
    return orNull(column?.[aggregate][index] ?? NaN);
  }
  if (id.startsWith(PARAMETER)) {
    return comparison.texts.get(id.slice(PARAMETER.length))?.[index] ?? null;
  }
  switch (id) {
    case 'name':
      return run.displayName;
    case 'status':
      return run.status || null;
    case 'created':
      return orNull(run.created);
    case 'duration':
      return orNull((run.ended || Date.now() / 1000) - run.started);
    case 'note':
      return comparison.texts.get(NOTE_PARAMETER)?.[index] ?? null;
    default:
      return null;
  }
}

/** The value of a run in a column as a number; NaN where it is none. */
export function numberOf(
  comparison: IComparison,
  index: number,
  id: string,
  aggregate: Aggregate = 'last'
): number {
  const value = cellOf(comparison, index, id, aggregate);
  return value === null || value === '' ? NaN : Number(value);
}

function orNull(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}

/** Words in the names of metrics that are better the higher they are. */
const HIGHER =
  /(acc|accuracy|auc|aucpr|f1|precision|recall|map|ndcg|r2|score|reward|iou|dice|bleu|rouge|throughput)(@\d+)?$/i;

/** Whether a metric is better lower or higher: as the user said, else by its name. */
export function betterOf(view: IView, id: string): Better {
  const [, name = ''] = /([^:/.]*)$/.exec(id) ?? [];
  return view.better[id] ?? (HIGHER.test(name) ? 'higher' : 'lower');
}
