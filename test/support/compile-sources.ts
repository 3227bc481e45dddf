import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { ROOT } from '../../scripts/load/build';

/**
 * Compiles source files for threads and processes that run without Jest.
 * @param paths from the package folder, without their extension
 * @returns a folder with the same layout: inside `node_modules`, so that the compiled files find the packages; the caller deletes it
 */
export function compileSources(paths: readonly string[]): string {
  const cache = join(ROOT, 'node_modules', '.cache', 'otel-log-queue');
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, 'sources-'));
  for (const path of paths) {
    const { outputText } = ts.transpileModule(readFileSync(join(ROOT, `${path}.ts`), 'utf8'), {
      compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022, esModuleInterop: true },
    });
    const target = join(folder, `${path}.js`);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, outputText);
  }
  return folder;
}
