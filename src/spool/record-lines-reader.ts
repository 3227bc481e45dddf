import { LogsJsonReader } from '../otlp/json-read';
import type { LogRecord } from '../record';
import type { LineRange } from './line-index';
import type { Segment } from './segment';

/** Reads lines of a segment back into records. */
export class RecordLinesReader {
  readonly #reader = new LogsJsonReader();

  /**
   * The records of each line; undefined for a line that is corrupt: no document, or not with the number of records that was counted.
   * @throws the error of the file system
   */
  read(segment: Segment, range: LineRange): (LogRecord[] | undefined)[] {
    const { index } = segment;
    const bytes = segment.read(range);
    const start = index.startOf(range.from);
    return Array.from({ length: range.to - range.from }, (_, offset) => {
      const line = range.from + offset;
      const records = this.#parse(bytes.toString('utf8', index.startOf(line) - start, index.endOf(line) - start));
      return records?.length === index.recordsOf(line) ? records : undefined;
    });
  }

  #parse(text: string): LogRecord[] | undefined {
    try {
      return this.#reader.read(text);
    } catch {
      return undefined;
    }
  }
}
