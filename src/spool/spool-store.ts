import type { LogRecord } from '../record';
import { FailureLog } from './failure-log';
import { LineState, type LineRange } from './line-index';
import { OwnerFolder } from './owner-folder';
import { RecordLinesReader } from './record-lines-reader';
import { MAX_LINE_RECORDS, RecordLinesWriter } from './record-lines';
import type { Segment } from './segment';
import { SegmentList, type OnSpoolLoss } from './segment-list';
import type { ResolvedSpoolOptions } from './spool-options';
import { isMissing, nodeSpoolFileSystem, type SpoolFileSystem } from './spool-file-system';
import { addLine, SpoolTicket, type TicketPart } from './spool-ticket';

export interface SpoolObserver {
  /** Records that waited in the spool, or came back to it, and are lost for good. Called from inside the methods; must not throw. */
  readonly onLost: OnSpoolLoss;
}

/** Records from the spool. */
export interface Taken {
  readonly records: LogRecord[];
  readonly ticket: SpoolTicket;
}

/**
 * A lane's records on disk. Every method is synchronous, does a bounded amount of work (but for `adopt`, which reads what earlier processes left) and never throws.
 *
 * Invariants:
 * - A line is waiting (counted by `records`), held by one ticket, or done; done is final.
 * - Every record is either still the caller's, or on disk, or settled by its ticket, or told to `onLost` once.
 * - What is on disk and not marked as done survives the process: the next one delivers it, at least once. Twice only what was delivered and not marked when the process died, one batch.
 *   After a power cut it can be more: marks are written at once, but not waited for, also with `fsync`.
 */
export class SpoolStore {
  readonly #options: ResolvedSpoolOptions;
  readonly #failures: FailureLog;
  readonly #folder: OwnerFolder;
  readonly #segments: SegmentList;
  readonly #observer: SpoolObserver;
  readonly #now: () => number;
  readonly #lines: RecordLinesWriter;
  readonly #reader = new RecordLinesReader();
  #journaled = 0;
  #isClosed = false;

  /**
   * @param owner names the processor: different for each one in a process, the same for a restarted worker thread
   * @param maxLineRecords most records of a line
   */
  constructor(
    options: ResolvedSpoolOptions, laneName: string, owner: string, observer: SpoolObserver,
    files: SpoolFileSystem = nodeSpoolFileSystem, now: () => number = Date.now, maxLineRecords = MAX_LINE_RECORDS,
  ) {
    this.#lines = new RecordLinesWriter(maxLineRecords);
    this.#options = options;
    this.#observer = observer;
    this.#now = now;
    this.#failures = new FailureLog(laneName, now);
    this.#folder = new OwnerFolder(options, laneName, owner, files, this.#failures, now);
    this.#segments = new SegmentList(options, files, this.#folder, this.#failures, (...loss) => this.#lost(...loss));
  }

  /** Whether the folder could be made and is there, as far as is known; if not, it is tried again by `append`, `spill` and `adopt`, with a back-off up to 30 s. */
  get isAvailable(): boolean {
    return this.#folder.isOpen;
  }

  /** Records that wait: on disk and in nobody's hands. */
  get records(): number {
    return this.#segments.all.reduce((records, segment) => records + segment.index.waitingRecords, 0);
  }

  /** Bytes of the segments on disk, with what is done in them and not deleted yet. */
  get bytes(): number {
    return this.#segments.bytes;
  }

  /** Records that this store has written to disk so far; with `fsync` the disk has them. */
  get journaled(): number {
    return this.#journaled;
  }

  /**
   * Makes the folder if it is not there, and takes over what dead processes, and an earlier thread of this one, left in this lane. Worth a call every minute: a process on another host counts as dead after 60 s.
   * Reads whole files, so that it takes about a second per GiB found.
   * @returns how many records were adopted, with those that `onLost` was told of inside this call: one for each corrupt line, and what is beyond `maxBytes`
   */
  adopt(): number {
    if (this.#isClosed || !this.#folder.ensureOpen()) {
      return 0;
    }
    this.#folder.touch();
    return this.#segments.adopt();
  }

  /**
   * Writes a copy of records that stay in the caller's hands. Those without a form in OTLP are not among the ticket's.
   * @returns undefined if nothing is on disk
   */
  append(records: readonly LogRecord[]): SpoolTicket | undefined {
    return this.#write(records, LineState.Held)?.ticket;
  }

  /**
   * Takes records over; those without a form in OTLP are lost (`invalid`).
   * @returns false if nothing is on disk: the records are still the caller's
   */
  spill(records: readonly LogRecord[]): boolean {
    const written = this.#write(records, LineState.Waiting);
    if (written !== undefined) {
      this.#lost('invalid', written.invalid, 'records without a form in OTLP');
    }
    return written !== undefined;
  }

