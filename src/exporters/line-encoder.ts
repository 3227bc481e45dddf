import { LogsJsonEncoder } from '../otlp/json';
import type { LogRecord } from '../record';

const NEWLINE = 10;

/** Turns records into bytes made of whole lines. */
export interface LineEncoder {
  /** Whether the records of one resource and scope should come one after the other, because a line holds what they share once. */
  readonly grouped: boolean;
  /** Begins anew; what was added and not finished is forgotten. */
  begin(): void;
  /** False if the record has no valid form. Never throws. */
  add(record: LogRecord): boolean;
  /** The lines, each with its newline; empty if nothing was added. The encoder keeps no reference to the bytes. */
  finish(): Buffer;
}

/** One line or more for each record. */
export class RecordLines implements LineEncoder {
  readonly grouped = false;
  readonly #format: { line(record: LogRecord): string | undefined };
  #text = '';

  constructor(format: { line(record: LogRecord): string | undefined }) {
    this.#format = format;
  }

  begin(): void {
    this.#text = '';
  }

  add(record: LogRecord): boolean {
    const line = this.#format.line(record);
    if (line === undefined) {
      return false;
    }
    this.#text += `${line}\n`;
    return true;
  }

  finish(): Buffer {
    return Buffer.from(this.#text);
  }
}

/** All records in one line: a `LogsData` document in OTLP/JSON (specification, protocol/file-exporter.md). */
export class OtlpLine implements LineEncoder {
  readonly grouped = true;
  readonly #document = new LogsJsonEncoder();

  begin(): void {
    this.#document.begin();
  }

  add(record: LogRecord): boolean {
    return this.#document.add(record);
  }

  finish(): Buffer {
    const document = this.#document.finishBytes();
    if (document.length === 0) {
      return Buffer.alloc(0);
    }
    const line = Buffer.allocUnsafe(document.length + 1);
    line.set(document);
    line[document.length] = NEWLINE;
    return line;
  }
}
