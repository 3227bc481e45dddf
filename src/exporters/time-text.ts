const NANOS_PER_SECOND = 1_000_000_000;

// RFC 3339 has four digits for the year.
const MAX_SECONDS = 253_402_300_799;

/**
 * An `HrTime` in RFC 3339, in UTC and with nanoseconds.
 * Undefined if it is unset (zero) or no time from 1970 to 9999, whatever else it is.
 */
export function timeText(time: unknown): string | undefined {
  if (!Array.isArray(time)) {
    return undefined;
  }
  const [wholeSeconds, fraction] = time as unknown[];
  if (typeof wholeSeconds !== 'number' || typeof fraction !== 'number' || (wholeSeconds === 0 && fraction === 0)) {
    return undefined;
  }
  const seconds = wholeSeconds + Math.floor(fraction / NANOS_PER_SECOND);
  const nanos = fraction - Math.floor(fraction / NANOS_PER_SECOND) * NANOS_PER_SECOND;
  if (!Number.isInteger(seconds) || !(nanos >= 0) || seconds < 0 || seconds > MAX_SECONDS) {
    return undefined;
  }
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}.${String(Math.floor(nanos)).padStart(9, '0')}Z`;
}
