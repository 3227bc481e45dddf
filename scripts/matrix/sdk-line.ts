import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { cachedFolder } from '../../test/support/cache-folder';
import { PACKAGE_PATH, ROOT } from '../load/build';

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

/** A line of releases of the OpenTelemetry SDK: `0.2xx` is that of the devDependencies, the others have a folder in `test/sdk-lines`. */
export type SdkLine = '0.2xx' | '3.x';

const SCOPE = '@opentelemetry';

function dependenciesOf(line: SdkLine): Readonly<Record<string, string>> {
  const read = (path: string): Manifest => JSON.parse(readFileSync(join(path, 'package.json'), 'utf8')) as Manifest;
  return (line === '0.2xx' ? read(ROOT).devDependencies : read(lockFolder(line)).dependencies) ?? {};
}

const lockFolder = (line: SdkLine): string => join(ROOT, 'test', 'sdk-lines', line);

/** The version of `sdk-logs`, by which users know a line. */
export const sdkVersion = (line: SdkLine): string => dependenciesOf(line)[`${SCOPE}/sdk-logs`] ?? '';

/** Installs this line, once; returns the `node_modules` folder. */
export function installLine(line: SdkLine): string {
  return line === '0.2xx' ? join(ROOT, 'node_modules') : join(installLocked(lockFolder(line)), 'node_modules');
}

/** Installs what a lock file says into the cache outside the repository, once; returns the folder. */
function installLocked(locks: string): string {
  const names = ['package.json', 'package-lock.json'];
  return cachedFolder(names.map((name) => readFileSync(join(locks, name), 'utf8')).join('\n'), (draft) => {
    names.forEach((name) => cpSync(join(locks, name), join(draft, name)));
    execFileSync('npm', ['ci', '--no-audit', '--no-fund', '--ignore-scripts', '--engine-strict=false'], { cwd: draft, stdio: 'pipe' });
  });
}

/** Where the suite runs. */
export interface Checkout {
  readonly folder: string;
  remove(): void;
}

/**
 * The folder in which the suite runs with this line.
 * For the line of the devDependencies that is the repository. For another one it is a copy, in a folder where that line is installed:
 * so everything finds it the way an application does, threads, ES modules, child processes and the compiler included, and no test can meet both lines.
 * @throws Error if the line lacks a package that the repository has
 */
export function checkoutWith(line: SdkLine): Checkout {
  if (line === '0.2xx') {
    return { folder: ROOT, remove: () => undefined };
  }
  requireSamePackages(line);
  const folder = mkdtempSync(join(installLocked(lockFolder(line)), 'checkout-'));
  copyInto(folder, Object.keys(dependenciesOf(line)));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

function requireSamePackages(line: SdkLine): void {
  const installed = dependenciesOf(line);
  // Part of `api` from 1.10 on.
  const missing = Object.keys(dependenciesOf('0.2xx')).filter((name) => name.startsWith(`${SCOPE}/`) && name !== `${SCOPE}/api-logs` && !(name in installed));
  if (missing.length > 0) {
    throw new Error(`test/sdk-lines/${line}/package.json lacks ${missing.join(', ')}: npm install --package-lock-only --save-exact there`);
  }
}

/** A copy of the repository whose `node_modules` has links to everything but these packages and the scope of OpenTelemetry: those are found one folder higher. */
function copyInto(checkout: string, replaced: readonly string[]): void {
  mkdirSync(join(checkout, 'node_modules'));
  for (const name of readdirSync(ROOT).filter((each) => each !== 'node_modules' && !each.startsWith('.'))) {
    cpSync(join(ROOT, name), join(checkout, name), { recursive: true });
  }
  useLogsOfApi(join(checkout, 'scripts', 'examples'));
  // Newer than the copied sources: there is one build, with the packages of the repository, and users of every line get that one.
  const now = new Date();
  utimesSync(join(checkout, relative(ROOT, PACKAGE_PATH)), now, now);
  const own = new Set([SCOPE, '.cache', '.package-lock.json', ...replaced]);
  for (const name of readdirSync(join(ROOT, 'node_modules')).filter((each) => !own.has(each))) {
    symlinkSync(join(ROOT, 'node_modules', name), join(checkout, 'node_modules', name));
  }
}

/** The examples are of the line of the repository; users of 3.x have `logs` in the API itself. */
function useLogsOfApi(folder: string): void {
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((each) => each.endsWith('.ts'))) {
    const path = join(folder, name);
    writeFileSync(path, readFileSync(path, 'utf8').replaceAll(`'${SCOPE}/api-logs'`, `'${SCOPE}/api'`));
  }
}
