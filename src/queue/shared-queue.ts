/**
 * A byte ring in shared memory between one producer (the main thread) and one consumer (the worker thread): what both sides know of it.
 *
 * - Positions are 32-bit byte counts that only grow and wrap at 2^32; `tail - head` bytes are in use. The byte of a position is at `(position - base) % capacity`.
 *   The producer moves `base` when the ring is empty, so that a ring which never holds much stays in the first, still cached part of its memory.
 * - A frame is two words, its length in bytes (with these words, a multiple of 8) and its sequence number, and what the writer wrote. It never runs over the end of the
 *   ring: a frame of the same two words with `SKIPS_TO_START` in its length fills the rest, and the next one begins at byte 0.
 * - The producer alone writes frames and `tail`; the store of `tail` publishes a frame. The consumer moves `head` behind what it took, and so does the producer under
 *   `drop-oldest`: always by compare-and-swap, so a frame is taken or evicted, never both, and who lost the race throws away what it read.
 * - `head` alone says what is taken: the sequence number of the frame at `head` tells how many records wait. A consumer that dies leaves nothing half done, and the
 *   next one goes on at `head`.
 */
export interface SharedQueueMemory {
  readonly control: SharedArrayBuffer;
  /** The ring, and behind it room for one largest frame, where the producer measures a record that the ring has no room for. Untouched pages of it take no memory. */
  readonly data: SharedArrayBuffer;
}

// Words of `control`. Lines of 128 bytes: processors fetch cache lines in pairs, and what one side writes often must not slow the other down.
const LINE_WORDS = 32;
/** Behind the newest frame. Written by the producer. */
export const TAIL = 0;
/** The position that stands at byte 0. Written by the producer, only while the ring is empty. */
export const BASE = 1;
/** Bytes of the ring; never changes. */
export const CAPACITY = 2;
/** The oldest frame. Both sides move it. A producer that waits for room sleeps on it. */
export const HEAD = LINE_WORDS;
/** How many on the producer's side wait for `HEAD` to move. Written by the producer. */
export const WAITERS = 2 * LINE_WORDS;
/** Counts the calls of `notify`. The consumer sleeps on it. */
export const WAKE = 3 * LINE_WORDS;
const CONTROL_WORDS = 4 * LINE_WORDS;

/** Bytes of the two words in front of each frame. */
export const FRAME_HEADER_BYTES = 8;
/** In the length of a frame that holds no record and reaches to the end of the ring. */
export const SKIPS_TO_START = 1;

export const MIN_CAPACITY_BYTES = 32 * 1024;
export const MAX_CAPACITY_BYTES = 1024 * 1024 * 1024;

/** The largest frame: an empty ring must have room for it. */
export function maxFrameBytes(capacity: number): number {
  return capacity / 2;
}

/** The largest capacity that a ring can have within `maxBytes`; below the smallest one, the smallest one. */
export function capacityWithin(maxBytes: number): number {
  const bounded = Math.min(Math.max(maxBytes, MIN_CAPACITY_BYTES), MAX_CAPACITY_BYTES);
  return 2 ** Math.floor(Math.log2(bounded));
}

/**
 * @param capacity bytes of the ring: a power of two, so that positions may wrap at 2^32
 * @param startPosition where positions begin, a multiple of 8; tests begin near the wrap
 * @throws RangeError if one of them is not that
 */
export function createSharedQueueMemory(capacity: number, startPosition = 0): SharedQueueMemory {
  if (!(capacity >= MIN_CAPACITY_BYTES && capacity <= MAX_CAPACITY_BYTES && Number.isInteger(Math.log2(capacity)))) {
    throw new RangeError(`the capacity of a shared queue must be a power of two from ${MIN_CAPACITY_BYTES} to ${MAX_CAPACITY_BYTES}, received ${capacity}`);
  }
  if (startPosition % 8 !== 0) {
    throw new RangeError(`the start position of a shared queue must be a multiple of 8, received ${startPosition}`);
  }
  const memory = {
    control: new SharedArrayBuffer(CONTROL_WORDS * Int32Array.BYTES_PER_ELEMENT),
    data: new SharedArrayBuffer(capacity + maxFrameBytes(capacity)),
  };
  const control = new Int32Array(memory.control);
  control[CAPACITY] = capacity;
  control[HEAD] = control[TAIL] = control[BASE] = startPosition | 0;
  return memory;
}
