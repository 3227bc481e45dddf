import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { nodeProgram } from '../test/support/node-releases';
import { ensureBuilt, ROOT } from './load/build';
import { CELLS, RUN_ONCE, type Cell } from './matrix/cells';
import { runJest, type Counts } from './matrix/jest-run';
import { checkoutWith, sdkVersion, type Checkout, type SdkLine } from './matrix/sdk-line';

// The suite on every supported Node with its SDK line: `npm run test:matrix`, or a part of it: `npm run test:matrix -- --node 24 --sdk 3.x test/lane`.

const FAILED = 1;
const WRONG_ARGUMENT = 2;

interface Run extends Counts {
  readonly name: string;
  readonly seconds: number;
}

function chosenCells(node: string | undefined, sdk: string | undefined): readonly Cell[] {
  return CELLS.filter((cell) => (node ?? String(cell.node)) === String(cell.node) && (sdk ?? cell.sdk) === cell.sdk);
}

/** What the compiler says of sources and tests with the types of this line. The line of the repository has a step of its own in CI. */
function checkTypes(folder: string): Counts {
  const { status } = spawnSync(process.execPath, [join(folder, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', folder], { stdio: 'inherit' });
  return status === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

function timed(name: string, run: () => Counts): Run {
  process.stdout.write(`\n== ${name}\n`);
  const begin = performance.now();
  const counts = run();
  return { name, ...counts, seconds: (performance.now() - begin) / 1000 };
}

const line = ({ name, passed, failed, seconds }: Run): string => `${name}: ${passed} passed, ${failed} failed, ${seconds.toFixed(0)} s\n`;

function main(): number {
  const { values, positionals } = parseArgs({ options: { node: { type: 'string' }, sdk: { type: 'string' } }, allowPositionals: true });
  const cells = chosenCells(values.node, values.sdk);
  if (cells.length === 0) {
    process.stderr.write(`No such cell. There are:\n${CELLS.map(({ node, sdk }) => `  --node ${node} --sdk ${sdk}\n`).join('')}`);
    return WRONG_ARGUMENT;
  }
  ensureBuilt();
  const checkouts = new Map<SdkLine, Checkout>([...new Set(cells.map(({ sdk }) => sdk))].map((sdk) => [sdk, checkoutWith(sdk)]));
  try {
    return report(runAll(cells, checkouts, positionals));
  } finally {
    checkouts.forEach((checkout) => checkout.remove());
  }
}

function runAll(cells: readonly Cell[], checkouts: ReadonlyMap<SdkLine, Checkout>, chosenTests: readonly string[]): Run[] {
  const runs: Run[] = [];
  const isWhole = chosenTests.length === 0;
  for (const [sdk, { folder }] of checkouts) {
    if (sdk !== '0.2xx' && isWhole) {
      runs.push(timed(`Types of SDK ${sdkVersion(sdk)}`, () => checkTypes(folder)));
    }
  }
  for (const cell of cells) {
    const skipped = isWhole && cell !== CELLS[0] ? ['--testPathIgnorePatterns', '/node_modules/', ...RUN_ONCE.map(({ pattern }) => pattern)] : [];
    const folder = checkouts.get(cell.sdk)?.folder ?? ROOT;
    runs.push(timed(`Node ${cell.node}, SDK ${sdkVersion(cell.sdk)}`, () => runJest(nodeProgram(cell.node), folder, ['--maxWorkers=2', ...chosenTests, ...skipped])));
  }
  return runs;
}

/** The last line is for programs. */
function report(runs: readonly Run[]): number {
  process.stdout.write(`\n${runs.map(line).join('')}`);
  const total = (count: 'passed' | 'failed'): number => runs.reduce((sum, run) => sum + run[count], 0);
  process.stdout.write(`\n${total('passed')} passed, ${total('failed')} failed\n`);
  return total('failed') === 0 ? 0 : FAILED;
}

process.exitCode = main();
