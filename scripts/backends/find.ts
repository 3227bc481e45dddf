import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { COLLECTOR_MANIFEST, SOURCES, type BackendName } from './manifest';

/** A server program, or why there is none. */
export type FoundBackend = { readonly path: string } | { readonly missing: string };

export const BUILD_COMMAND = 'npm run backends:build';

/** The program given by the environment, else the one in the cache. */
export function findBackend(name: BackendName): FoundBackend {
  const { binaryVariable, program, notBuilt } = SOURCES[name];
  const given = process.env[binaryVariable];
  if (given !== undefined && given !== '') {
    try {
      accessSync(given, constants.X_OK);
      return { path: given };
    } catch {
      return { missing: `${binaryVariable} is ${given}, which is no program that can be run` };
    }
  }
  const cached = join(backendFolder(name), program);
  if (existsSync(cached)) {
    return { path: cached };
  }
  return { missing: notBuilt ?? process.env[reasonVariable(name)] ?? `it is not built: ${BUILD_COMMAND}` };
}

/** Outside the repository, one for each version, and for each list of components of the Collector. */
export function backendFolder(name: BackendName): string {
  const cache = process.env['OTEL_LOG_QUEUE_CACHE'] ?? join(homedir(), '.cache', 'otel-log-queue');
  const parts = name === 'collector' ? `-${createHash('sha256').update(COLLECTOR_MANIFEST).digest('hex').slice(0, 8)}` : '';
  return join(cache, 'backends', `${name}-${SOURCES[name].version}${parts}`);
}

/** How the command that could not build a server tells the tests why. */
export function reasonVariable(name: BackendName): string {
  return `OTEL_LOG_QUEUE_NO_${name.toUpperCase()}`;
}
