/** In microseconds. All zero for a histogram without values. */
export interface LatencySummary {
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

const MANTISSA_BITS = 7;
const SHIFT = 20 - MANTISSA_BITS;
const POWERS_OF_TWO = 44;
const BUCKETS = POWERS_OF_TWO << MANTISSA_BITS;
/** Upper half of the double 1.0: the smallest value that has a bucket of its own is 1 nanosecond. */
const ONE = 0x3ff00000 >>> SHIFT;

/**
 * Log-linear buckets from 1 ns to about 4 hours, 128 for each power of two: a percentile is off by at most 0.4 %, mean and maximum are exact.
 * Memory is fixed (44 KiB), however many values there are.
 */
export class LatencyHistogram {
  readonly #buckets = new Float64Array(BUCKETS);
  readonly #double = new DataView(new ArrayBuffer(8));
  #count = 0;
  #sum = 0;
  #max = 0;

  get count(): number {
    return this.#count;
  }

  record(micros: number): void {
    const value = micros > 0 ? micros : 0;
    // Exponent and leading mantissa bits of a double are a log-linear bucket number already.
    this.#double.setFloat64(0, value * 1000);
    const bucket = (this.#double.getUint32(0) >>> SHIFT) - ONE;
    this.#buckets[bucket < 0 ? 0 : bucket < BUCKETS ? bucket : BUCKETS - 1]! += 1;
    this.#count += 1;
    this.#sum += value;
    if (value > this.#max) {
      this.#max = value;
    }
  }

  /** The value that `part` (0 to 1) of all values do not exceed, in microseconds. */
  percentile(part: number): number {
    const rank = Math.max(1, Math.ceil(part * this.#count));
    let seen = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
      seen += this.#buckets[bucket]!;
      if (seen >= rank) {
        return Math.min(this.#max, this.#middleMicros(bucket));
      }
    }
    return this.#max;
  }

  summary(): LatencySummary {
    return {
      mean: this.#count === 0 ? 0 : this.#sum / this.#count,
      p50: this.percentile(0.5),
      p90: this.percentile(0.9),
      p99: this.percentile(0.99),
      p999: this.percentile(0.999),
      max: this.#max,
    };
  }

  #middleMicros(bucket: number): number {
    return (this.#lowerNanos(bucket) + this.#lowerNanos(bucket + 1)) / 2000;
  }

  #lowerNanos(bucket: number): number {
    this.#double.setUint32(0, (bucket + ONE) << SHIFT);
    this.#double.setUint32(4, 0);
    return this.#double.getFloat64(0);
  }
}
