import fs from 'node:fs';
import { promisify } from 'node:util';
import type { Stats } from 'node:fs';

/** The calls of the file system that the file exporter makes; tests give others. */
export interface FileSystem {
  open(path: string, flags: string, mode: number): Promise<number>;
  close(fd: number): Promise<void>;
  /** Resolves to how many bytes were written. */
  write(fd: number, bytes: Buffer, offset: number, length: number): Promise<number>;
  /** Resolves to how many bytes were read. */
  read(fd: number, bytes: Buffer, offset: number, length: number, position: number): Promise<number>;
  fstat(fd: number): Promise<Stats>;
  stat(path: string): Promise<Stats>;
  rename(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** Makes a folder and those above it. */
  mkdir(path: string): Promise<void>;
}

// Plain descriptors: a `FileHandle` that is garbage-collected unclosed, because nobody called `shutdown()`, throws from Node 25 on.
const open = promisify(fs.open);
const write = promisify(fs.write);
const read = promisify(fs.read);
const mkdir = promisify(fs.mkdir);
const stat = promisify(fs.stat);
const fstat = promisify(fs.fstat);

export const nodeFileSystem: FileSystem = {
  open: (path, flags, mode) => open(path, flags, mode),
  close: promisify(fs.close),
  write: async (fd, bytes, offset, length) => (await write(fd, bytes, offset, length, null)).bytesWritten,
  read: async (fd, bytes, offset, length, position) => (await read(fd, bytes, offset, length, position)).bytesRead,
  fstat: (fd) => fstat(fd),
  stat: (path) => stat(path),
  rename: promisify(fs.rename),
  unlink: promisify(fs.unlink),
  mkdir: async (path) => {
    await mkdir(path, { recursive: true });
  },
};
