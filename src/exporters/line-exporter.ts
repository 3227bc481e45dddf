import { orderByGroup } from '../otlp/grouping';
import type { LogRecord } from '../record';
import { estimateRecordBytes } from '../record-size';
import { BatchLines } from './batch-lines';
import { BuiltInExporter, type ExportOutcome } from './built-in-exporter';
import type { ExportError } from './export-error';
import type { LineEncoder } from './line-encoder';
import { abortError } from './write-error';

/** Where lines go. Its methods are never called two at a time. */
export interface LineSink {
  /** Makes ready for writing. False if what was written last is no longer the end of the output. */
  prepare(): Promise<boolean>;
  /**
   * Writes some of the bytes from the offset on, at least one, and resolves to how many.
   * At the start of a line it ends the line of somebody else that the output ends in, if it does.
   */
  write(lines: Buffer, offset: number, isAtLineStart: boolean, signal: AbortSignal): Promise<number>;
  /** Takes note of what `prepare` or `write` rejected with, and makes the lane's error of it. */
  failed(error: unknown): ExportError;
  close(): Promise<void>;
}

/**
 * Writes batches as lines, one batch at a time.
 *
 * A batch that failed and comes again (the same array) goes on where it stopped, in the middle of a line if need be: no line is doubled, torn or left out.
 * A batch that is given up in the middle of a line leaves that part of a line behind; the next one begins a new line.
 */
export abstract class LineExporter extends BuiltInExporter {
  readonly maxBatchBytes = 1024 * 1024;
  readonly #sink: LineSink;
  readonly #encoder: LineEncoder;
  readonly #pieceBytes: number;
  readonly #unfinished = new WeakMap<readonly LogRecord[], BatchLines>();
  // Whose line the output may end in the middle of.
  #last: BatchLines | undefined = undefined;
  #turn: Promise<unknown> = Promise.resolve();

  protected constructor(sink: LineSink, encoder: LineEncoder, pieceBytes: number) {
    super();
    this.#sink = sink;
    this.#encoder = encoder;
    this.#pieceBytes = pieceBytes;
  }

  override sizeOf(record: LogRecord): number {
    return estimateRecordBytes(record);
  }

  /** A call of the file system that hangs cannot be taken back: until it returns, an abort does not settle this. */
  override exportOnce(records: readonly LogRecord[], signal: AbortSignal): Promise<ExportOutcome> {
    // A lane calls one at a time; the SDK's SimpleLogRecordProcessor does not.
    const run = this.#turn.then(() => this.#write(records, signal));
    this.#turn = run.catch(() => undefined);
    return run;
  }

  protected override close(): Promise<void> {
    return this.#turn.then(() => this.#sink.close());
  }

  async #write(records: readonly LogRecord[], signal: AbortSignal): Promise<ExportOutcome> {
    const lines = this.#unfinished.get(records) ?? new BatchLines(this.#encoder.grouped ? orderByGroup(records) : records, this.#encoder, this.#pieceBytes);
    this.#unfinished.set(records, lines);
    try {
      signal.throwIfAborted();
      const isUnchanged = await this.#sink.prepare();
      if (!isUnchanged || this.#last !== lines) {
        lines.restartLine();
      }
      this.#last = lines;
      while (await lines.fill(signal)) {
        signal.throwIfAborted();
        lines.advance(await this.#sink.write(lines.piece, lines.offset, lines.isAtLineStart, signal));
      }
    } catch (error) {
      const failure = this.#sink.failed(error);
      throw signal.aborted ? abortError(signal) : failure;
    }
    this.#unfinished.delete(records);
    this.#last = undefined;
    return lines.invalid === 0 ? {} : { lost: { invalid: lines.invalid }, message: 'a record has no valid form: a getter throws, or a field has a wrong type' };
  }
}
