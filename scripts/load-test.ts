import { writeFileSync } from 'node:fs';
import { ArgumentError, parseArguments, type LoadArguments } from './load/arguments';
import { compileChildren, ensureBuilt } from './load/build';
import { HELP } from './load/help';
import { LoadRuns, RefusedOptions } from './load/load-run';
import { Progress } from './load/progress';
import type { SubjectName } from './load/run-process';
import { machine, type LoadResult, type RunResult } from './load/run-result';
import { summary } from './load/summary';

const FAILED = 1;
const WRONG_VALUE = 2;
const INTERRUPTED = 130;

async function main(): Promise<number> {
  const load = parseArguments(process.argv.slice(2), process.env);
  if (load.help) {
    process.stdout.write(HELP);
    return 0;
  }
  ensureBuilt();
  const result: LoadResult = { machine: machine(), runs: await runAll(load) };
  if (load.json !== undefined) {
    writeFileSync(load.json, `${JSON.stringify(result, null, 2)}\n`);
  }
  process.stdout.write(summary(load, result));
  return result.runs.every((run) => run.name !== 'queue' || run.conserved) ? 0 : FAILED;
}

async function runAll(load: LoadArguments): Promise<RunResult[]> {
  const runs = new LoadRuns(load, compileChildren());
  const progress = new Progress(process.stderr);
  const interrupt = (): void => {
    runs.close();
    // A run is being waited for, and its result will not come.
    process.exit(INTERRUPTED);
  };
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  try {
    await runs.start();
    const names: readonly SubjectName[] = load.compare ? ['queue', 'stock', 'noop'] : ['queue'];
    const results: RunResult[] = [];
    for (let round = 1; round <= load.repeat; round += 1) {
      for (const name of names) {
        progress.start(`${name}, run ${round} of ${load.repeat}`);
        results.push(await runs.run(name));
        progress.stop();
      }
    }
    return results;
  } finally {
    progress.stop();
    runs.close();
  }
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    const isWrongValue = error instanceof ArgumentError || error instanceof RefusedOptions;
    process.stderr.write(`load-test: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = isWrongValue ? WRONG_VALUE : FAILED;
  },
);
