const SYMBOLS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** How much, e.g. `1.5 MiB`. */
export function formatBytes(bytes: number): string {
  let [size, unit] = [bytes, 0];
  while (size >= 1024 && unit < SYMBOLS.length - 1) {
    size /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || size >= 100 ? 0 : 1;
  return `${Number(size.toFixed(digits))} ${SYMBOLS[unit] ?? ''}`;
}
