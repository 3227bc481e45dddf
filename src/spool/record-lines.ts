import { LogsJsonEncoder } from '../otlp/json';
import type { LogRecord } from '../record';

// What a corrupt line costs at most, and what is read again when only its last record is wanted.
export const MAX_LINE_RECORDS = 128;
const FULL_LINE_BYTES = 256 * 1024;

const NEWLINE = Buffer.from('\n');

/** Records as lines of OTLP/JSON. */
export interface RecordLines {
  /** Whole lines, each with its line break. */
  readonly bytes: Buffer;
  /** Where each line ends in `bytes`. */
  readonly ends: readonly number[];
  /** Records of each line. */
  readonly counts: readonly number[];
  readonly records: number;
  /** Records that have no form in OTLP: a getter throws, too large. */
  readonly invalid: number;
}

/** Writes groups of records, in their order, as lines of OTLP/JSON: what the Collector's `otlpjsonfile` receiver reads. */
export class RecordLinesWriter {
  readonly #encoder = new LogsJsonEncoder();
  readonly #maxLineRecords: number;

  /** @param maxLineRecords lines come back whole, so that it must not be more than a batch may hold */
  constructor(maxLineRecords = MAX_LINE_RECORDS) {
    this.#maxLineRecords = maxLineRecords;
  }

  /** Never throws for what a record is. */
  write(records: readonly LogRecord[]): RecordLines {
    const encoder = this.#encoder;
    const parts: Uint8Array[] = [];
    const ends: number[] = [];
    const counts: number[] = [];
    let end = 0;
    let count = 0;
    let invalid = 0;
    encoder.begin();
    for (let index = 0; index < records.length; index++) {
      if (encoder.add(records[index] as LogRecord)) {
        count++;
      } else {
        invalid++;
      }
      if (count > 0 && (count === this.#maxLineRecords || encoder.bytes >= FULL_LINE_BYTES || index === records.length - 1)) {
        const line = encoder.finishBytes();
        // A copy: the encoder uses its buffer for the next line.
        parts.push(new Uint8Array(line), NEWLINE);
        end += line.length + 1;
        ends.push(end);
        counts.push(count);
        count = 0;
        encoder.begin();
      }
    }
    return { bytes: Buffer.concat(parts, end), ends, counts, records: records.length - invalid, invalid };
  }
}
