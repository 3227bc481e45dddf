import { constants } from 'node:fs';
import { join } from 'node:path';
import { currentProcess, isRunning, type ProcessIdentity } from './process-identity';
import { isMissing, openForRead, readFully, unlinkIfThere, withDescriptor, writeFully, type SpoolFileSystem } from './spool-file-system';

const LOCK_FILE = 'lock';

/** The owner of a folder on another host is taken for dead when it has not touched its lock for so long. */
export const STALE_MILLIS = 60_000;

// A lock is one short line.
const MAX_LOCK_BYTES = 4096;

const { O_WRONLY, O_CREAT, O_TRUNC } = constants;
const O_NOFOLLOW = (constants as Partial<typeof constants>).O_NOFOLLOW ?? 0;

/**
 * Says in a folder which process it belongs to.
 * @throws the error of the file system
 */
export function writeLock(files: SpoolFileSystem, folder: string, owner: ProcessIdentity = currentProcess()): void {
  const line = Buffer.from(`${JSON.stringify(owner)}\n`);
  withDescriptor(files, files.openSync(join(folder, LOCK_FILE), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o600), (fd) => writeFully(files, fd, line));
}

/**
 * Says that the owner lives.
 * @throws the error of the file system, ENOENT if the folder is gone
 */
export function touchLock(files: SpoolFileSystem, folder: string, now: number): void {
  const time = new Date(now);
  files.lutimesSync(join(folder, LOCK_FILE), time, time);
}

/**
 * Says that the folder belongs to nobody any more, so that the next process need not wait for anything.
 * @throws the error of the file system
 */
export function releaseLock(files: SpoolFileSystem, folder: string): void {
  writeLock(files, folder, { ...currentProcess(), pid: 0 });
}

/** @throws the error of the file system */
export function removeLock(files: SpoolFileSystem, folder: string): void {
  unlinkIfThere(files, join(folder, LOCK_FILE));
}

/**
 * Whether the owner of a folder is dead. A folder without a readable lock may just be made: it is young or it is an orphan.
 * @throws the error of the file system
 */
export function isOrphan(files: SpoolFileSystem, folder: string, now: number): boolean {
  const path = join(folder, LOCK_FILE);
  let owner: ProcessIdentity | undefined;
  let touched: number;
  try {
    touched = files.lstatSync(path).mtimeMs;
    owner = readOwner(files, path);
  } catch (error) {
    if (!isMissing(error)) {
      throw error;
    }
    touched = files.lstatSync(folder).mtimeMs;
  }
  if (owner?.pid === 0) {
    return true;
  }
  return owner !== undefined && owner.host === currentProcess().host ? !isRunning(owner) : now - touched > STALE_MILLIS;
}

function readOwner(files: SpoolFileSystem, path: string): ProcessIdentity | undefined {
  const bytes = Buffer.alloc(MAX_LOCK_BYTES);
  const length = withDescriptor(files, openForRead(files, path), (fd) => readFully(files, fd, bytes, 0));
  try {
    const { pid, started, host } = JSON.parse(bytes.toString('utf8', 0, length)) as Partial<ProcessIdentity>;
    return typeof pid === 'number' && typeof started === 'string' && typeof host === 'string' ? { pid, started, host } : undefined;
  } catch {
    return undefined;
  }
}
