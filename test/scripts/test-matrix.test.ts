import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { ROOT } from '../../scripts/load/build';
import { CELLS } from '../../scripts/matrix/cells';

jest.setTimeout(120_000);

interface Outcome {
  readonly status: number | null;
  readonly lines: readonly string[];
  readonly stderr: string;
}

function run(...args: string[]): Outcome {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['-r', 'ts-node/register/transpile-only', join('scripts', 'test-matrix.ts'), ...args], { cwd: ROOT, encoding: 'utf8' });
  return { status, lines: stdout.trim().split('\n'), stderr };
}

const [first] = CELLS;
const firstCell = ['--node', String(first?.node), '--sdk', String(first?.sdk)];

it('the last line of the matrix counts all tests, after one line for each cell', () => {
  const { status, lines } = run(...firstCell, 'test/version.test.ts');
  expect(status).toBe(0);
  expect(lines.at(-3)).toMatch(/^Node 20, SDK 0\.223\.1: 1 passed, 0 failed, \d+ s$/);
  expect(lines.at(-1)).toBe('1 passed, 0 failed');
});

it('a cell that runs no test has failed', () => {
  const { status, lines } = run(...firstCell, 'test/no-such-suite.test.ts');
  expect(status).toBe(1);
  expect(lines.at(-1)).toBe('0 passed, 1 failed');
});

it('a pair of Node and SDK that is not supported is refused, with those that are', () => {
  const { status, stderr } = run('--node', '20', '--sdk', '3.x');
  expect(status).toBe(2);
  expect(stderr.trim().split('\n')).toHaveLength(1 + CELLS.length);
});
