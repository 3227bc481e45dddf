import { parseArgs } from 'node:util';
import { ensureBuilt } from './load/build';
import { soak } from './soak/soak-run';

const HELP = `Usage: npm run soak -- [options]

Emits at random speed through both workers, each in a process of its own with an OTLP and a Loki lane and a spool,
while their receivers fail at random; then everything has to have arrived once the receivers are well again,
but for the poisonous records, which have to be counted. Exit code 0: all is well.

  --duration S    seconds                                  (default 300)
  --seed N        repeats the faults of an earlier run     (default: at random, printed)
  --worker NAME   event-loop, thread or both               (default both)
`;

const MAX_SECONDS = 24 * 3600;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { duration: { type: 'string', default: '300' }, seed: { type: 'string' }, worker: { type: 'string', default: 'both' }, help: { type: 'boolean', default: false } },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const seconds = integer('--duration', values.duration, 1, MAX_SECONDS);
  const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 32) : integer('--seed', values.seed, 0, 2 ** 32 - 1);
  const workers = (['event-loop', 'thread'] as const).filter((each) => values.worker === 'both' || values.worker === each);
  if (workers.length === 0) {
    throw new RangeError(`--worker must be one of event-loop, thread, both, received "${values.worker}"`);
  }
  ensureBuilt();
  process.stdout.write(`seed ${seed}, ${seconds} s, Node ${process.version}\n`);
  const results = await Promise.all(workers.map((worker) => soak(worker, seed, seconds * 1000)));
  for (const { worker, emitted, taken, duplicates, phases, rssGrowth, rssMebibytes, problems } of results) {
    process.stdout.write(
      `${worker}: emitted ${emitted}, taken ${JSON.stringify(taken)}, again ${JSON.stringify(duplicates)}, ` +
        `RSS ${rssMebibytes.toFixed(0)} MiB, second half ${rssGrowth.toFixed(3)}x the first; phases ${JSON.stringify(phases)}\n`,
    );
    problems.forEach((problem) => process.stdout.write(`${worker}: PROBLEM ${problem}\n`));
  }
  return results.every(({ problems }) => problems.length === 0) ? 0 : 1;
}

function integer(option: string, text: string, min: number, max: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (!(value >= min && value <= max)) {
    throw new RangeError(`${option} must be an integer from ${min} to ${max}, received "${text}"`);
  }
  return value;
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`soak: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 2;
  },
);
