/** How the times of lines are written. */
export type TimeStyle = 'local' | 'utc' | 'relative' | 'none';

export const TIME_STYLES: readonly TimeStyle[] = [
  'local',
  'utc',
  'relative',
  'none'
];

/**
 * The time of a line in its column, e.g. `21:15:00.123`, or `+1:02:03.120` since the first line.
 *
 * @param time - in milliseconds since 1970.
 * @param origin - the time of the first line.
 */
export function lineTime(
  time: number,
  style: TimeStyle,
  origin: number
): string {
  switch (style) {
    case 'local':
      return clock(time - new Date(time).getTimezoneOffset() * 60_000);
    case 'utc':
      return clock(time);
    case 'relative':
      return sinceStart(time - origin);
    case 'none':
      return '';
  }
}

/** The whole time of a line, for the one who hovers. */
export function wholeTime(time: number, style: TimeStyle): string {
  const zone = style === 'utc' ? { timeZone: 'UTC' } : {};
  return new Intl.DateTimeFormat(document.documentElement.lang || undefined, {
    year: 'numeric',
    month: 'short',
    day: 'numeric',
    hour: 'numeric',
    minute: '2-digit',
    second: '2-digit',
    fractionalSecondDigits: 3,
    timeZoneName: 'short',
    ...zone
  }).format(time);
}

function clock(time: number): string {
  return new Date(time).toISOString().slice(11, 23);
}

function sinceStart(span: number): string {
  const sign = span < 0 ? '-' : '+';
  const all = Math.abs(span);
  const two = (part: number) => String(Math.floor(part)).padStart(2, '0');
  const rest = String(all % 1000).padStart(3, '0');
  return `${sign}${Math.floor(all / 3_600_000)}:${two((all / 60_000) % 60)}:${two(
    (all / 1000) % 60
  )}.${rest}`;
}
