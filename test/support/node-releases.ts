import { join } from 'node:path';
import { installOnce } from './package-folder';

export interface NodeRelease {
  readonly name: string;
  /** The path of the program. */
  readonly program: string;
}

// The archives of nodejs.org as npm packages; one of these is mostly the Node that runs the tests.
const VERSIONS = { 20: '20.20.2', 22: '22.23.3', 24: '24.21.0', 26: '26.10.0' } as const;

export type NodeMajor = keyof typeof VERSIONS;

/** The path of a Node program. One that is not running is installed into the cache outside the checkout, once. */
export function nodeProgram(major: NodeMajor): string {
  if (process.versions.node.startsWith(`${major}.`)) {
    return process.execPath;
  }
  const name = `node-${process.platform}-${process.arch}`;
  return join(installOnce([`${name}@${VERSIONS[major]}`]), name, 'bin', 'node');
}

/**
 * The Node releases that child processes are tested with: the oldest and the newest with long-term support.
 * Where the suite itself runs on each Node (`scripts/test-matrix.ts`), the running one.
 */
export const nodeReleases: readonly NodeRelease[] =
  process.env['NODE_RELEASES'] === 'running'
    ? [{ name: `Node ${process.versions.node.split('.')[0]}`, program: process.execPath }]
    : ([20, 24] as const).map((major) => ({ name: `Node ${major}`, program: nodeProgram(major) }));
