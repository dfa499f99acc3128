import type { ICurve } from '../api/runs';

/** A line ready to draw: places in ascending order, and what is there. */
export interface IPlotLine {
  /** What it belongs to, e.g. the name of a run. */
  key: string;
  x: readonly number[];
  y: readonly number[];
  /** Lowest and highest values around each place, where a point stands for several. */
  low?: readonly number[];
  high?: readonly number[];
}

/** Lines over common places, as a chart takes them: the places, then the values of each line. */
export type AlignedLines = [number[], ...(number | null)[][]];

/** Make a line of a curve over steps or times. */
export function lineOf(
  curve: ICurve,
  axis: 'step' | 'relative' | 'wall'
): IPlotLine {
  const places = axis === 'step' ? curve.steps : curve.times;
  const origin = axis === 'relative' ? curve.origin : 0;
  const order = ascending(places);
  const pick = (values: Float64Array) =>
    Array.from(order, index => values[index] ?? NaN);
  return {
    key: curve.run,
    x: pick(places).map(place => place - origin),
    y: pick(curve.values),
    ...(curve.minima && curve.maxima
      ? { low: pick(curve.minima), high: pick(curve.maxima) }
      : {})
  };
}

/** Make a line of a curve over another metric: points are matched by their steps. */
export function lineOver(curve: ICurve, over: ICurve): IPlotLine {
  const places = new Map<number, number>();
  over.steps.forEach((step, index) => {
    places.set(step, over.values[index] ?? NaN);
  });
  const points = [...curve.steps]
    .map((step, index) => [places.get(step), curve.values[index]] as const)
    .filter(
      (point): point is readonly [number, number] => point[0] !== undefined
    )
    .sort(([a], [b]) => a - b);
  return {
    key: curve.run,
    x: points.map(([x]) => x),
    y: points.map(([, y]) => y)
  };
}

/** The indices of numbers in ascending order; most often they are so already. */
function ascending(numbers: Float64Array): Uint32Array {
  const order = Uint32Array.from(numbers, (_, index) => index);
  const isSorted = numbers.every(
    (number, index) => index === 0 || number >= (numbers[index - 1] ?? NaN)
  );
  return isSorted
    ? order
    : order.sort((a, b) => (numbers[a] ?? 0) - (numbers[b] ?? 0));
}

/**
 * Put lines onto common places.
 *
 * Where lines have few places, these; else cells of the width of a pixel, in each of which a line
 * goes from its lowest to its highest value and on to its last: it looks as all its points would.
 */
export function align(
  lines: readonly IPlotLine[],
  cells: number,
  logarithmic = false
): AlignedLines {
  const scale = logarithmic ? Math.log10 : (x: number) => x;
  const dense = lines.some(line => line.low !== undefined);
  if (!dense) {
    const places = union(lines, 3 * cells);
    if (places !== null) {
      return exact(lines, places);
    }
  }
  return rasterize(lines, cells, scale, logarithmic);
}

/** All places of lines in ascending order; null where there are more than `most`. */
function union(lines: readonly IPlotLine[], most: number): number[] | null {
  const places = new Set<number>();
  for (const line of lines) {
    for (const x of line.x) {
      places.add(x);
    }
    if (places.size > most) {
      return null;
    }
  }
  return [...places].sort((a, b) => a - b);
}

function exact(lines: readonly IPlotLine[], places: number[]): AlignedLines {
  const index = new Map(places.map((place, number) => [place, number]));
  return [
    places,
    ...lines.map(line => {
      const column = new Array<number | null>(places.length).fill(null);
      line.x.forEach((x, number) => {
        column[index.get(x) ?? 0] = line.y[number] ?? null;
      });
      return column;
    })
  ];
}

/** Places in a cell: where the lowest value is drawn, the highest, and the last. */
const PARTS = 3;

function rasterize(
  lines: readonly IPlotLine[],
  cells: number,
  scale: (x: number) => number,
  logarithmic: boolean
): AlignedLines {
  const [from, to] = extent(lines, logarithmic);
  const [start, end] = [scale(from), scale(to)];
  const width = (end - start) / cells || 1;
  const unscale = logarithmic ? (x: number) => 10 ** x : (x: number) => x;
  const places = Array.from({ length: cells * PARTS }, (_, part) =>
    unscale(start + ((part + 1) / PARTS) * width)
  );
  const columns = lines.map(line => {
    const column = new Array<number | null>(places.length).fill(null);
    line.x.forEach((x, index) => {
      const at = scale(x);
      const y = line.y[index];
      if (y === undefined || !(at >= start && at <= end)) {
        return;
      }
      const cell = Math.min(cells - 1, Math.floor((at - start) / width));
      const place = cell * PARTS;
      const [low, high] = [line.low?.[index] ?? y, line.high?.[index] ?? y];
      const [lowest, highest] = [column[place], column[place + 1]];
      column[place] =
        lowest === null || lowest === undefined ? low : Math.min(lowest, low);
      column[place + 1] =
        highest === null || highest === undefined
          ? high
          : Math.max(highest, high);
      column[place + 2] = y;
    });
    return column;
  });
  return [places, ...columns];
}

