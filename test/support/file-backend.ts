import { execFileSync, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileSequences } from './received-sequences';

/** The folder of a log file, behind a link that can lead elsewhere: real errors of a real file system, for the event loop and for a thread. */
export class FileBackend {
  readonly #root = mkdtempSync(join(tmpdir(), 'otel-log-queue-file-'));
  readonly #folders: string[] = [];
  readonly #drained = join(this.#root, 'drained.jsonl');
  #pipe = '';

  /** Inside the folder that the link leads to. */
  readonly path = join(this.#root, 'logs', 'app.jsonl');

  /** Leads to a new folder in which files can be made. */
  goUp(): void {
    const folder = join(this.#root, `folder-${this.#folders.length}`);
    mkdirSync(folder);
    this.#folders.push(folder);
    this.#lead(folder);
  }

  /** Leads nowhere: no file can be opened or made (ENOENT). */
  goDown(): void {
    this.#lead(join(this.#root, 'gone', 'for', 'ever'));
  }

  /** Leads to a folder in which the file is a device that is always full (ENOSPC). */
  fill(): void {
    const folder = join(this.#root, `full-${process.hrtime.bigint()}`);
    mkdirSync(folder);
    symlinkSync('/dev/full', join(folder, 'app.jsonl'));
    this.#lead(folder);
  }

  /** Leads to a folder in which the file is a pipe that nobody reads: a write of more than a pipe holds does not come back. */
  hang(): void {
    const folder = join(this.#root, `pipe-${process.hrtime.bigint()}`);
    mkdirSync(folder);
    this.#pipe = join(folder, 'app.jsonl');
    execFileSync('mkfifo', [this.#pipe]);
    this.#lead(folder);
  }

  /** Reads what was and is written to the pipe, until the returned function is called. */
  drain(): () => void {
    const output = openSync(this.#drained, 'w');
    const reader = spawn('cat', [this.#pipe], { stdio: ['ignore', output, 'ignore'] });
    closeSync(output);
    return () => void reader.kill();
  }

  /** What stands in the files of all folders, and what was read from the pipe. */
  taken(): number[] {
    const inFolders = this.#folders.flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)));
    return [...inFolders, ...(existsSync(this.#drained) ? [this.#drained] : [])].flatMap((path) => wholeLines(readFileSync(path, 'utf8')));
  }

  close(): void {
    rmSync(this.#root, { recursive: true, force: true });
  }

  #lead(target: string): void {
    // In one step, so that no write finds nothing at all.
    const draft = join(this.#root, 'draft');
    symlinkSync(target, draft);
    renameSync(draft, join(this.#root, 'logs'));
  }
}

/** A line that is being written is not there yet. */
function wholeLines(text: string): number[] {
  return fileSequences(text.slice(0, text.lastIndexOf('\n') + 1));
}
