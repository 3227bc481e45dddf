import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { ThreadData } from './thread-protocol';

// Beside the bundle in the package; from the sources, as tests run them, in the folder of the build: a worker of TypeScript does not load.
const CANDIDATES = [join(__dirname, 'thread-main.cjs'), join(__dirname, '..', '..', 'dist', 'thread-main.cjs')];

/**
 * Starts the thread, not referenced: it does not keep the process alive.
 *
 * @throws Error if the worker file is not there or threads are not allowed
 */
export function startThread(data: ThreadData): Worker {
  const file = CANDIDATES.find((candidate) => existsSync(candidate));
  if (file === undefined) {
    throw new Error(`the file of the worker thread is not at ${CANDIDATES[0]}`);
  }
  const worker = new Worker(file, {
    name: 'otel-log-queue',
    workerData: data,
    transferList: [data.port],
    // Without both a preload that sets up telemetry would run in the thread and start another one, without end: the flags come by execArgv, NODE_OPTIONS by the environment.
    execArgv: [],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  worker.unref();
  return worker;
}
