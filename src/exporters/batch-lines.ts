import { estimateRecordBytes } from '../record-size';
import type { LogRecord } from '../record';
import type { LineEncoder } from './line-encoder';
import { encodeInSlices } from './time-slice';

const NEWLINE = 10;

/**
 * A batch on its way to a file or a pipe, and how far it got: what is written is not written again, whatever fails in between.
 * It is encoded in pieces of whole lines, so that the text of a batch is never in memory as a whole.
 */
export class BatchLines {
  readonly #records: readonly LogRecord[];
  readonly #encoder: LineEncoder;
  readonly #pieceBytes: number;
  #next = 0;
  #piece: Buffer = Buffer.alloc(0);
  #offset = 0;
  #invalid = 0;

  /** @param pieceBytes about how many bytes of records are encoded at a time */
  constructor(records: readonly LogRecord[], encoder: LineEncoder, pieceBytes: number) {
    this.#records = records;
    this.#encoder = encoder;
    this.#pieceBytes = pieceBytes;
  }

  /** Whole lines, of which what lies before `offset` is written. */
  get piece(): Buffer {
    return this.#piece;
  }

  get offset(): number {
    return this.#offset;
  }

  get isAtLineStart(): boolean {
    return this.#offset === 0 || this.#piece[this.#offset - 1] === NEWLINE;
  }

  /** Records without a valid form so far. */
  get invalid(): number {
    return this.#invalid;
  }

  /** Encodes the next piece once this one is written. False if the batch has come to its end. */
  async fill(signal: AbortSignal): Promise<boolean> {
    while (this.#offset === this.#piece.length) {
      if (this.#next === this.#records.length) {
        return false;
      }
      await this.#encodePiece(signal);
    }
    return true;
  }

  advance(bytes: number): void {
    this.#offset += bytes;
  }

  /** Goes back to the beginning of a line that was begun: its first part is not where the rest will go. */
  restartLine(): void {
    if (!this.isAtLineStart) {
      this.#offset = this.#piece.lastIndexOf(NEWLINE, this.#offset - 1) + 1;
    }
  }

  async #encodePiece(signal: AbortSignal): Promise<void> {
    const encoder = this.#encoder;
    const end = this.#pieceEnd();
    let invalid = 0;
    encoder.begin();
    const records = this.#next === 0 && end === this.#records.length ? this.#records : this.#records.slice(this.#next, end);
    await encodeInSlices(records, (record) => {
      invalid += encoder.add(record) ? 0 : 1;
    }, signal);
    // Only now, because an abort in between must leave everything as it was.
    this.#piece = encoder.finish();
    this.#offset = 0;
    this.#next = end;
    this.#invalid += invalid;
  }

  #pieceEnd(): number {
    const records = this.#records;
    let end = this.#next;
    for (let bytes = 0; end < records.length && bytes < this.#pieceBytes; end++) {
      bytes += estimateRecordBytes(records[end] as LogRecord);
    }
    return end;
  }
}
