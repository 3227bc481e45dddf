import { realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { THREAD_FOLDER } from '../thread/thread-source';

export type Require = ReturnType<typeof createRequire>;

/** A package of the application, and what else it can find from its own place. */
export interface ApplicationModule {
  readonly exports: unknown;
  /** Finds the package's own dependencies, which are those of its version. */
  readonly require: Require;
}

/**
 * Loads a package that this one does not depend on: from where the program is, from the working directory, or beside this package.
 *
 * @returns undefined if it is in none of these places
 * @throws whatever the package throws while it is loaded
 */
export function loadFromApplication(name: string): ApplicationModule | undefined {
  for (const require of places()) {
    let path: string;
    try {
      path = require.resolve(name);
    } catch {
      continue;
    }
    return { exports: require(path), require: createRequire(path) };
  }
  return undefined;
}

function places(): Require[] {
  const program = process.argv[1];
  const files = [
    ...(program === undefined ? [] : [realPath(program)]),
    join(process.cwd(), 'any'),
    // An operator may put this package and its peers into a folder of their own.
    ...(THREAD_FOLDER === undefined ? [] : [join(THREAD_FOLDER, 'any')]),
  ];
  return files.map((file) => createRequire(file));
}

/** A program is often started by a link in another folder. */
function realPath(program: string): string {
  try {
    return realpathSync(program);
  } catch {
    // Node finds it with another ending, or not at all.
    return resolve(program);
  }
}
