/** Digits of a number that is shown among others. */
const DIGITS = 4;

/** A number in a few digits, e.g. `0.1235`, `1.2e-7` or `12346`; nothing for what is not there. */
export function formatNumber(value: number | null | undefined): string {
  if (value === null || value === undefined) {
    return '';
  }
  const number = Number(value);
  const whole = Number.isInteger(number) && Math.abs(number) < 1e15;
  return whole ? String(number) : String(Number(number.toPrecision(DIGITS)));
}
