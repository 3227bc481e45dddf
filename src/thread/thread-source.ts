import { join } from 'node:path';

// The build puts other values in place of these: scripts/tsdown.config.ts.

/** Where the file of the worker thread is: beside the bundle; from the sources, as tests run them, in the build, because a worker of TypeScript does not load. Undefined where a bundler took it away. */
export const THREAD_FOLDER: string | undefined = join(__dirname, '..', '..', 'dist');

/** The code of the worker thread; empty from the sources. */
export const THREAD_SOURCE: string = '';
