import type { NodeMajor } from '../../test/support/node-releases';
import type { SdkLine } from './sdk-line';

/** One combination of Node and SDK that is supported. */
export interface Cell {
  readonly node: NodeMajor;
  readonly sdk: SdkLine;
}

// 3.x needs Node 22.15; without a version, npm installs 0.2xx on Node 20.
export const CELLS: readonly Cell[] = [
  { node: 20, sdk: '0.2xx' },
  { node: 22, sdk: '3.x' },
  { node: 24, sdk: '0.2xx' },
  { node: 24, sdk: '3.x' },
  { node: 26, sdk: '3.x' },
];

/** The suites that run in the first cell only, as patterns of their paths, and why once is enough. */
export const RUN_ONCE: readonly { readonly pattern: string; readonly because: string }[] = [
  { pattern: 'test/scripts/', because: 'load script and soak are tools of this repository' },
  { pattern: 'test/package/(bundlers|contents|framework-types|size|types)\\.test\\.ts', because: 'they look at the built files, which are the same in every cell, and bring their own compilers and SDK lines' },
  { pattern: 'test/process/outage\\.test\\.ts', because: 'it lasts a minute, and test/lane and test/spool take the same paths' },
  { pattern: 'test/backends/', because: 'a real backend sees bytes on a socket, and test/otlp and test/exporters compare those in every cell' },
];
