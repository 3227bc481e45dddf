import type { LogRecord } from '../record';

// Slots of a segment; a power of two, so that an index wraps by a mask. The default queue fits into one.
const SEGMENT_SLOTS = 2048;
const MASK = SEGMENT_SLOTS - 1;

/** A ring of its own. A queue that grows past it links another one, so no operation ever copies what is already queued. */
class Segment {
  readonly records = new Array<LogRecord | undefined>(SEGMENT_SLOTS).fill(undefined);
  readonly sizes: Float64Array | undefined;
  head = 0;
  length = 0;
  next: Segment | undefined = undefined;

  constructor(sized: boolean) {
    this.sizes = sized ? new Float64Array(SEGMENT_SLOTS) : undefined;
  }
}

export interface RecordQueueBounds {
  /** Most records, waiting and taken together. */
  readonly maxRecords: number;
  /** Most bytes by the sizes given to `push`, waiting and taken together; undefined: not bounded, sizes are not kept. */
  readonly maxBytes?: number | undefined;
}

/** What `take` gives; goes back by `release` when its records are settled. */
export interface TakenBatch {
  readonly records: LogRecord[];
  /** The position of its first record. Positions count what has ever entered the queue and never repeat. */
  readonly firstPosition: number;
  /** What its records weigh against `maxBytes`. */
  readonly heldBytes: number;
}

/**
 * A FIFO of records, bounded by records and bytes, with every operation in constant time at every size.
 *
 * Invariants:
 * - `size = length + held <= maxRecords`, `bytes <= maxBytes`: what is taken still counts until it is released, because it is still in memory.
 * - `headPosition + length` is the number of records that ever entered.
 * - A slot that holds no waiting record is undefined: the queue keeps nothing alive.
 */
export class RecordQueue {
  readonly maxRecords: number;
  readonly maxBytes: number;
  readonly #sized: boolean;
  #first: Segment;
  #last: Segment;
  #spare: Segment | undefined = undefined;
  #length = 0;
  #held = 0;
  #bytes = 0;
  #headPosition = 0;

  constructor(bounds: RecordQueueBounds) {
    this.maxRecords = bounds.maxRecords;
    this.maxBytes = bounds.maxBytes ?? Infinity;
    this.#sized = bounds.maxBytes !== undefined;
    this.#first = this.#last = new Segment(this.#sized);
  }

  /** Records that wait to be taken. */
  get length(): number {
    return this.#length;
  }

  /** Records that wait or are taken and not yet released. */
  get size(): number {
    return this.#length + this.#held;
  }

  /** Bytes of the same; 0 where bytes are not bounded. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The position of the oldest waiting record, or of the next one to come if none waits. */
  get headPosition(): number {
    return this.#headPosition;
  }

  /** One behind the position of the newest record. */
  get endPosition(): number {
    return this.#headPosition + this.#length;
  }

  fits(bytes: number): boolean {
    return this.#length + this.#held < this.maxRecords && this.#bytes + bytes <= this.maxBytes;
  }

  /** The larger one of the two fill levels, 0 to 1. */
  get fillRatio(): number {
    const byRecords = (this.#length + this.#held) / this.maxRecords;
    return this.#sized ? Math.max(byRecords, this.#bytes / this.maxBytes) : byRecords;
  }

  /** Appends a record. The caller has made sure that it `fits`. */
  push(record: LogRecord, bytes: number): void {
    let segment = this.#last;
    if (segment.length === SEGMENT_SLOTS) {
      segment = segment.next = this.#spare ?? new Segment(this.#sized);
      this.#spare = undefined;
      this.#last = segment;
    }
    const slot = (segment.head + segment.length) & MASK;
    segment.records[slot] = record;
    if (segment.sizes !== undefined) {
      segment.sizes[slot] = bytes;
      this.#bytes += bytes;
    }
    segment.length++;
    this.#length++;
  }

  /** Removes the oldest waiting record for good; false if none waits. */
  evictOldest(): boolean {
    if (this.#length === 0) {
      return false;
    }
    const segment = this.#first;
    this.#bytes -= segment.sizes?.[segment.head] ?? 0;
    this.#removeHead(segment);
    return true;
  }

  /** The oldest waiting records, at most `maxRecords` of them, which stay where they are. */
  oldest(maxRecords: number): LogRecord[] {
    const records: LogRecord[] = [];
    for (let segment: Segment | undefined = this.#first; segment !== undefined && records.length < maxRecords; segment = segment.next) {
      const count = Math.min(segment.length, maxRecords - records.length);
      for (let index = 0; index < count; index++) {
        records.push(segment.records[(segment.head + index) & MASK] as LogRecord);
      }
    }
    return records;
  }

  /**
   * Takes the oldest records, at most `maxRecords` of them and, but for a first one that is larger by itself, at most `maxBytes` as `sizeOf` counts.
   * At least one record must wait.
   */
  take(maxRecords: number, maxBytes: number, sizeOf: (record: LogRecord) => number): TakenBatch {
    const firstPosition = this.#headPosition;
    const records: LogRecord[] = [];
    let heldBytes = 0;
    let batchBytes = 0;
    while (this.#length > 0 && records.length < maxRecords) {
      const segment = this.#first;
      const record = segment.records[segment.head] as LogRecord;
      if (maxBytes !== Infinity) {
        batchBytes += sizeOf(record);
        if (batchBytes > maxBytes && records.length > 0) {
          break;
        }
      }
      records.push(record);
      heldBytes += segment.sizes?.[segment.head] ?? 0;
      this.#removeHead(segment);
    }
    this.#held += records.length;
    return { records, firstPosition, heldBytes };
  }

  /** Gives the room of a taken batch free. */
  release(batch: TakenBatch): void {
    this.#held -= batch.records.length;
    this.#bytes -= batch.heldBytes;
  }

  /** Removes all that waits and says how many records that were. */
  clear(): number {
    const cleared = this.#length;
    while (this.evictOldest());
    return cleared;
  }

  #removeHead(segment: Segment): void {
    segment.records[segment.head] = undefined;
    segment.head = (segment.head + 1) & MASK;
    segment.length--;
    this.#length--;
    this.#headPosition++;
    if (segment.length === 0 && segment.next !== undefined) {
      this.#first = segment.next;
      segment.next = undefined;
      segment.head = 0;
      // One empty segment is kept: a queue whose length swings around a multiple of its slots would otherwise allocate at each swing.
      this.#spare = segment;
    }
  }
}