/** From where to where lines go. */
export function extent(
  lines: readonly IPlotLine[],
  logarithmic = false
): [number, number] {
  let [from, to] = [Infinity, -Infinity];
  for (const line of lines) {
    for (const x of line.x) {
      if (!logarithmic || x > 0) {
        from = Math.min(from, x);
        to = Math.max(to, x);
      }
    }
  }
  if (from > to) {
    return logarithmic ? [1, 10] : [0, 1];
  }
  return from < to ? [from, to] : [from, from + 1];
}

/** The range of the values between two percentiles of all lines, a little widened. */
export function clipRange(
  lines: readonly IPlotLine[],
  percent = 2
): [number, number] | null {
  const values = Float64Array.from(
    lines.flatMap(line => line.y.filter(Number.isFinite))
  ).sort();
  if (values.length === 0) {
    return null;
  }
  const at = (share: number) =>
    values[Math.round(share * (values.length - 1))] ?? 0;
  const [low, high] = [at(percent / 100), at(1 - percent / 100)];
  const margin = (high - low) * 0.05 || Math.abs(high) * 0.05 || 1;
  return [low - margin, high + margin];
}

/** The mean of some lines with their lowest and highest, over all places of any of them. */
export function bandOf(key: string, lines: readonly IPlotLine[]): IPlotLine {
  const x = union(lines, Infinity) ?? [];
  const columns = lines.map(line => interpolate(line.x, line.y, x));
  const over = (
    fold: (numbers: number[]) => number,
    from: readonly (readonly number[])[]
  ) =>
    x.map((_, index) =>
      fold(
        from
          .map(column => column[index] ?? NaN)
          .filter(number => !Number.isNaN(number))
      )
    );
  const bounds = (side: 'low' | 'high') =>
    lines.map(line => interpolate(line.x, line[side] ?? line.y, x));
  return {
    key,
    x,
    y: over(
      numbers => numbers.reduce((a, b) => a + b, 0) / numbers.length,
      columns
    ),
    low: over(numbers => Math.min(...numbers), bounds('low')),
    high: over(numbers => Math.max(...numbers), bounds('high'))
  };
}

/** Values of a line at places, NaN before its first and after its last point. */
export function interpolate(
  x: readonly number[],
  y: readonly number[],
  places: readonly number[]
): number[] {
  let next = 0;
  return places.map(place => {
    while (next < x.length && (x[next] ?? NaN) < place) {
      next += 1;
    }
    const [x1, y1] = [x[next], y[next]];
    if (x1 === undefined || y1 === undefined) {
      return NaN;
    }
    if (x1 === place) {
      return y1;
    }
    const [x0, y0] = [x[next - 1], y[next - 1]];
    return x0 === undefined || y0 === undefined
      ? NaN
      : y0 + ((y1 - y0) * (place - x0)) / (x1 - x0);
  });
}

/** Smooth a line by the mean of the points around each, weighted by a normal distribution. */
export function gaussian(values: readonly number[], sigma: number): number[] {
  const reach = Math.ceil(3 * sigma);
  const kernel = Array.from({ length: reach + 1 }, (_, distance) =>
    Math.exp(-0.5 * (distance / sigma) ** 2)
  );
  return values.map((_, index) => {
    let [sum, weights] = [0, 0];
    for (let other = index - reach; other <= index + reach; other++) {
      const value = values[other];
      if (value !== undefined) {
        const weight = kernel[Math.abs(other - index)] ?? 0;
        sum += weight * value;
        weights += weight;
      }
    }
    return sum / weights;
  });
}

/** Smooth a line by the mean of the last `count` points. */
export function running(values: readonly number[], count: number): number[] {
  let sum = 0;
  return values.map((value, index) => {
    sum += value - (index >= count ? (values[index - count] ?? 0) : 0);
    return sum / Math.min(index + 1, count);
  });
}
