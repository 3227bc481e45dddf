import type { SequenceSink } from './sequence-counter';

// Field numbers of opentelemetry-proto: ExportLogsServiceRequest.resource_logs, ResourceLogs.scope_logs, ScopeLogs.log_records, LogRecord.attributes.
const RESOURCE_LOGS = 1;
const SCOPE_LOGS = 2;
const LOG_RECORDS = 2;
const ATTRIBUTES = 6;

const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

/** Key 1 of length 3, "seq", then value 2. */
const SEQUENCE_KEY = Uint8Array.of(0x0a, 3, 0x73, 0x65, 0x71, 0x12);
const INT_VALUE_TAG = (3 << 3) | VARINT;
const DOUBLE_VALUE_TAG = (4 << 3) | FIXED64;

/** Walks an OTLP logs request and counts the `seq` attribute of each record; it reads nothing else, because it shares the machine with what it measures. */
export class OtlpWalk {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** @throws RangeError if the bytes are no protobuf message */
  countRecords(counter: SequenceSink, arrivedMillis: number): void {
    this.#each(this.#bytes.length, RESOURCE_LOGS, (resourceEnd) => {
      this.#each(resourceEnd, SCOPE_LOGS, (scopeEnd) => {
        this.#each(scopeEnd, LOG_RECORDS, (recordEnd) => {
          let sequence = -1;
          this.#each(recordEnd, ATTRIBUTES, () => {
            sequence = Math.max(sequence, this.#sequenceAttribute());
          });
          counter.add(sequence, arrivedMillis);
        });
      });
    });
  }

  /** Calls `visit` at the start of each sub-message `wanted` and continues behind it, wherever `visit` stopped. */
  #each(end: number, wanted: number, visit: (end: number) => void): void {
    while (this.#at < end) {
      const tag = this.#varint();
      switch (tag & 7) {
        case VARINT:
          this.#varint();
          break;
        case FIXED64:
          this.#at += 8;
          break;
        case FIXED32:
          this.#at += 4;
          break;
        case LENGTH_DELIMITED: {
          const length = this.#varint();
          const next = this.#at + length;
          if (next > end) {
            throw new RangeError('a field reaches beyond its message');
          }
          if (tag >>> 3 === wanted) {
            visit(next);
          }
          this.#at = next;
          break;
        }
        default:
          throw new RangeError(`unknown wire type ${tag & 7}`);
      }
    }
    if (this.#at !== end) {
      throw new RangeError('a message ends inside a field');
    }
  }

  #sequenceAttribute(): number {
    const start = this.#at;
    for (let index = 0; index < SEQUENCE_KEY.length; index += 1) {
      if (this.#bytes[start + index] !== SEQUENCE_KEY[index]) {
        return -1;
      }
    }
    this.#at = start + SEQUENCE_KEY.length;
    this.#varint();
    const tag = this.#varint();
    return tag === INT_VALUE_TAG ? this.#varint() : tag === DOUBLE_VALUE_TAG ? this.#bytes.readDoubleLE(this.#at) : -1;
  }

  #varint(): number {
    let value = 0;
    let factor = 1;
    for (;;) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) {
        throw new RangeError('the message ends inside a number');
      }
      this.#at += 1;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) {
        return value;
      }
      factor *= 128;
    }
  }
}
