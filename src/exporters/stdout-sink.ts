import fs from 'node:fs';
import { setImmediate, setTimeout } from 'node:timers/promises';
import type { ExportError } from './export-error';
import type { LineSink } from './line-exporter';
import { errorCode, writeError } from './write-error';

const STDOUT = 1;
const NEWLINE = Buffer.from('\n');

// How long to leave a full pipe alone: doubles while nothing is taken from it.
const FIRST_DELAY_MILLIS = 1;
const MAX_DELAY_MILLIS = 32;

// The reader is gone (EPIPE, ECONNRESET) or the descriptor is closed or no output: neither comes back.
const PERMANENT_CODES: readonly string[] = ['EPIPE', 'ECONNRESET', 'EBADF', 'EINVAL', 'ENXIO', 'ENOTCONN', 'EDESTADDRREQ'];

/** The one function that is needed of `node:fs`; tests give another. */
export type StdoutFileSystem = Pick<typeof fs, 'writeSync'>;

/**
 * Descriptor 1, written without `process.stdout`: instrumentation of console and streams never sees these writes and cannot log about them.
 *
 * A full non-blocking pipe is waited for without holding up the event loop. The timer of that wait keeps the process alive,
 * so that at a natural end a slow reader still gets everything; the signal of the export bounds it.
 * A blocking pipe, which is what a process gets unless something made it non-blocking, blocks the thread while it is full.
 */
export class StdoutSink implements LineSink {
  readonly #fs: StdoutFileSystem;
  #endsMidLine = false;

  constructor(fileSystem: StdoutFileSystem = fs) {
    this.#fs = fileSystem;
  }

  prepare(): Promise<boolean> {
    return Promise.resolve(true);
  }

  async write(lines: Buffer, offset: number, isAtLineStart: boolean, signal: AbortSignal): Promise<number> {
    if (isAtLineStart && this.#endsMidLine) {
      await this.#writeSome(NEWLINE, 0, signal);
    }
    return this.#writeSome(lines, offset, signal);
  }

  failed(error: unknown): ExportError {
    return writeError('stdout', error, PERMANENT_CODES);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #writeSome(bytes: Buffer, offset: number, signal: AbortSignal): Promise<number> {
    for (let delayMillis = FIRST_DELAY_MILLIS; ; delayMillis = Math.min(delayMillis * 2, MAX_DELAY_MILLIS)) {
      const written = this.#tryWrite(bytes, offset);
      if (written > 0) {
        this.#endsMidLine = bytes[offset + written - 1] !== NEWLINE[0];
        // Writing was synchronous, and so is what follows: encoding.
        await setImmediate();
        return written;
      }
      await setTimeout(delayMillis, undefined, { signal });
    }
  }

  #tryWrite(bytes: Buffer, offset: number): number {
    try {
      return this.#fs.writeSync(STDOUT, bytes, offset, bytes.length - offset);
    } catch (error) {
      if (errorCode(error) === 'EAGAIN') {
        return 0;
      }
      throw error;
    }
  }
}
