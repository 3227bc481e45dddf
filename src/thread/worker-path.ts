import { diag } from '@opentelemetry/api';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkString } from '../check';
import { readString, type Environment } from '../environment';

const VARIABLE = 'OTEL_LOG_QUEUE_WORKER_PATH';

/**
 * Where the user says that the file of the worker thread is: the option, or else `OTEL_LOG_QUEUE_WORKER_PATH`. A relative path begins at `process.cwd()`.
 *
 * @throws TypeError or RangeError if the option is neither a path nor a `file:` URL
 */
export function resolveWorkerPath(given: unknown, environment: Environment): string | undefined {
  if (given !== undefined) {
    return given instanceof URL ? fromUrl('workerPath', given.href) : fromText('workerPath', checkString('workerPath', given));
  }
  const text = readString(environment, VARIABLE);
  try {
    return text === undefined ? undefined : fromText(VARIABLE, text);
  } catch (error) {
    diag.warn(`otel-log-queue: ${error instanceof Error ? error.message : String(error)}; ignored`);
    return undefined;
  }
}

function fromText(name: string, text: string): string {
  // A letter alone is a drive of Windows.
  return /^[a-z][a-z0-9+.-]+:/i.test(text) ? fromUrl(name, text) : resolve(text);
}

function fromUrl(name: string, url: string): string {
  try {
    return fileURLToPath(url);
  } catch {
    throw new RangeError(`${name} must be a path or a file: URL, received ${JSON.stringify(url)}`);
  }
}
