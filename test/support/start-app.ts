import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { ROOT } from '../../scripts/load/build';
import type { QueueStats } from '../../src/stats';

export const START_APP = join(ROOT, 'test', 'thread', 'fixtures', 'start-app.cjs');

/** What `start-app.cjs` reads. */
export interface StartApp {
  readonly url: string;
  readonly records: number;
  readonly end: 'natural' | 'flush' | 'shutdown' | 'exit' | 'ready';
  /** The package, or a bundle of it. Default: the CommonJS build. */
  readonly entry?: string;
  readonly options?: object;
  /** Code that runs before the package is loaded. */
  readonly before?: string;
}

export interface StartOutcome {
  readonly code: number | null;
  /** How often the file was run, in whichever thread. */
  readonly runs: number;
  /** Threads that the main thread started. */
  readonly threads: number;
  readonly diag: readonly string[];
  readonly stats: QueueStats;
  readonly stderr: string;
}

/** Runs an application with a processor until it ends. */
export async function runStartApp(app: StartApp, { argv = [START_APP], env = {}, cwd = ROOT }: { argv?: readonly string[]; env?: NodeJS.ProcessEnv; cwd?: string } = {}): Promise<StartOutcome> {
  const child = spawn(process.execPath, [...argv], { cwd, env: { ...process.env, ...env, APP: JSON.stringify({ entry: join(ROOT, 'dist', 'index.cjs'), ...app }) }, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  const lines = stdout.split('\n');
  const after = (start: string): string | undefined => lines.find((line) => line.startsWith(start))?.slice(start.length);
  const stats = after('stats ');
  if (stats === undefined) {
    throw new Error(`the application did not tell its statistics: ${stdout}${stderr}`);
  }
  return {
    code,
    runs: lines.filter((line) => line.startsWith('run ')).length,
    threads: Number(after('threads ')),
    diag: lines.filter((line) => /^(warn|error) /.test(line)),
    stats: JSON.parse(stats) as QueueStats,
    stderr,
  };
}
