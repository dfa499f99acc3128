import React, { useEffect, useReducer } from 'react';

import { preferences } from '../model/preferences';
import { useRemote } from './useremote';

/** How often relative times are drawn again, in milliseconds. */
const TICK = 15_000;

const UNITS: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1]
];

/**
 * How long ago; the absolute time is there on hover and for machines. The other way round where
 * the user prefers it so.
 */
export function RelativeTime(props: { date: Date }): JSX.Element {
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  useRemote(preferences);
  useEffect(() => {
    const timer = setInterval(redraw, TICK);
    return () => clearInterval(timer);
  }, []);
  const { date } = props;
  const [relative, absolute] = [
    relativeTime(date, new Date()),
    absoluteTime(date)
  ];
  return preferences.times === 'relative' ? (
    <time dateTime={date.toISOString()} title={absolute}>
      {relative}
    </time>
  ) : (
    <time dateTime={date.toISOString()} title={`${absolute}, ${relative}`}>
      {shortTime(date)}
    </time>
  );
}

/** A time as it is written down. */
export function AbsoluteTime(props: { date: Date }): JSX.Element {
  return (
    <time dateTime={props.date.toISOString()}>{absoluteTime(props.date)}</time>
  );
}

export function relativeTime(date: Date, now: Date): string {
  const seconds = Math.round((date.getTime() - now.getTime()) / 1000);
  const [unit, size] = UNITS.find(([, s]) => Math.abs(seconds) >= s) ?? [
    'second' as const,
    1
  ];
  return new Intl.RelativeTimeFormat(locale(), { numeric: 'auto' }).format(
    Math.trunc(seconds / size),
    unit
  );
}

function shortTime(date: Date): string {
  return new Intl.DateTimeFormat(locale(), {
    dateStyle: 'short',
    timeStyle: 'medium'
  }).format(date);
}

export function absoluteTime(date: Date): string {
  return new Intl.DateTimeFormat(locale(), {
    dateStyle: 'medium',
    timeStyle: 'long'
  }).format(date);
}

/** How long something took, e.g. `1:02:03` or `0:07`. */
export function duration(from: Date, to: Date): string {
  const seconds = Math.max(
    0,
    Math.round((to.getTime() - from.getTime()) / 1000)
  );
  const [hours, minutes] = [
    Math.floor(seconds / 3600),
    Math.floor(seconds / 60) % 60
  ];
  const rest = String(seconds % 60).padStart(2, '0');
  return hours > 0
    ? `${hours}:${String(minutes).padStart(2, '0')}:${rest}`
    : `${minutes}:${rest}`;
}

/** The language of the page, which is the one JupyterLab is set to. */
function locale(): string | undefined {
  return document.documentElement.lang || undefined;
}
