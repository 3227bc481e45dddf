const COUNT = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** `50,000` */
export function count(value: number): string {
  return COUNT.format(value);
}

/** Three digits that matter, whatever the size: `0.42`, `4.2`, `42`, `4,200`. */
function digits(value: number): string {
  return value >= 10 ? COUNT.format(value) : value >= 1 ? value.toFixed(1) : value.toFixed(2);
}

export function micros(value: number | null): string {
  return value === null ? 'n/a' : `${digits(value)} µs`;
}

export function millis(value: number): string {
  return `${value >= 100 ? COUNT.format(value) : value.toFixed(1)} ms`;
}

export function mebibytes(bytes: number): string {
  return `${COUNT.format(bytes / 1024 / 1024)} MiB`;
}

export function percent(part: number, whole: number): string {
  const value = whole === 0 ? 0 : (100 * part) / whole;
  // Never 100 % for less than all.
  return `${value === 100 || value === 0 ? value : Math.min(value, 99.99).toFixed(2)} %`;
}

export function ratio(value: number): string {
  return Number.isFinite(value) ? `${value.toFixed(2)}x` : 'n/a';
}
