import { dirname } from 'node:path';
import type { LossReason } from '../stats';
import { LineIndex, LineState, type LineRange } from './line-index';
import { addMarks, marksPath } from './marks';
import type { RecordLines } from './record-lines';
import {
  closeQuietly, createFile, fsyncFolder, openForRead, openForWrite, readFully, unlinkIfThere, withDescriptor, writeFully, type SpoolFileSystem,
} from './spool-file-system';

// From a second to about a minute.
const FIRST_READ_RETRY_MILLIS = 1000;
const MAX_READ_RETRY_DOUBLINGS = 6;

/** One file of lines. Its descriptor is open as long as it grows; methods that touch the file throw the error of the file system. */
export class Segment {
  readonly path: string;
  readonly index: LineIndex;
  /** Made by this process. */
  readonly isOwn: boolean;
  /** Why what is on its way from here would be lost if it came back: the file is gone. */
  goneReason: LossReason | undefined = undefined;
  /** Marks are still to be written. */
  marksBehind: boolean;
  readonly #files: SpoolFileSystem;
  #fd: number | undefined;
  #ino: number | undefined = undefined;
  #isSealed: boolean;
  #retryAt = 0;
  #readFailures = 0;
  #needsCut = false;
  #marksMayBeTorn: boolean;

  private constructor(files: SpoolFileSystem, path: string, index: LineIndex, fd: number | undefined, marksBehind: boolean) {
    this.#files = files;
    this.path = path;
    this.index = index;
    this.isOwn = fd !== undefined;
    this.#marksMayBeTorn = fd === undefined;
    this.marksBehind = marksBehind;
    this.#fd = fd;
    this.#isSealed = fd === undefined;
  }

  /** A new file to write to. If this throws, there is no descriptor left and, if it can be helped, no file. */
  static create(files: SpoolFileSystem, path: string, fsync: boolean): Segment {
    const segment = new Segment(files, path, new LineIndex(), createFile(files, path), false);
    try {
      segment.#ino = files.fstatSync(segment.#fd as number).ino;
      // Marks of a file of this name that is long gone would be taken for its own.
      unlinkIfThere(files, marksPath(path));
      if (fsync) {
        fsyncFolder(files, dirname(path));
      }
      return segment;
    } catch (error) {
      segment.seal();
      unlinkIfThere(files, path);
      throw error;
    }
  }

  /** A file that was there before. */
  static adopt(files: SpoolFileSystem, path: string, index: LineIndex, marksBehind: boolean): Segment {
    return new Segment(files, path, index, undefined, marksBehind);
  }

  /** Nothing is written to it any more. */
  get isSealed(): boolean {
    return this.#isSealed;
  }

  get bytes(): number {
    return this.index.end;
  }

  /** Not to be read before this time, in milliseconds: after a failure it is left in peace for a while. */
  get retryAt(): number {
    return this.#retryAt;
  }

  readFailed(now: number): void {
    this.#retryAt = now + FIRST_READ_RETRY_MILLIS * 2 ** Math.min(this.#readFailures++, MAX_READ_RETRY_DOUBLINGS);
  }

  readSucceeded(): void {
    this.#readFailures = 0;
  }

  /** There is something to do that has failed before. */
  get isUntidy(): boolean {
    return this.goneReason === undefined && (this.#needsCut || this.marksBehind || (this.#isSealed && this.index.isDone));
  }

  /** Whether the path still leads to the open file: if somebody has moved or deleted it, it is of no use after the end of the process. */
  isInPlace(): boolean {
    try {
      return this.#files.lstatSync(this.path).ino === this.#ino;
    } catch (error) {
      if ((error as { code?: unknown }).code === 'ENOENT') {
        return false;
      }
      throw error;
    }
  }

  /** Writes all the lines; if it throws, none of them counts. */
  append(lines: RecordLines, state: LineState, fsync: boolean): LineRange {
    const fd = this.#fd as number;
    try {
      writeFully(this.#files, fd, lines.bytes);
    } catch (error) {
      this.#rollBack();
      throw error;
    }
    if (fsync) {
      try {
        this.#files.fsyncSync(fd);
      } catch (error) {
        this.#rollBack();
        // What an fsync that failed has left on the disk is not known, and the next one would not tell.
        this.seal();
        throw error;
      }
    }
    const base = this.index.end;
    const from = this.index.length;
    lines.ends.forEach((end, line) => this.index.add(base + end, lines.counts[line] as number, state));
    return { from, to: this.index.length };
  }

  /** The bytes of the lines. */
  read({ from, to }: LineRange): Buffer {
    const start = this.index.startOf(from);
    const bytes = Buffer.allocUnsafe(this.index.endOf(to - 1) - start);
    const read = (fd: number): number => readFully(this.#files, fd, bytes, start);
    const length = this.#fd === undefined ? withDescriptor(this.#files, openForRead(this.#files, this.path), read) : read(this.#fd);
    return bytes.subarray(0, length);
  }

  /** Says on the disk that these lines are done. */
  mark(range: LineRange): void {
    this.#addMarks([range]);
  }

  /** The end of writing. */
  seal(): void {
    this.#isSealed = true;
    this.#close();
  }

  /** The file has been moved or deleted: what it holds can be read as long as it is open. */
  detach(): void {
    this.#isSealed = true;
  }

  /** Does what has failed before, but for the removal. */
  tidy(): void {
    if (this.#needsCut) {
      withDescriptor(this.#files, openForWrite(this.#files, this.path), (fd) => this.#files.ftruncateSync(fd, this.index.end));
      this.#needsCut = false;
    }
    if (this.marksBehind) {
      this.#addMarks(this.index.doneRanges());
    }
  }

  /** Deletes the file, and then its marks: without those it would all be delivered again. */
  remove(reason: LossReason): void {
    unlinkIfThere(this.#files, this.path);
    this.forget(reason);
    unlinkIfThere(this.#files, marksPath(this.path));
  }

  /** The file is of no use any more. */
  forget(reason: LossReason): void {
    this.goneReason = reason;
    this.seal();
  }

  #addMarks(ranges: readonly LineRange[]): void {
    const mayBeTorn = this.#marksMayBeTorn;
    this.marksBehind = true;
    this.#marksMayBeTorn = true;
    addMarks(this.#files, this.path, this.index, ranges, mayBeTorn);
    this.marksBehind = false;
    this.#marksMayBeTorn = false;
  }

  #rollBack(): void {
    try {
      this.#files.ftruncateSync(this.#fd as number, this.index.end);
    } catch {
      // Half a line may stand there: nothing is written behind it, and `tidy` cuts it off.
      this.#needsCut = true;
      this.seal();
    }
  }

  #close(): void {
    const fd = this.#fd;
    this.#fd = undefined;
    if (fd !== undefined) {
      closeQuietly(this.#files, fd);
    }
  }
}
