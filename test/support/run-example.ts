import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { ROOT } from '../../scripts/load/build';
import { until } from './until';

/** An example of `scripts/examples` in a process of its own. */
export interface RunningExample {
  readonly child: ChildProcess;
  readonly stdout: () => string;
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null; readonly stderr: string }>;
}

/** What `npm run example <name>` runs, without npm between the test and its signals. */
export function runExample(name: string, env: NodeJS.ProcessEnv): RunningExample {
  const child = spawn(process.execPath, ['-r', 'ts-node/register', join('scripts', 'example.ts'), name], { cwd: ROOT, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  return { child, stdout: () => stdout, ended: new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal, stderr }))) };
}

/** Waits until a server says where it listens. */
export async function listeningAt({ child, stdout }: RunningExample): Promise<string> {
  const address = /listening on (http:\/\/\S+)/;
  await until(() => address.test(stdout()) || child.exitCode !== null);
  const [, url = ''] = address.exec(stdout()) ?? [];
  return url;
}
