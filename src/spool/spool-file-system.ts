import fs, { type Stats } from 'node:fs';

/** The calls of the file system that a spool makes, all synchronous: it must work inside `process.on('exit')`. Tests give others. */
export interface SpoolFileSystem {
  readonly openSync: (path: string, flags: number, mode?: number) => number;
  readonly closeSync: (fd: number) => void;
  /** Returns how many bytes were written, at the position of the descriptor. */
  readonly writeSync: (fd: number, bytes: Uint8Array, offset: number, length: number) => number;
  /** Returns how many bytes were read. */
  readonly readSync: (fd: number, bytes: Uint8Array, offset: number, length: number, position: number) => number;
  readonly ftruncateSync: (fd: number, length: number) => void;
  readonly fsyncSync: (fd: number) => void;
  readonly fstatSync: (fd: number) => Stats;
  readonly lstatSync: (path: string) => Stats;
  readonly mkdirSync: (path: string, options: { readonly recursive: boolean; readonly mode: number }) => unknown;
  readonly readdirSync: (path: string) => string[];
  readonly renameSync: (from: string, to: string) => void;
  readonly unlinkSync: (path: string) => void;
  readonly rmdirSync: (path: string) => void;
  readonly lutimesSync: (path: string, atime: Date, mtime: Date) => void;
}

export const nodeSpoolFileSystem: SpoolFileSystem = fs;

const { O_RDONLY, O_WRONLY, O_RDWR, O_APPEND, O_CREAT, O_EXCL } = fs.constants;

// Absent on Windows.
const O_NOFOLLOW = (fs.constants as Partial<typeof fs.constants>).O_NOFOLLOW ?? 0;

export const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;

/** A file that is not there yet; a symbolic link in its place is an error. */
export const createFile = (files: SpoolFileSystem, path: string): number => files.openSync(path, O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW, FILE_MODE);

/** A file to add to, made if it is not there. */
export const openForAppend = (files: SpoolFileSystem, path: string): number => files.openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, FILE_MODE);

/** A file that is there, to cut it. */
export const openForWrite = (files: SpoolFileSystem, path: string): number => files.openSync(path, O_WRONLY | O_NOFOLLOW);

export const openForRead = (files: SpoolFileSystem, path: string): number => files.openSync(path, O_RDONLY | O_NOFOLLOW);

/** Runs with a descriptor that is closed whatever happens. */
export function withDescriptor<T>(files: SpoolFileSystem, fd: number, use: (fd: number) => T): T {
  try {
    return use(fd);
  } finally {
    closeQuietly(files, fd);
  }
}

export function closeQuietly(files: SpoolFileSystem, fd: number): void {
  try {
    files.closeSync(fd);
  } catch {
    // Every write to it has been answered, and the descriptor is gone either way.
  }
}

/** @throws the error of the first write that fails; some of the bytes may have been written then */
export function writeFully(files: SpoolFileSystem, fd: number, bytes: Uint8Array): void {
  for (let offset = 0; offset < bytes.length; ) {
    const written = files.writeSync(fd, bytes, offset, bytes.length - offset);
    if (written <= 0) {
      throw Object.assign(new Error('nothing was written'), { code: 'EIO', syscall: 'write' });
    }
    offset += written;
  }
}

/** Reads until `bytes` is full or the file has ended; returns how many bytes were read. */
export function readFully(files: SpoolFileSystem, fd: number, bytes: Uint8Array, position: number): number {
  let length = 0;
  while (length < bytes.length) {
    const read = files.readSync(fd, bytes, length, bytes.length - length, position + length);
    if (read <= 0) {
      break;
    }
    length += read;
  }
  return length;
}

/** Makes the names in a folder survive a power cut. */
export function fsyncFolder(files: SpoolFileSystem, path: string): void {
  // Windows opens no folders.
  if (process.platform !== 'win32') {
    withDescriptor(files, openForRead(files, path), (fd) => files.fsyncSync(fd));
  }
}

/** Whether the error says that there is no such file. */
export function isMissing(error: unknown): boolean {
  return (error as { code?: unknown } | undefined)?.code === 'ENOENT';
}

/** What unlinks a file, or finds that it is not there. */
export function unlinkIfThere(files: SpoolFileSystem, path: string): void {
  try {
    files.unlinkSync(path);
  } catch (error) {
    if (!isMissing(error)) {
      throw error;
    }
  }
}
