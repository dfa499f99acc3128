import { strokeOf } from '../../charts/colors';
import { cellOf, type IComparison, METRIC } from './columns';
import type { CompareModel } from './model';
import { filterRuns } from './rows';

/** The values of runs that a chart of points or lines shows. */
export interface IChartValues {
  /** Places of the runs that the filter finds. */
  runs: readonly number[];
  valuesOf: (id: string) => readonly (number | string | null)[];
  nameOf: (index: number) => string;
}

/** The runs that the filter finds, and their values as the table shows them. */
export function chartValues(
  comparison: IComparison,
  model: CompareModel
): IChartValues {
  const { view } = model;
  const runs = filterRuns(comparison, view);
  return {
    runs,
    valuesOf: id =>
      runs.map(run => cellOf(comparison, run, id, view.aggregates[id])),
    nameOf: index => comparison.runs[runs[index] ?? -1]?.name ?? ''
  };
}

/** The columns that a chart can show. */
export function chartColumns(comparison: IComparison): string[] {
  return [
    ...comparison.parameters
      .filter(each => each.name !== 'mlstudio.note')
      .map(each => `p:${each.name}`),
    ...comparison.metrics.map(name => METRIC + name)
  ];
}

export function titleOfColumn(id: string): string {
  return id === 'status' || id === 'duration' ? id : id.slice(METRIC.length);
}

/** The colour of the line of a run, if it has one. */
export function colorOfRun(
  model: CompareModel,
  drawn: ReadonlySet<string>,
  name: string
): string | null {
  return drawn.has(name) ? strokeOf(model.strokeOf(name)).color : null;
}
