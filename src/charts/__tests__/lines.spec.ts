import type { ICurve } from '../../api/runs';
import {
  align,
  bandOf,
  clipRange,
  extent,
  gaussian,
  interpolate,
  type IPlotLine,
  lineOf,
  lineOver,
  running
} from '../lines';

function curve(values: number[], more: Partial<ICurve> = {}): ICurve {
  return {
    run: 'a',
    count: values.length,
    origin: 1000,
    steps: Float64Array.from(values, (_, index) => 10 * index),
    times: Float64Array.from(values, (_, index) => 1000 + index),
    values: Float64Array.from(values),
    minima: null,
    maxima: null,
    ...more
  };
}

function line(key: string, x: number[], y: number[]): IPlotLine {
  return { key, x, y };
}

describe('lineOf', () => {
  it('goes over steps, or over times from the start or of the day', () => {
    expect(lineOf(curve([1, 2]), 'step').x).toEqual([0, 10]);
    expect(lineOf(curve([1, 2]), 'relative').x).toEqual([0, 1]);
    expect(lineOf(curve([1, 2]), 'wall').x).toEqual([1000, 1001]);
  });

  it('puts its points into order', () => {
    const steps = Float64Array.from([2, 0, 1]);
    expect(lineOf(curve([30, 10, 20], { steps }), 'step')).toEqual({
      key: 'a',
      x: [0, 1, 2],
      y: [10, 20, 30]
    });
  });

  it('goes over another metric at the same steps', () => {
    const over = curve([5, 3, 4]);
    expect(lineOver(curve([1, 2, 3, 4]), over)).toEqual({
      key: 'a',
      x: [3, 4, 5],
      y: [2, 3, 1]
    });
  });
});

describe('align', () => {
  it('keeps the places of lines that have few', () => {
    const lines = [line('a', [0, 2], [1, 3]), line('b', [1, 2], [5, 6])];
    expect(align(lines, 100)).toEqual([
      [0, 1, 2],
      [1, null, 3],
      [null, 5, 6]
    ]);
  });

  it('draws many points as all of them would look', () => {
    const x = Array.from({ length: 10_000 }, (_, index) => index);
    const y = x.map(place => Math.sin(place / 700) + (place === 5000 ? 9 : 0));
    const [places, drawn = []] = align([line('a', x, y)], 100);
    expect(places).toHaveLength(300);
    const values = drawn.filter(value => value !== null);
    expect(Math.max(...values)).toBe(Math.max(...y));
    expect(Math.min(...values)).toBe(Math.min(...y));
    expect(drawn[299]).toBe(y[9999]);
    expect(
      places.every(
        (place, index) => index === 0 || place > (places[index - 1] ?? 0)
      )
    ).toBe(true);
  });

  it('shows the bounds of points that stand for several', () => {
    const bounded = {
      ...line('a', [0, 10], [1, 2]),
      low: [0, 1],
      high: [4, 5]
    };
    const [, drawn = []] = align([bounded], 2);
    expect(drawn).toEqual([0, 4, 1, 1, 5, 2]);
  });

  it('has cells of the same width on a logarithmic axis', () => {
    const x = Array.from({ length: 1000 }, (_, index) => index);
    const [places] = align([line('a', x, x)], 3, true);
    expect(places[2]).toBeCloseTo(999 ** (1 / 3));
    expect(places[8]).toBeCloseTo(999);
  });
});

describe('extent', () => {
  it('is never empty', () => {
    expect(extent([])).toEqual([0, 1]);
    expect(extent([], true)).toEqual([1, 10]);
    expect(extent([line('a', [5], [1])])).toEqual([5, 6]);
    expect(extent([line('a', [0, 3], [1, 1])], true)).toEqual([3, 4]);
  });
});

describe('clipRange', () => {
  it('leaves outliers out', () => {
    const y = Array.from({ length: 100 }, (_, index) => index / 100);
    const found = clipRange([line('a', y, [...y.slice(0, 99), 1e9])]);
    expect(found?.[1]).toBeLessThan(1.1);
    expect(found?.[0]).toBeGreaterThan(-0.1);
    expect(clipRange([line('a', [0], [NaN])])).toBeNull();
    expect(clipRange([line('a', [0, 1], [2, 2])])).toEqual([1.9, 2.1]);
  });
});

describe('bandOf', () => {
  it('is the mean of lines between their lowest and highest, where they are', () => {
    const band = bandOf('g', [
      line('a', [0, 2, 4], [0, 2, 4]),
      line('b', [0, 2], [2, 6])
    ]);
    expect(band).toEqual({
      key: 'g',
      x: [0, 2, 4],
      y: [1, 4, 4],
      low: [0, 2, 4],
      high: [2, 6, 4]
    });
  });

  it('takes values between points from both', () => {
    expect(interpolate([0, 10], [0, 100], [-1, 0, 5, 10, 11])).toEqual([
      NaN,
      0,
      50,
      100,
      NaN
    ]);
  });
});

describe('smoothing', () => {
  it('leaves what is constant', () => {
    expect(gaussian([2, 2, 2], 1).every(y => Math.abs(y - 2) < 1e-12)).toBe(
      true
    );
    expect(running([2, 2, 2], 2)).toEqual([2, 2, 2]);
  });

  it('takes the mean of what is near, or of the last', () => {
    const [, middle = 0] = gaussian([0, 1, 0], 1);
    expect(middle).toBeCloseTo(1 / (1 + 2 * Math.exp(-0.5)));
    expect(running([1, 2, 3, 4], 2)).toEqual([1, 1.5, 2.5, 3.5]);
  });
});
