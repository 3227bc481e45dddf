import { join } from 'node:path';
import { installOnce } from './package-folder';

export interface NodeRelease {
  readonly name: string;
  /** The path of the program. */
  readonly program: string;
}

// The archives of nodejs.org as npm packages; one of these is mostly the Node that runs the tests.
const VERSIONS = ['20.20.2', '24.21.0'];

/** The Node releases that child processes are tested with. Those that are not running are installed into the cache outside the checkout, once. */
export const nodeReleases: readonly NodeRelease[] = VERSIONS.map((version) => {
  const [major] = version.split('.');
  const isRunning = process.versions.node.startsWith(`${major}.`);
  return { name: `Node ${major}`, program: isRunning ? process.execPath : installed(version) };
});

function installed(version: string): string {
  const name = `node-${process.platform}-${process.arch}`;
  return join(installOnce([`${name}@${version}`]), name, 'bin', 'node');
}
