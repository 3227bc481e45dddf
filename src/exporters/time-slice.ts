import { performance } from 'node:perf_hooks';

// A turn of the event loop serializes for about this long, then others have their turn. Half of the 5 ms that the README promises, because a garbage collection or a slow machine adds to it.
const SLICE_MILLIS = 2.5;

// Reading the clock costs about as much as encoding a tenth of a small record.
const RECORDS_PER_CLOCK_READ = 16;

/**
 * Calls `encode` for every record, in order, and gives the event loop a turn whenever a slice of time is used up.
 * Rejects with the signal's reason as soon as it is aborted between two slices.
 */
export async function encodeInSlices<T>(records: readonly T[], encode: (record: T) => void, signal: AbortSignal): Promise<void> {
  let sliceEnd = performance.now() + SLICE_MILLIS;
  for (let index = 0; index < records.length; index++) {
    encode(records[index] as T);
    if (index % RECORDS_PER_CLOCK_READ === RECORDS_PER_CLOCK_READ - 1 && performance.now() >= sliceEnd) {
      await new Promise(setImmediate);
      signal.throwIfAborted();
      sliceEnd = performance.now() + SLICE_MILLIS;
    }
  }
}
