import { lineTime, wholeTime } from '../times';

const TIME = Date.UTC(2026, 10, 22, 21, 15, 0, 123);

it('writes times of lines', () => {
  expect(lineTime(TIME, 'utc', 0)).toBe('21:15:00.123');
  const offset = new Date(TIME).getTimezoneOffset() * 60_000;
  expect(lineTime(TIME + offset, 'local', 0)).toBe('21:15:00.123');
  expect(lineTime(TIME, 'relative', TIME - 3_723_120)).toBe('+1:02:03.120');
  expect(lineTime(TIME, 'relative', TIME + 1)).toBe('-0:00:00.001');
  expect(lineTime(TIME, 'none', 0)).toBe('');
  expect(wholeTime(TIME, 'utc')).toMatch(/Nov 22, 2026.*\.123.*UTC/);
});
