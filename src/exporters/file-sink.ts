import { dirname } from 'node:path';
import type { Stats } from 'node:fs';
import type { ExportError } from './export-error';
import { rotateFiles } from './file-rotation';
import type { FileSystem } from './file-system';
import type { LineSink } from './line-exporter';
import { errorCode, writeError } from './write-error';

const FILE_MODE = 0o600;
const NEWLINE = Buffer.from('\n');

// The path is wrong and stays wrong. Rights (EACCES, EPERM, EROFS), space and descriptors can come back while the lane retries.
const PERMANENT_CODES: readonly string[] = ['EISDIR', 'ENOTDIR', 'ENAMETOOLONG', 'ELOOP', 'ENXIO', 'EINVAL'];

// The descriptor is of no use any more: closed by somebody else, or its file is gone from a network file system.
const LOST_DESCRIPTOR_CODES: readonly string[] = ['EBADF', 'ESTALE'];

interface OpenFile {
  readonly fd: number;
  readonly dev: number;
  readonly ino: number;
  /** False for a pipe or a device, which has no size and no end to look at. */
  readonly isRegular: boolean;
  size: number;
  endsMidLine: boolean;
}

export interface FileSinkOptions {
  readonly path: string;
  /** A file is at most this large, unless one line is larger. */
  readonly maxBytes: number;
  readonly maxFiles: number;
}

/**
 * A file that is appended to, and rotated between lines.
 * Looks before each batch whether the path still leads to the open file, so that one that was moved or deleted is made anew.
 */
export class FileSink implements LineSink {
  readonly #options: FileSinkOptions;
  readonly #fs: FileSystem;
  #file: OpenFile | undefined = undefined;

  constructor(options: FileSinkOptions, fileSystem: FileSystem) {
    this.#options = options;
    this.#fs = fileSystem;
  }

  async prepare(): Promise<boolean> {
    const file = this.#file;
    if (file === undefined) {
      await this.#open();
      return false;
    }
    const found = await this.#find();
    if (found?.dev !== file.dev || found.ino !== file.ino) {
      await this.#release();
      await this.#open();
      return false;
    }
    if (!file.isRegular || found.size === file.size) {
      return true;
    }
    // Somebody else truncated it or wrote to it.
    file.endsMidLine = await this.#readsMidLine(file.fd, found.size);
    file.size = found.size;
    return false;
  }

  async write(lines: Buffer, offset: number, isAtLineStart: boolean): Promise<number> {
    if (!isAtLineStart) {
      return this.#append(lines, offset, lineEnd(lines, offset));
    }
    const end = await this.#makeRoom(lines, offset);
    if (this.#openFile().endsMidLine) {
      await this.#append(NEWLINE, 0, 1);
    }
    return this.#append(lines, offset, end);
  }

  failed(error: unknown): ExportError {
    if (LOST_DESCRIPTOR_CODES.includes(errorCode(error) ?? '')) {
      // Not closed: by now the number may belong to somebody else's file.
      this.#file = undefined;
    }
    return writeError(this.#options.path, error, PERMANENT_CODES);
  }

  async close(): Promise<void> {
    await this.#release();
  }

  /** Where the bytes that fit into the file end, after a rotation if not even a line does. */
  async #makeRoom(lines: Buffer, offset: number): Promise<number> {
    for (;;) {
      const file = this.#openFile();
      const room = this.#options.maxBytes - file.size - (file.endsMidLine ? 1 : 0);
      if (!file.isRegular || lines.length - offset <= room) {
        return lines.length;
      }
      const end = room <= 0 ? 0 : lines.lastIndexOf(NEWLINE, offset + room - 1) + 1;
      if (end > offset) {
        return end;
      }
      if (file.size === 0) {
        return lineEnd(lines, offset);
      }
      await this.#rotate(file);
    }
  }

  async #rotate(file: OpenFile): Promise<void> {
    const found = await this.#find();
    // Another process that writes here may have rotated just now.
    if (found?.dev === file.dev && found.ino === file.ino) {
      await rotateFiles(this.#fs, this.#options.path, this.#options.maxFiles);
    }
    await this.#release();
    await this.#open();
  }

  async #append(bytes: Buffer, start: number, end: number): Promise<number> {
    const file = this.#openFile();
    const written = await this.#fs.write(file.fd, bytes, start, end - start);
    if (written === 0) {
      throw Object.assign(new Error('nothing was written'), { code: 'EAGAIN', syscall: 'write' });
    }
    file.size += written;
    file.endsMidLine = bytes[start + written - 1] !== NEWLINE[0];
    return written;
  }

  #openFile(): OpenFile {
    if (this.#file === undefined) {
      throw new Error('the file is not open');
    }
    return this.#file;
  }

  async #find(): Promise<Stats | undefined> {
    try {
      return await this.#fs.stat(this.#options.path);
    } catch (error) {
      if (errorCode(error) === 'ENOENT') {
        return undefined;
      }
      throw error;
    }
  }

  async #open(): Promise<void> {
    const fd = await this.#openOrCreate();
    try {
      const stats = await this.#fs.fstat(fd);
      const isRegular = stats.isFile();
      const size = isRegular ? stats.size : 0;
      this.#file = { fd, dev: stats.dev, ino: stats.ino, isRegular, size, endsMidLine: await this.#readsMidLine(fd, size) };
    } catch (error) {
      await this.#closeQuietly(fd);
      throw error;
    }
  }

  async #openOrCreate(): Promise<number> {
    const { path } = this.#options;
    try {
      // Readable too, to see how an earlier process left its end.
      return await this.#fs.open(path, 'a+', FILE_MODE);
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') {
        throw error;
      }
    }
    await this.#fs.mkdir(dirname(path));
    return this.#fs.open(path, 'a+', FILE_MODE);
  }

  async #readsMidLine(fd: number, size: number): Promise<boolean> {
    const last = Buffer.alloc(1);
    return size > 0 && (await this.#fs.read(fd, last, 0, 1, size - 1)) === 1 && last[0] !== NEWLINE[0];
  }

  async #release(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    if (file !== undefined) {
      await this.#closeQuietly(file.fd);
    }
  }

  async #closeQuietly(fd: number): Promise<void> {
    try {
      await this.#fs.close(fd);
    } catch {
      // Every write to it has been answered; nothing can be got back by trying again.
    }
  }
}

function lineEnd(lines: Buffer, offset: number): number {
  return lines.indexOf(NEWLINE, offset) + 1;
}
