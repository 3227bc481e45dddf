import fs from 'node:fs';
import type { Writable } from 'node:stream';
import { errorCode } from '../exporters/write-error';

// How long one write waits for a full pipe. After one in vain the next ones do not wait until something has been taken: the thread has records to deliver.
const MAX_WAIT_MILLIS = 500;
const STEP_MILLIS = 5;

/** The one function that is needed of `node:fs`; tests give another. */
export type OutputFileSystem = Pick<typeof fs, 'writeSync'>;

/**
 * Lets `process.stdout` and `process.stderr` of this thread, and so `console`, write to the descriptors 1 and 2 at once.
 *
 * As Node makes them they hand everything to the main thread's event loop: what an exporter says while the main thread waits at the end of the process is lost,
 * and whoever waits for such a write waits for ever. What cannot be written within half a second, or has no reader any more, is discarded; nothing is thrown.
 */
export function writeOutputDirectly(streams: { readonly stdout: Writable; readonly stderr: Writable } = process, fileSystem: OutputFileSystem = fs): void {
  redirect(streams.stdout, new DirectOutput(1, fileSystem));
  redirect(streams.stderr, new DirectOutput(2, fileSystem));
}

/** Below `write`, so that arguments, callbacks and events of the stream stay what they are. */
function redirect(stream: Writable, output: DirectOutput): void {
  stream._write = (chunk: string | Uint8Array, encoding, callback) => {
    output.write(typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk);
    callback();
  };
  // Node's own takes precedence where several chunks wait.
  stream._writev = (chunks: { chunk: string | Uint8Array; encoding: BufferEncoding }[], callback) => {
    output.write(Buffer.concat(chunks.map(({ chunk, encoding }) => (typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk))));
    callback();
  };
}

class DirectOutput {
  readonly #descriptor: number;
  readonly #fs: OutputFileSystem;
  readonly #neverNotified = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  #isBlocked = false;

  constructor(descriptor: number, fileSystem: OutputFileSystem) {
    this.#descriptor = descriptor;
    this.#fs = fileSystem;
  }

  write(bytes: Uint8Array): void {
    let waited = 0;
    for (let offset = 0; offset < bytes.length; ) {
      const written = this.#tryWrite(bytes, offset);
      if (written > 0) {
        this.#isBlocked = false;
        offset += written;
      } else if (written < 0 || this.#isBlocked) {
        return;
      } else if (waited >= MAX_WAIT_MILLIS) {
        this.#isBlocked = true;
        return;
      } else {
        // Blocks the thread, as a write to a blocking pipe does: order, and the last words before an exit, matter more here.
        Atomics.wait(this.#neverNotified, 0, 0, STEP_MILLIS);
        waited += STEP_MILLIS;
      }
    }
  }

  /** @returns the bytes written; 0 if the pipe is full; below 0 if it is of no use any more */
  #tryWrite(bytes: Uint8Array, offset: number): number {
    try {
      return this.#fs.writeSync(this.#descriptor, bytes, offset, bytes.length - offset);
    } catch (error) {
      return errorCode(error) === 'EAGAIN' ? 0 : -1;
    }
  }
}
