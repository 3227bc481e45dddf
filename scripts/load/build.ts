import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';

export const ROOT = join(__dirname, '..', '..');
export const PACKAGE_PATH = join(ROOT, 'dist', 'index.cjs');

/**
 * Builds the package if `dist` is missing or older than `src`.
 * @throws Error with the output of a build that failed
 */
export function ensureBuilt(): void {
  const config = join(ROOT, 'scripts', 'tsdown.config.ts');
  const sources = [join(ROOT, 'package.json'), config, ...readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' }).map((name) => join(ROOT, 'src', name))];
  const newest = Math.max(...sources.map((path) => statSync(path).mtimeMs));
  const built = statSync(PACKAGE_PATH, { throwIfNoEntry: false })?.mtimeMs;
  if (built !== undefined && built >= newest) {
    return;
  }
  const tsdown = require.resolve('tsdown/package.json');
  const { bin } = JSON.parse(readFileSync(tsdown, 'utf8')) as { bin: { tsdown: string } };
  const build = spawnSync(process.execPath, [join(dirname(tsdown), bin.tsdown), '--config', config], { cwd: ROOT, encoding: 'utf8', env: { ...process.env, NO_COLOR: '1' } });
  if (build.status !== 0) {
    throw new Error(`the build failed:\n${build.stdout}${build.stderr}`);
  }
}

/**
 * Compiles the parts of this script that run in processes of their own.
 * With ts-node in them, the compiler's 100 MB and its garbage would be part of what is measured.
 * @returns the folder: inside `node_modules`, so that the compiled files find the packages; the caller deletes it
 */
export function compileChildren(): string {
  const cache = join(ROOT, 'node_modules', '.cache', 'otel-log-queue');
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, 'load-'));
  for (const name of readdirSync(__dirname).filter((each) => each.endsWith('.ts'))) {
    const { outputText } = ts.transpileModule(readFileSync(join(__dirname, name), 'utf8'), {
      compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022, esModuleInterop: true },
    });
    writeFileSync(join(folder, name.replace(/\.ts$/, '.js')), outputText);
  }
  return folder;
}
