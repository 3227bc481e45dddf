import type { LogRecord } from '../../src/record';
import { makeRecord, range } from '../support/records';

/** Records that carry the numbers from `first` on in their attribute `seq`, and a padding to make them larger. */
export function numberedRecords(count: number, first = 0, padding = ''): LogRecord[] {
  return range(first, first + count).map((seq) => makeRecord(seq, padding === '' ? {} : { attributes: { seq, padding } }));
}

/** A record whose attributes cannot be read. */
export function unreadableRecord(): LogRecord {
  return makeRecord(-1, {
    attributes: {
      get broken(): string {
        throw new Error('for a test');
      },
    },
  });
}
