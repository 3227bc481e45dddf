import { performance } from 'node:perf_hooks';

// A turn of the event loop serializes for about this long, then others have their turn. Half of the 5 ms that the README promises, because a garbage collection or a slow machine adds to it.
const SLICE_MILLIS = 2.5;

// Reading the clock costs about as much as encoding a tenth of a small record; so it is read again when half of what is left is probably used up.
const FIRST_CLOCK_READ = 8;
const MAX_RECORDS_PER_CLOCK_READ = 256;

/**
 * Calls `encode` for every record, in order, and gives the event loop a turn whenever a slice of time is used up.
 * Rejects with the signal's reason as soon as it is aborted between two slices.
 */
export async function encodeInSlices<T>(records: readonly T[], encode: (record: T) => void, signal: AbortSignal): Promise<void> {
  let sliceStart = performance.now();
  let encodedInSlice = 0;
  let nextRead = FIRST_CLOCK_READ;
  for (let index = 0; index < records.length; index++) {
    encode(records[index] as T);
    if (++encodedInSlice < nextRead) {
      continue;
    }
    const elapsed = performance.now() - sliceStart;
    if (elapsed >= SLICE_MILLIS) {
      await new Promise(setImmediate);
      signal.throwIfAborted();
      sliceStart = performance.now();
      encodedInSlice = 0;
      nextRead = FIRST_CLOCK_READ;
    } else {
      const expected = (encodedInSlice * (SLICE_MILLIS - elapsed)) / (2 * elapsed);
      nextRead = encodedInSlice + Math.min(MAX_RECORDS_PER_CLOCK_READ, Math.max(1, Math.floor(expected)));
    }
  }
}
