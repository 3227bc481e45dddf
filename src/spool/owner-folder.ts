import { join } from 'node:path';
import type { FailureLog } from './failure-log';
import { folderName } from './folder-name';
import { claimOrphans, findSegments, removeEmptyFolder, type FoundSegment } from './orphans';
import { releaseLock, removeLock, touchLock, writeLock } from './owner-lock';
import type { ResolvedSpoolOptions } from './spool-options';
import { FOLDER_MODE, fsyncFolder, isMissing, type SpoolFileSystem } from './spool-file-system';

const TOUCH_MILLIS = 5000;
const FIRST_RETRY_MILLIS = 1000;
const MAX_RETRY_MILLIS = 30_000;

/** The folder of one lane of one processor: `<directory>/<lane>/<pid>-<owner>`. Nothing here throws. */
export class OwnerFolder {
  readonly path: string;
  readonly #laneFolder: string;
  readonly #name: string;
  readonly #options: ResolvedSpoolOptions;
  readonly #files: SpoolFileSystem;
  readonly #failures: FailureLog;
  readonly #now: () => number;
  readonly #timer: NodeJS.Timeout;
  #isOpen = false;
  #isClosed = false;
  #retryAt = -Infinity;
  #retryMillis = FIRST_RETRY_MILLIS;
  #touchedAt = 0;
  #lastNumber = 0;

  constructor(options: ResolvedSpoolOptions, laneName: string, owner: string, files: SpoolFileSystem, failures: FailureLog, now: () => number) {
    this.#options = options;
    this.#laneFolder = join(options.directory, folderName(laneName));
    this.#name = `${process.pid}-${folderName(owner)}`;
    this.path = join(this.#laneFolder, this.#name);
    this.#files = files;
    this.#failures = failures;
    this.#now = now;
    // An idle lane lives, too. Not referenced: it keeps no process alive.
    this.#timer = setInterval(() => this.touch(), TOUCH_MILLIS).unref();
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Makes the folder and its lock if they are not there; after a failure not again for a while. */
  ensureOpen(): boolean {
    const now = this.#now();
    if (this.#isOpen || this.#isClosed || now < this.#retryAt) {
      return this.#isOpen;
    }
    try {
      this.#make();
      this.#isOpen = true;
      this.#touchedAt = now;
      this.#retryMillis = FIRST_RETRY_MILLIS;
    } catch (error) {
      this.#retryAt = now + this.#retryMillis;
      this.#retryMillis = Math.min(2 * this.#retryMillis, MAX_RETRY_MILLIS);
      this.#failures.failed(`open ${this.path}`, error);
    }
    return this.#isOpen;
  }

  /** Refreshes the lock, at most every 5 s. */
  touch(): void {
    const now = this.#now();
    if (!this.#isOpen || Math.abs(now - this.#touchedAt) < TOUCH_MILLIS) {
      return;
    }
    this.#touchedAt = now;
    try {
      touchLock(this.#files, this.path, now);
    } catch (error) {
      this.#isOpen = !isMissing(error);
      this.#failures.failed('refresh its lock', error);
    }
  }

  /** The folder is not there any more: it is made again when it is needed. */
  lost(): void {
    this.#isOpen = false;
  }

  /** Where the next segment goes. */
  nextSegmentPath(): string {
    return join(this.path, `${String(++this.#lastNumber).padStart(8, '0')}.jsonl`);
  }

  /** Takes over what dead processes left, and lists every segment that stands here. */
  adopt(): FoundSegment[] {
    try {
      claimOrphans(this.#files, this.#laneFolder, this.#name, this.#now(), (error) => this.#failures.failed('take over what another process left', error));
      return findSegments(this.#files, this.path);
    } catch (error) {
      this.#failures.failed('look for what other processes left', error);
      return [];
    }
  }

  /** @param isEmpty whether there is nothing for the next process */
  close(isEmpty: boolean): void {
    clearInterval(this.#timer);
    this.#isClosed = true;
    if (!this.#isOpen) {
      return;
    }
    this.#isOpen = false;
    try {
      if (!isEmpty) {
        releaseLock(this.#files, this.path);
        return;
      }
      removeLock(this.#files, this.path);
      removeEmptyFolder(this.#files, this.path);
    } catch (error) {
      this.#failures.failed('release its lock', error);
    }
  }

  #make(): void {
    const files = this.#files;
    const { directory } = this.#options;
    files.mkdirSync(directory, { recursive: true, mode: FOLDER_MODE });
    this.#check(directory);
    for (const folder of [this.#laneFolder, this.path]) {
      try {
        files.mkdirSync(folder, { recursive: false, mode: FOLDER_MODE });
        if (this.#options.fsync) {
          fsyncFolder(files, join(folder, '..'));
        }
      } catch (error) {
        if ((error as { code?: unknown }).code !== 'EEXIST') {
          throw error;
        }
      }
      this.#check(folder);
    }
    writeLock(files, this.path);
    for (const name of files.readdirSync(this.path)) {
      this.#lastNumber = Math.max(this.#lastNumber, Number(/^(\d{8,15})\./.exec(name)?.[1] ?? 0));
    }
  }

  #check(folder: string): void {
    if (!this.#files.lstatSync(folder).isDirectory()) {
      throw new Error(`${folder} is no folder, or a symbolic link to one, which is not followed`);
    }
  }
}
