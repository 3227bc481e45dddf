import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { backendFolder } from './find';
import { COLLECTOR_BUILDER, COLLECTOR_MANIFEST, SOURCES, VICTORIA_LOGS_PACKAGE, type BackendName } from './manifest';

// A build on two cores takes two or three minutes: one that takes so long hangs.
const TIMEOUT_MILLIS = 30 * 60 * 1000;

/**
 * Builds a server from the Go module proxy into the cache.
 * @throws Error with the last words of the tool that failed
 */
export function buildBackend(name: Exclude<BackendName, 'loki'>): void {
  const folder = backendFolder(name);
  mkdirSync(dirname(folder), { recursive: true });
  const draft = mkdtempSync(join(dirname(folder), `draft-${name}-`));
  try {
    if (name === 'collector') {
      buildCollector(draft);
    } else {
      run(draft, 'go', ['install', '-trimpath', '-ldflags', '-s -w', VICTORIA_LOGS_PACKAGE]);
    }
    // Whole or not at all: another build may end at this moment.
    renameSync(draft, folder);
  } catch (error) {
    if (!existsSync(folder)) {
      throw error;
    }
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

function buildCollector(draft: string): void {
  const { program } = SOURCES.collector;
  run(draft, 'go', ['install', '-trimpath', COLLECTOR_BUILDER]);
  writeFileSync(join(draft, 'manifest.yaml'), COLLECTOR_MANIFEST);
  run(draft, join(draft, 'builder'), ['--config', 'manifest.yaml']);
  renameSync(join(draft, 'build', program), join(draft, program));
  rmSync(join(draft, 'build'), { recursive: true });
  rmSync(join(draft, 'builder'));
}

function run(folder: string, program: string, args: readonly string[]): void {
  const { error, status, signal, stderr } = spawnSync(program, args, {
    cwd: folder,
    env: { ...process.env, CGO_ENABLED: '0', GOBIN: folder },
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    timeout: TIMEOUT_MILLIS,
  });
  if (error !== undefined && 'code' in error && error.code === 'ENOENT') {
    throw new Error(`there is no program ${program}; it needs Go 1.26 or newer`);
  }
  if (status !== 0) {
    throw new Error(`${program} ${args.slice(0, 1).join('')} ended with ${status ?? signal ?? 'nothing'}: ${lastWords(stderr)}`);
  }
}

function lastWords(text: string): string {
  return text.trim().split('\n').filter((line) => !line.includes(': downloading ')).slice(-4).join(' | ').slice(-600);
}
