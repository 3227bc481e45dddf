import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../../scripts/load/build';
import { cachedFolder } from './cache-folder';

/** What a user has after `npm install`: a folder with the packed package in it, and nothing else of this repository. */
export interface UserFolder {
  readonly path: string;
  remove(): void;
}

/** The `node_modules` folder with the SDK line that the suite runs with; with another line than that of the devDependencies it is not the repository's. */
export function sdkModules(): string {
  const folder = 'node_modules';
  const found = require.resolve('@opentelemetry/api');
  return found.slice(0, found.lastIndexOf(folder) + folder.length);
}

/**
 * A new folder with the packed package.
 * @param nodeModules the folder whose `@opentelemetry` packages the application uses; default: the SDK line that the suite runs with
 */
export function makeUserFolder(files: Readonly<Record<string, string>>, nodeModules = sdkModules()): UserFolder {
  const path = mkdtempSync(join(tmpdir(), 'otel-log-queue-user-'));
  const installed = join(path, 'node_modules');
  mkdirSync(installed);
  const [packed] = JSON.parse(execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', path], { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })) as { filename: string }[];
  execFileSync('tar', ['-xzf', join(path, packed?.filename ?? ''), '-C', installed]);
  renameSync(join(installed, 'package'), join(installed, 'otel-log-queue'));
  symlinkSync(join(nodeModules, '@opentelemetry'), join(installed, '@opentelemetry'));
  symlinkSync(join(ROOT, 'node_modules', '@types'), join(installed, '@types'));
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(path, name), text);
  }
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/**
 * Installs packages into a cache outside the repository, once; the versions must be exact.
 * @returns the `node_modules` folder
 */
export function installOnce(packages: readonly string[]): string {
  const folder = cachedFolder(packages.join(' '), (draft) => {
    writeFileSync(join(draft, 'package.json'), '{"private":true}');
    // The 3.x line says that it needs Node 22, and runs on 20 too.
    execFileSync('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--engine-strict=false', ...packages], { cwd: draft, stdio: 'pipe' });
  });
  return join(folder, 'node_modules');
}
