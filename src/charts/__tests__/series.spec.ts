import type { IMetricSeries } from '../../api/types';
import { strokeOf } from '../colors';
import { groupMetrics, smooth, summarize, toLine } from '../series';

function series(
  MetricName: string,
  Values: (number | string)[],
  Steps = Values.map((_, step) => step)
): IMetricSeries {
  return { MetricName, Steps, Values, Times: Steps.map(step => 100 + step) };
}

describe('groupMetrics', () => {
  it('puts what is measured on several sets into one chart', () => {
    const groups = groupMetrics([
      series('train:rmse', []),
      series('loss', []),
      series('validation:rmse', [])
    ]);
    expect(groups.map(group => group.title)).toEqual(['rmse', 'loss']);
    expect(groups[0]?.series.map(each => each.MetricName)).toEqual([
      'train:rmse',
      'validation:rmse'
    ]);
  });
});

describe('toLine', () => {
  const measured = series('loss', [3, 'NaN', 1], [0, 1, 5]);

  it('has gaps where a value is not a number', () => {
    const { x, y } = toLine(measured, 'step', 100);
    expect(x).toEqual([0, 1, 5]);
    expect(y).toEqual([3, null, 1]);
  });

  it('counts seconds from the origin, or the time of day', () => {
    expect(toLine(measured, 'relative', 100).x).toEqual([0, 1, 5]);
    expect(toLine(measured, 'wall', 100).x).toEqual([100, 101, 105]);
  });

  it('goes from left to right and keeps the later of two values', () => {
    const { x, y } = toLine(series('loss', [9, 4, 5], [2, 1, 1]), 'step', 0);
    expect(x).toEqual([1, 2]);
    expect(y).toEqual([5, 9]);
  });
});

describe('smooth', () => {
  it('leaves everything as it is without weight', () => {
    expect(smooth([1, null, 3], 0)).toEqual([1, null, 3]);
  });

  it('is not drawn towards zero at its start', () => {
    expect(smooth([5, 5, 5], 0.9)).toEqual([5, 5, 5].map(expectClose));
  });

  it('weighs what came before', () => {
    // 0.5 * 0 + 0.5 * 4 after the first, without the bias: (0.25 * 0 + 0.5 * 4) / 0.75
    expect(smooth([0, 4], 0.5)[1]).toBeCloseTo(2 / 0.75);
  });

  function expectClose(value: number): unknown {
    return expect.closeTo(value, 9);
  }
});

describe('summarize', () => {
  it('gives extremes of what is a number, and the last value whatever it is', () => {
    expect(summarize(series('loss', [3, -1, 'Infinity', 'NaN']))).toEqual({
      last: NaN,
      min: -1,
      max: Infinity
    });
  });
});

describe('strokeOf', () => {
  it('gives the first 24 lines looks of their own, always the same', () => {
    const looks = Array.from({ length: 24 }, (_, index) =>
      JSON.stringify(strokeOf(index))
    );
    expect(new Set(looks).size).toBe(24);
    expect(strokeOf(3)).toEqual(strokeOf(3));
  });
});
