import { formatNumber } from '../components/numbers';
import { logTicks, ticks } from './pen';

/** Where values are on an axis: from 0 at its start to 1 at its end. */
export interface IScale {
  /** The place of a value; NaN where it has none. */
  place(value: number | string | null): number;
  /** What is written beside it, with its place. */
  labels: readonly { text: string; place: number }[];
}

/** Most categories that are written beside an axis. */
const MOST_LABELS = 12;

/** Make a scale of the values on an axis: of numbers where all are some, else of what they are. */
export function scaleOf(
  values: readonly (number | string | null)[],
  log: boolean,
  flip = false
): IScale {
  const known = values.filter(value => value !== null && value !== '');
  const numbers = known.map(Number).filter(number => !log || number > 0);
  const isNumeric = known.every(value => !Number.isNaN(Number(value)));
  const turn = (place: number) => (flip ? 1 - place : place);
  if (!isNumeric) {
    const names = [...new Set(known.map(String))].sort((a, b) =>
      a.localeCompare(b)
    );
    const places = new Map(
      names.map((name, index) => [
        name,
        turn(names.length > 1 ? index / (names.length - 1) : 0.5)
      ])
    );
    const every = Math.ceil(names.length / MOST_LABELS);
    return {
      place: value => places.get(String(value)) ?? NaN,
      labels: names
        .filter((_, index) => index % every === 0)
        .map(text => ({ text, place: places.get(text) ?? 0 }))
    };
  }
  const low = numbers.reduce((a, b) => Math.min(a, b), Infinity);
  const high = numbers.reduce((a, b) => Math.max(a, b), -Infinity);
  const bend = log ? Math.log10 : (value: number) => value;
  const [start, end] = [bend(low), bend(high)];
  const place = (value: number) =>
    turn(end > start ? (bend(value) - start) / (end - start) : 0.5);
  const marks = !(high >= low)
    ? []
    : high === low
      ? [low]
      : log
        ? logTicks(low, high, 6)
        : ticks(low, high, 6);
  return {
    place: value =>
      value === null || value === '' || (log && !(Number(value) > 0))
        ? NaN
        : place(Number(value)),
    labels: marks.map(mark => ({
      text: formatNumber(mark),
      place: place(mark)
    }))
  };
}

/** Colours from low to high, told apart also without red and green. */
const LOW = [33, 102, 172] as const;
const MIDDLE = [150, 150, 150] as const;
const HIGH = [214, 96, 77] as const;

/** The colour of a place from 0 to 1; that of the middle where it is not known. */
export function colorAt(place: number): string {
  const at = Number.isNaN(place) ? 0.5 : place;
  const [from, to, share] =
    at < 0.5 ? [LOW, MIDDLE, 2 * at] : [MIDDLE, HIGH, 2 * at - 1];
  const parts = from.map((value, index) =>
    Math.round(value + (to[index as 0 | 1 | 2] - value) * share)
  );
  return `rgb(${parts.join(', ')})`;
}

/** How many numbers fall into each of so many stretches of equal width. */
export function histogram(
  values: readonly number[],
  bins: number
): { from: number; to: number; count: number }[] {
  const numbers = values.filter(Number.isFinite);
  const low = numbers.reduce((a, b) => Math.min(a, b), Infinity);
  const high = numbers.reduce((a, b) => Math.max(a, b), -Infinity);
  if (!(high >= low)) {
    return [];
  }
  const count = high > low ? bins : 1;
  const width = (high - low) / count;
  const found = Array.from({ length: count }, (_, index) => ({
    from: low + index * width,
    to: low + (index + 1) * width,
    count: 0
  }));
  for (const number of numbers) {
    const index = width > 0 ? Math.floor((number - low) / width) : 0;
    const bin = found[Math.min(count - 1, index)];
    if (bin) {
      bin.count += 1;
    }
  }
  return found;
}
