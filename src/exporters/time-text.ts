const NANOS_PER_SECOND = 1_000_000_000;

// RFC 3339 has four digits for the year.
const MAX_SECONDS = 253_402_300_799;

/** Formats times; keeps the text of the last second, which most records share with the one before. */
export class TimeTexts {
  #seconds = -1;
  #text = '';

  /**
   * An `HrTime` in RFC 3339, in UTC and with nanoseconds.
   * Undefined if it is unset (zero) or no time from 1970 to 9999, whatever else it is.
   */
  text(time: unknown): string | undefined {
    if (!Array.isArray(time)) {
      return undefined;
    }
    const wholeSeconds: unknown = time[0];
    const fraction: unknown = time[1];
    if (typeof wholeSeconds !== 'number' || typeof fraction !== 'number' || (wholeSeconds === 0 && fraction === 0)) {
      return undefined;
    }
    const carry = Math.floor(fraction / NANOS_PER_SECOND);
    const seconds = wholeSeconds + carry;
    const nanos = Math.floor(fraction - carry * NANOS_PER_SECOND);
    if (!Number.isInteger(seconds) || !(nanos >= 0) || seconds < 0 || seconds > MAX_SECONDS) {
      return undefined;
    }
    if (seconds !== this.#seconds) {
      this.#text = new Date(seconds * 1000).toISOString().slice(0, 20);
      this.#seconds = seconds;
    }
    return `${this.#text}${String(nanos).padStart(9, '0')}Z`;
  }
}
