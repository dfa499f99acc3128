import type { IMetricSeries } from '../api/types';

/** What the horizontal axis counts. */
export type XAxis = 'step' | 'relative' | 'wall';

/** A line as a chart draws it; `y` is `null` where there is nothing to draw. */
export interface ILine {
  label: string;
  x: number[];
  y: (number | null)[];
}

/** Metrics that belong into one chart, such as `train:rmse` and `validation:rmse`. */
export interface IMetricGroup {
  title: string;
  series: IMetricSeries[];
}

/** Put series whose names end alike after the last colon together, in the order of first sight. */
export function groupMetrics(all: readonly IMetricSeries[]): IMetricGroup[] {
  const groups = new Map<string, IMetricGroup>();
  for (const series of all) {
    const title = series.MetricName.split(':').pop() ?? series.MetricName;
    const group = groups.get(title) ?? { title, series: [] };
    group.series.push(series);
    groups.set(title, group);
  }
  return [...groups.values()];
}

/** The numbers of a series; AWS's JSON has those that are not finite as text. */
export function valuesOf(series: IMetricSeries): number[] {
  return series.Values.map(Number);
}

/** Make a line of a series. `origin` is what relative times count from, in seconds since 1970. */
export function toLine(
  series: IMetricSeries,
  axis: XAxis,
  origin: number
): ILine {
  const places = axis === 'step' ? series.Steps : series.Times;
  const start = axis === 'relative' ? origin : 0;
  // A chart wants its points from left to right; of two at one place it shows the later.
  const points = new Map<number, number | null>();
  valuesOf(series).forEach((value, index) => {
    points.set((places[index] ?? index) - start, finite(value));
  });
  const sorted = [...points].sort(([a], [b]) => a - b);
  return {
    label: series.MetricName,
    x: sorted.map(([x]) => x),
    y: sorted.map(([, y]) => y)
  };
}

/**
 * Smooth by an exponential moving average without the bias to its start
 * (Kingma and Ba, "Adam", 2014, section 3).
 *
 * @param weight - of what came before, from 0 (all as it is) up to, not including, 1.
 */
export function smooth(
  values: readonly (number | null)[],
  weight: number
): (number | null)[] {
  let average = 0;
  let share = 1;
  return values.map(value => {
    if (value === null) {
      return null;
    }
    average = weight * average + (1 - weight) * value;
    share *= weight;
    return average / (1 - share);
  });
}

/** What a table says of a series in place of its chart. */
export interface ISummary {
  last: number;
  min: number;
  max: number;
}

export function summarize(series: IMetricSeries): ISummary {
  const values = valuesOf(series);
  const numbers = values.filter(value => !Number.isNaN(value));
  return {
    last: values[values.length - 1] ?? NaN,
    min: numbers.reduce((a, b) => Math.min(a, b), Infinity),
    max: numbers.reduce((a, b) => Math.max(a, b), -Infinity)
  };
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
