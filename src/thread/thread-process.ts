import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Worker, type WorkerOptions } from 'node:worker_threads';
import type { ThreadData } from './thread-protocol';
import { THREAD_FOLDER, THREAD_SOURCE } from './thread-source';

/** One way to start the thread. */
export interface ThreadCandidate {
  readonly label: string;
  /** @throws Error if threads are not allowed */
  readonly start: (options: WorkerOptions) => Worker;
}

const FILE = 'otel-log-queue-thread.cjs';

/**
 * The ways to start the thread, in the order in which they are tried.
 *
 * @param workerPath where the user says that the file is
 */
export function threadCandidates(workerPath: string | undefined): ThreadCandidate[] {
  const candidates: ThreadCandidate[] = [];
  if (workerPath !== undefined) {
    candidates.push(fileCandidate(workerPath));
  }
  const built = THREAD_FOLDER === undefined ? undefined : join(THREAD_FOLDER, FILE);
  if (built !== undefined && isThere(built)) {
    candidates.push(fileCandidate(built));
  }
  if (THREAD_SOURCE !== '') {
    candidates.push({ label: 'the code in the bundle', start: (options) => new Worker(THREAD_SOURCE, { ...options, eval: true }) });
  }
  return candidates;
}

/**
 * Starts the thread, not referenced: it does not keep the process alive.
 *
 * @throws Error if threads are not allowed
 */
export function startThread(candidate: ThreadCandidate, data: ThreadData): Worker {
  const worker = candidate.start({
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

function fileCandidate(path: string): ThreadCandidate {
  return { label: path, start: (options) => new Worker(path, options) };
}

function isThere(path: string): boolean {
  try {
    return existsSync(path);
  } catch {
    // The file system is not allowed.
    return false;
  }
}
