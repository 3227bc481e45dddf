import type { LogRecord } from '../record';
import { BASE, CAPACITY, FRAME_HEADER_BYTES, HEAD, maxFrameBytes, SKIPS_TO_START, TAIL, type SharedQueueMemory } from './shared-queue';

/** Writes records as frames into the memory of a shared queue. */
export interface RingWriter {
  /**
   * Writes a record from byte `offset`, a multiple of 8, to at most below `limit`. May be called again for the same record with another room.
   * @returns the bytes used, a multiple of 8; 0: it does not fit, what was written means nothing; below 0: the record has no valid form. Never throws.
   */
  write(record: LogRecord, offset: number, limit: number): number;
}

/** The writer's answer to too little room. */
export const DOES_NOT_FIT = 0;

/**
 * The ring as its producer sees it: where frames go, and what the consumer has left free. It decides nothing.
 *
 * Invariants:
 * - `accepted = waiting + evicted +` what the consumer has taken, and `usedBytes <= capacityBytes`.
 * - The head that it knows is one that `HEAD` has had, so it can only overstate what is in use.
 */
export class SharedQueueRing {
  readonly capacityBytes: number;
  readonly #control: Int32Array;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #maxFrameBytes: number;
  readonly #writer: RingWriter;
  #tail: number;
  #base: number;
  #head: number;
  /** The sequence number of the frame at the head, and of the next one to be written. */
  #headSequence: number;
  #sequence: number;
  #accepted = 0;
  #evicted = 0;
  #lastFrameBytes = FRAME_HEADER_BYTES;
  #largestFrameBytes = FRAME_HEADER_BYTES;

  constructor(memory: SharedQueueMemory, writer: RingWriter) {
    this.#control = new Int32Array(memory.control);
    this.#words = new Int32Array(memory.data);
    this.#bytes = new Uint8Array(memory.data);
    this.capacityBytes = this.#control[CAPACITY] as number;
    this.#maxFrameBytes = maxFrameBytes(this.capacityBytes);
    this.#writer = writer;
    this.#tail = this.#control[TAIL] as number;
    this.#base = this.#control[BASE] as number;
    this.#head = this.#sequence = this.#headSequence = this.#tail;
  }

  /** The consumer's position as far as it is known. */
  get head(): number {
    return this.#head;
  }