  /**
   * The oldest records that wait, in whole lines: as many as fit, and at least one line.
   * @param maxBytes of the lines on disk
   * @returns undefined if none waits or none can be read now
   */
  take(maxRecords: number, maxBytes: number): Taken | undefined {
    if (this.#isClosed) {
      return undefined;
    }
    this.#folder.touch();
    const records: LogRecord[] = [];
    const parts: TicketPart[] = [];
    let recordsLeft = maxRecords;
    let bytesLeft = maxBytes;
    const now = this.#now();
    for (const segment of [...this.#segments.all]) {
      while (segment.retryAt <= now && segment.index.waitingRecords > 0) {
        const range = segment.index.waitingRange(recordsLeft, bytesLeft, records.length === 0);
        if (range === undefined) {
          return { records, ticket: new SpoolTicket(records.length, parts) };
        }
        const before = records.length;
        if (this.#read(segment, range, records, parts)) {
          recordsLeft -= records.length - before;
          bytesLeft -= segment.index.endOf(range.to - 1) - segment.index.startOf(range.from);
        }
      }
    }
    return records.length === 0 ? undefined : { records, ticket: new SpoolTicket(records.length, parts) };
  }

  /** The records are delivered or lost for good: they leave the disk. A second call, or one after `giveBack` or `close`, does nothing. */
  ack(ticket: SpoolTicket): void {
    if (this.#isClosed) {
      return;
    }
    this.#segments.tidy();
    for (const part of ticket.settle()) {
      this.#segments.done(part.segment, part);
    }
    this.#folder.touch();
  }

  /** The records are not delivered: they wait again, the oldest first. Those whose segment had to go meanwhile are lost now (`spool_full`). */
  giveBack(ticket: SpoolTicket): void {
    for (const { segment, from, to } of ticket.settle()) {
      if (segment.goneReason === undefined) {
        segment.index.set({ from, to }, LineState.Waiting);
      } else {
        this.#lost(segment.goneReason, segment.index.recordsIn({ from, to }), 'their segment went while they were being delivered');
      }
    }
  }

  /** The end. What waits or is held stays on disk for the next process; an empty spool leaves nothing in its folder. */
  close(): void {
    if (this.#isClosed) {
      return;
    }
    this.#isClosed = true;
    // Also those that are still open because their file was moved.
    this.#segments.all.forEach((segment) => segment.seal());
    this.#segments.sealActive();
    this.#segments.tidy();
    this.#folder.close(this.#segments.all.length === 0);
  }

  #write(records: readonly LogRecord[], state: LineState): { ticket: SpoolTicket; invalid: number } | undefined {
    // The folder first: writing lines for a spool that is not there is in vain.
    if (this.#isClosed || !this.#folder.ensureOpen()) {
      return undefined;
    }
    this.#folder.touch();
    this.#segments.tidy();
    let segment: Segment | undefined;
    try {
      const lines = this.#lines.write(records);
      if (lines.records === 0) {
        return { ticket: new SpoolTicket(0, []), invalid: lines.invalid };
      }
      if (lines.bytes.length > this.#options.maxBytes) {
        throw new RangeError(`${lines.bytes.length} bytes at once are more than spool.maxBytes, ${this.#options.maxBytes}`);
      }
      segment = this.#segments.makeRoom(lines.bytes.length) ? this.#segments.forAppend(lines.bytes.length) : undefined;
      if (segment === undefined) {
        return undefined;
      }
      const range = segment.append(lines, state, this.#options.fsync);
      this.#journaled += lines.records;
      return { ticket: new SpoolTicket(lines.records, [{ segment, ...range }]), invalid: lines.invalid };
    } catch (error) {
      this.#failures.failed('write', error);
      if (segment?.index.length === 0) {
        this.#segments.remove(segment, 'invalid');
      }
      return undefined;
    }
  }

  /** Adds the records of the lines, and the lines. Returns false if the file could not be read. */
  #read(segment: Segment, range: LineRange, records: LogRecord[], parts: TicketPart[]): boolean {
    const { index } = segment;
    let lines: (LogRecord[] | undefined)[];
    try {
      lines = this.#reader.read(segment, range);
      segment.readSucceeded();
    } catch (error) {
      this.#failures.failed('read', error);
      if (isMissing(error)) {
        this.#segments.forget(segment);
      }
      segment.readFailed(this.#now());
      return false;
    }
    index.set(range, LineState.Held);
    lines.forEach((read, offset) => {
      const line = range.from + offset;
      if (read !== undefined) {
        records.push(...read);
        addLine(parts, segment, line);
      } else {
        this.#lost('invalid', index.recordsOf(line), `a line in ${segment.path} is corrupt`);
        this.#segments.done(segment, { from: line, to: line + 1 });
      }
    });
    return true;
  }

  #lost(...[reason, count, message]: Parameters<OnSpoolLoss>): void {
    if (count > 0) {
      this.#observer.onLost(reason, count, message);
    }
  }
}
