import Module from 'node:module';
import { isAbsolute, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

type Importer = (specifier: string) => Promise<unknown>;

/**
 * `import()` as a file of that folder would do it. Loads ES modules and CommonJS.
 *
 * @param module a package name, an absolute path, a path that begins with a dot, or a URL
 * @throws Error (rejects) if there is no such module, or it throws
 */
export function importFrom(folder: string, module: string): Promise<unknown> {
  return importerOf(folder)(specifierOf(folder, module));
}

/** A path as a URL, because `import()` takes `C:\exporter.mjs` for a URL with the scheme `c`. */
function specifierOf(folder: string, module: string): string {
  return isAbsolute(module) || /^\.\.?(?:[/\\]|$)/.test(module) ? pathToFileURL(resolve(folder, module)).href : module;
}

/**
 * A module that is compiled from a string, as if it stood in the folder: a package is looked for from there and not from where this package lies,
 * and no compiler or bundler turns its `import()` into `require()`. (`vm.Script` could do the same and prints an ExperimentalWarning.)
 */
function importerOf(folder: string): Importer {
  const parent = new Module(join(folder, '[otel-log-queue]')) as Module & { _compile: (code: string, filename: string) => void };
  parent._compile('module.exports = (specifier) => import(specifier)', parent.id);
  return parent.exports as Importer;
}
