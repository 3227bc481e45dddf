import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';

export interface Counts {
  readonly passed: number;
  /** Tests that failed, and suites that did not get as far as to their tests. */
  readonly failed: number;
}

/** What `--json` writes. */
interface JestResult {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numRuntimeErrorTestSuites: number;
  readonly success: boolean;
}

/**
 * Runs the suite and shows what Jest says.
 * @param program the Node program
 * @param folder with `jest.config.ts`
 */
export function runJest(program: string, folder: string, args: readonly string[]): Counts {
  const output = mkdtempSync(join(tmpdir(), 'otel-log-queue-matrix-'));
  const json = join(output, 'result.json');
  try {
    spawnSync(program, [join('node_modules', 'jest', 'bin', 'jest.js'), '--json', `--outputFile=${json}`, ...args], {
      cwd: folder,
      stdio: 'inherit',
      // Tests that start `node` or `npm` by name get the same Node.
      env: { ...process.env, PATH: [dirname(program), process.env['PATH']].join(delimiter), NODE_RELEASES: 'running' },
    });
    if (!existsSync(json)) {
      return { passed: 0, failed: 1 };
    }
    const result = JSON.parse(readFileSync(json, 'utf8')) as JestResult;
    const failed = result.numFailedTests + result.numRuntimeErrorTestSuites;
    return { passed: result.numPassedTests, failed: result.success ? failed : Math.max(failed, 1) };
  } finally {
    rmSync(output, { recursive: true, force: true });
  }
}
