import type { LogRecord } from '../../src/record';
import type { RingWriter } from '../../src/queue/shared-queue-ring';
import type { SharedQueueMemory } from '../../src/queue/shared-queue';

/** What the pattern writer knows of a record. */
export interface PatternRecord {
  readonly seq: number;
  /** Bytes of the frame's content, a multiple of 8; below 0: a record without a valid form. */
  readonly bytes: number;
  readonly spanContext?: { readonly traceId: string };
}

export function asLogRecord(record: PatternRecord): LogRecord {
  return record as unknown as LogRecord;
}

// Looked up once: under jest each use of a global costs a microsecond.
const { imul } = Math;

/** Word `index` of the content: each one differs from its neighbours and from those of other records. */
export function patternWord(seq: number, index: number): number {
  return index === 0 ? seq : (imul(seq, 0x9e3779b1) + imul(index, 0x85ebca6b)) | 0;
}

/** Fills a frame with the pattern of its record, and all the room with it if it does not fit: a ring must bear both. */
export class PatternWriter implements RingWriter {
  readonly #words: Int32Array;
  calls = 0;

  constructor(memory: SharedQueueMemory) {
    this.#words = new Int32Array(memory.data);
  }

  write(record: LogRecord, offset: number, limit: number): number {
    this.calls++;
    const { seq, bytes } = record as unknown as PatternRecord;
    if (offset % 8 !== 0 || limit % 8 !== 0 || limit > this.#words.byteLength) {
      throw new Error(`room from ${offset} to ${limit} of ${this.#words.byteLength}`);
    }
    if (bytes < 0) {
      return -1;
    }
    const words = Math.min(bytes, limit - offset) >> 2;
    for (let index = 0, at = offset >> 2; index < words; index++, at++) {
      this.#words[at] = patternWord(seq, index);
    }
    return bytes <= limit - offset ? bytes : 0;
  }
}
