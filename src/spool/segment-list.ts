import { dirname } from 'node:path';
import type { LossReason } from '../stats';
import type { FailureLog } from './failure-log';
import { LineState, type LineRange } from './line-index';
import type { OwnerFolder } from './owner-folder';
import { removeEmptyFolder } from './orphans';
import { scanSegment } from './segment-scan';
import { Segment } from './segment';
import type { ResolvedSpoolOptions } from './spool-options';
import { isMissing, type SpoolFileSystem } from './spool-file-system';

const MIN_SEGMENT_BYTES = 64 * 1024;
const MAX_SEGMENT_BYTES = 16 * 1024 * 1024;
const SEGMENTS_PER_SPOOL = 16;

// Beyond this many names that are taken something else is wrong.
const MAX_TAKEN_NAMES = 100;

/** Told of records that are lost on the disk. */
export type OnSpoolLoss = (reason: LossReason, count: number, message: string) => void;

/** The segments of a spool, the oldest first: those of earlier processes, then its own. Nothing here throws. */
export class SegmentList {
  readonly #options: ResolvedSpoolOptions;
  readonly #files: SpoolFileSystem;
  readonly #folder: OwnerFolder;
  readonly #failures: FailureLog;
  readonly #onLost: OnSpoolLoss;
  readonly #segmentBytes: number;
  #segments: Segment[] = [];
  #active: Segment | undefined = undefined;

  constructor(options: ResolvedSpoolOptions, files: SpoolFileSystem, folder: OwnerFolder, failures: FailureLog, onLost: OnSpoolLoss) {
    this.#options = options;
    this.#files = files;
    this.#folder = folder;
    this.#failures = failures;
    this.#onLost = onLost;
    this.#segmentBytes = Math.min(MAX_SEGMENT_BYTES, Math.max(MIN_SEGMENT_BYTES, Math.ceil(options.maxBytes / SEGMENTS_PER_SPOOL)));
  }

  /** The oldest first. */
  get all(): readonly Segment[] {
    return this.#segments;
  }

  get bytes(): number {
    return this.#segments.reduce((bytes, segment) => bytes + segment.bytes, 0);
  }

  /** A segment with room for so many bytes, all in one; undefined if that cannot be. */
  forAppend(bytes: number): Segment | undefined {
    try {
      const active = this.#active;
      if (active !== undefined && !active.isSealed && active.isInPlace()) {
        if (active.bytes === 0 || active.bytes + bytes <= this.#segmentBytes) {
          return active;
        }
        this.sealActive();
      } else if (active !== undefined) {
        if (!active.isSealed) {
          active.detach();
          this.#folder.lost();
        }
        this.#active = undefined;
      }
      return this.#create();
    } catch (error) {
      this.#failures.failed('write', error);
      return undefined;
    }
  }

  sealActive(): void {
    this.#active?.seal();
    this.#active = undefined;
  }

  /** Deletes the oldest segments, and what waits in them is lost, until there is room. Returns false if the files cannot be deleted. */
  makeRoom(bytes: number): boolean {
    let excess = this.bytes + bytes - this.#options.maxBytes;
    for (const segment of [...this.#segments]) {
      if (excess <= 0) {
        break;
      }
      excess -= segment.bytes;
      const lost = segment.index.waitingRecords;
      if (!this.remove(segment, 'spool_full')) {
        return false;
      }
      this.#onLost('spool_full', lost, `the spool is at its bound of ${this.#options.maxBytes} bytes: the oldest records went`);
    }
    return true;
  }

  /** Deletes a segment. Returns false if that fails: then it stays in the list. */
  remove(segment: Segment, reason: LossReason): boolean {
    try {
      segment.remove(reason);
    } catch (error) {
      this.#failures.failed('delete a file', error);
    }
    if (segment.goneReason === undefined) {
      return false;
    }
    this.#drop(segment);
    if (dirname(segment.path) !== this.#folder.path) {
      removeEmptyFolder(this.#files, dirname(segment.path));
    }
    return true;
  }

  /** Lines are delivered or lost for good: marks them, or deletes the segment if they are the last. */
  done(segment: Segment, range: LineRange): void {
    segment.index.set(range, LineState.Done);
    if (segment.goneReason !== undefined) {
      return;
    }
    // A journal is empty after each batch: a new file for every one would cost more than the batch.
    const keepsFile = this.#options.mode === 'journal' && segment === this.#active;
    if (segment.index.isDone && !keepsFile && this.remove(segment, 'invalid')) {
      return;
    }
    try {
      segment.mark(range);
    } catch (error) {
      this.#failures.failed('mark what is delivered', error);
    }
  }

  /** The file is not there any more: what waits in it is lost. */
  forget(segment: Segment): void {
    const lost = segment.index.waitingRecords;
    segment.forget('invalid');
    this.#drop(segment);
    this.#onLost('invalid', lost, `the file ${segment.path} is gone`);
  }

  /** Marks and removals that have failed before. */
  tidy(): void {
    for (const segment of this.#segments.filter((each) => each.isUntidy)) {
      if (segment.isSealed && segment.index.isDone) {
        this.remove(segment, 'invalid');
        continue;
      }
      try {
        segment.tidy();
      } catch (error) {
        this.#failures.failed('mark what is delivered', error);
      }
    }
  }

  /**
   * Takes in what earlier processes have left.
   * @returns the records in it, and one for each line that is none and is counted as a loss
   */
  adopt(): number {
    const known = new Set(this.#segments.map(({ path }) => path));
    const found = this.#folder.adopt().filter(({ path }) => !known.has(path)).sort((one, other) => one.mtimeMs - other.mtimeMs);
    const adopted: Segment[] = [];
    let records = 0;
    for (const { path } of found) {
      try {
        const { index, corrupt } = scanSegment(this.#files, path);
        adopted.push(Segment.adopt(this.#files, path, index, corrupt > 0));
        records += index.waitingRecords + corrupt;
        this.#onLost('invalid', corrupt, `lines in ${path} that are no log records`);
      } catch (error) {
        this.#failures.failed(`read ${path}`, error);
      }
    }
    this.#segments = [...this.#segments.filter(({ isOwn }) => !isOwn), ...adopted, ...this.#segments.filter(({ isOwn }) => isOwn)];
    this.makeRoom(0);
    this.tidy();
    return records;
  }

  #create(): Segment | undefined {
    for (let taken = 0; taken < MAX_TAKEN_NAMES && this.#folder.ensureOpen(); taken++) {
      try {
        const segment = Segment.create(this.#files, this.#folder.nextSegmentPath(), this.#options.fsync);
        this.#segments.push(segment);
        this.#active = segment;
        return segment;
      } catch (error) {
        if (isMissing(error)) {
          this.#folder.lost();
        } else if ((error as { code?: unknown }).code !== 'EEXIST') {
          throw error;
        }
      }
    }
    return undefined;
  }

  #drop(segment: Segment): void {
    this.#segments = this.#segments.filter((each) => each !== segment);
    if (this.#active === segment) {
      this.#active = undefined;
    }
  }
}
