const TWO_32 = 0x1_0000_0000;
const NANOS_PER_SECOND = 1_000_000_000;
const MILLION = 1_000_000;

// Beyond these the result is clamped anyway; within them every product below is an exact integer.
const MAX_SECONDS = 2 ** 35;
const MAX_NANOS = 2 ** 52;

/**
 * Nanoseconds since the Unix epoch as 64 bits in two halves, without a BigInt per record.
 * What is no `[seconds, nanoseconds]` of finite numbers is 0, which OTLP reads as "unknown"; what does not fit is clamped.
 */
export class UnixNanos {
  /** The lower 32 bits. */
  low = 0;
  /** The upper 32 bits. */
  high = 0;

  set(hrTime: unknown): this {
    this.low = 0;
    this.high = 0;
    if (!Array.isArray(hrTime)) {
      return this;
    }
    const seconds: unknown = hrTime[0];
    const nanos: unknown = hrTime[1];
    // `x - x` is 0 for finite numbers alone.
    if (typeof seconds !== 'number' || typeof nanos !== 'number' || seconds - seconds !== 0 || nanos - nanos !== 0) {
      return this;
    }
    const wholeSeconds = clamp(Math.trunc(seconds), MAX_SECONDS);
    // seconds = upper * 2^16 + lower, because seconds * 10^9 as a whole exceeds 2^53.
    const upper = Math.floor(wholeSeconds / 0x1_0000);
    const lower = wholeSeconds - upper * 0x1_0000;
    const upperNanos = upper * NANOS_PER_SECOND;
    const upperNanosHigh = Math.floor(upperNanos / 0x1_0000);
    const rest = (upperNanos - upperNanosHigh * 0x1_0000) * 0x1_0000 + lower * NANOS_PER_SECOND + clamp(Math.trunc(nanos), MAX_NANOS);
    const carry = Math.floor(rest / TWO_32);
    const high = upperNanosHigh + carry;
    if (high >= TWO_32) {
      this.low = 0xffff_ffff;
      this.high = 0xffff_ffff;
    } else if (high >= 0) {
      this.low = rest - carry * TWO_32;
      this.high = high;
    }
    return this;
  }

  /** The number in decimal. */
  toString(): string {
    // Divided by 10^6 in two steps, of which each stays below 2^53.
    const upper = Math.floor(this.high / MILLION);
    const rest = (this.high - upper * MILLION) * TWO_32 + this.low;
    const quotient = Math.floor(rest / MILLION);
    const millions = upper * TWO_32 + quotient;
    const remainder = rest - quotient * MILLION;
    return millions === 0 ? String(remainder) : String(millions) + String(MILLION + remainder).slice(1);
  }
}

function clamp(value: number, limit: number): number {
  return value > limit ? limit : value < -limit ? -limit : value;
}