  get usedBytes(): number {
    return (this.#tail - this.#head) | 0;
  }

  /** Records in the ring. */
  get waiting(): number {
    return (this.#sequence - this.#headSequence) | 0;
  }

  get accepted(): number {
    return this.#accepted;
  }

  get evicted(): number {
    return this.#evicted;
  }

  get lastFrameBytes(): number {
    return this.#lastFrameBytes;
  }

  get largestFrameBytes(): number {
    return this.#largestFrameBytes;
  }

  /** @returns whether the head has moved */
  reloadHead(): boolean {
    // A plain read costs 1 ns, an atomic one 13: it tells at nearly no cost that nothing has moved. What it says is only acted upon after the atomic one.
    if (this.#control[HEAD] === this.#head) {
      return false;
    }
    const head = Atomics.load(this.#control, HEAD);
    this.#head = head;
    this.#headSequence = head === this.#tail ? this.#sequence : (this.#words[(this.#offsetOf(head) >> 2) + 1] as number);
    return true;
  }

  /** How many frames of that size fit. Changes nothing: a getter of a record that is just being written may ask. */
  roomFor(frameBytes: number): number {
    const toEnd = this.usedBytes === 0 ? this.capacityBytes : this.capacityBytes - this.#offsetOf(this.#tail);
    const free = this.capacityBytes - this.usedBytes;
    return Math.floor(Math.min(free, toEnd) / frameBytes) + Math.floor(Math.max(free - toEnd, 0) / frameBytes);
  }

  /** Whether one frame of that size fits. */
  fits(frameBytes: number): boolean {
    const toEnd = this.#bytesToEnd();
    return (frameBytes <= toEnd ? frameBytes : toEnd + frameBytes) <= this.capacityBytes - this.usedBytes;
  }

  /**
   * Writes and publishes the record where it belongs, so that at most `maxBytes` are in use.
   * @returns the writer's answer
   */
  write(record: LogRecord, maxBytes: number): number {
    const toEnd = this.#bytesToEnd();
    const free = maxBytes - this.usedBytes;
    const room = Math.min(free, toEnd, this.#maxFrameBytes);
    const offset = this.capacityBytes - toEnd;
    let written = DOES_NOT_FIT;
    if (room > FRAME_HEADER_BYTES) {
      written = this.#writer.write(record, offset + FRAME_HEADER_BYTES, offset + room);
      if (written > 0) {
        this.#publish(offset, written + FRAME_HEADER_BYTES);
      }
    }
    const roomAtStart = Math.min(free - toEnd, this.#maxFrameBytes);
    if (written === DOES_NOT_FIT && roomAtStart > Math.max(room, FRAME_HEADER_BYTES)) {
      written = this.#writer.write(record, FRAME_HEADER_BYTES, roomAtStart);
      if (written > 0) {
        this.#publish(0, written + FRAME_HEADER_BYTES);
      }
    }
    return written;
  }

  /**
   * Writes the record behind the ring, where nobody reads it, with the room of the largest frame.
   * @returns the writer's answer
   */
  writeAside(record: LogRecord): number {
    const aside = this.capacityBytes;
    return this.#writer.write(record, aside + FRAME_HEADER_BYTES, aside + this.#maxFrameBytes);
  }

  /** Publishes what `writeAside` wrote. It must fit. */
  publishAside(frameBytes: number): void {
    const toEnd = this.#bytesToEnd();
    const start = frameBytes <= toEnd ? this.capacityBytes - toEnd : 0;
    this.#bytes.copyWithin(start, this.capacityBytes, this.capacityBytes + frameBytes);
    this.#publish(start, frameBytes);
  }

  /** Drops the oldest frame, unless the consumer takes it first. One must wait. */
  evictOldest(): void {
    let next = this.#head;
    let length = this.#words[this.#offsetOf(next) >> 2] as number;
    if ((length & SKIPS_TO_START) !== 0) {
      next = (next + length - SKIPS_TO_START) | 0;
      length = this.#words[0] as number;
    }
    next = (next + length) | 0;
    if (Atomics.compareExchange(this.#control, HEAD, this.#head, next) === this.#head) {
      this.#evicted++;
    }
    this.reloadHead();
  }

  #offsetOf(position: number): number {
    return (position - this.#base) & (this.capacityBytes - 1);
  }

  /** Bytes from the tail to the end of the ring; all of them if it is empty, because an empty ring begins at byte 0 again. */
  #bytesToEnd(): number {
    if (this.#head === this.#tail && this.#base !== this.#tail) {
      this.#base = this.#tail;
      Atomics.store(this.#control, BASE, this.#base);
    }
    return this.capacityBytes - this.#offsetOf(this.#tail);
  }

  #publish(start: number, frameBytes: number): void {
    const offset = this.#offsetOf(this.#tail);
    if (start !== offset) {
      const skipped = this.capacityBytes - offset;
      this.#words[offset >> 2] = skipped | SKIPS_TO_START;
      this.#words[(offset >> 2) + 1] = this.#sequence;
      this.#tail = (this.#tail + skipped) | 0;
    }
    this.#words[start >> 2] = frameBytes;
    this.#words[(start >> 2) + 1] = this.#sequence;
    this.#tail = (this.#tail + frameBytes) | 0;
    this.#sequence = (this.#sequence + 1) | 0;
    Atomics.store(this.#control, TAIL, this.#tail);
    this.#accepted++;
    this.#lastFrameBytes = frameBytes;
    this.#largestFrameBytes = Math.max(this.#largestFrameBytes, frameBytes);
  }
}
