import { HELP, parseCanaryArguments } from './canary/arguments';
import { runCanary } from './canary/canary-run';
import { ensureBuilt } from './load/build';

async function main(): Promise<number> {
  const options = parseCanaryArguments(process.argv.slice(2), process.env);
  if (options === 'help') {
    process.stdout.write(HELP);
    return 0;
  }
  // The thread starts from the built package.
  ensureBuilt();
  const abort = new AbortController();
  // Ctrl-C ends the emitting; what was emitted is still looked for.
  process.once('SIGINT', () => abort.abort());
  const { emitted, found, missing, duplicates, outOfOrder, unexpected, stats, selector } = await runCanary({ ...options, signal: abort.signal });
  const { delivered = 0, retries = 0 } = stats.lanes['loki'] ?? {};
  process.stdout.write(
    `emitted ${emitted}, delivered ${delivered} (retries ${retries}, lost ${stats.lost}), found ${found}\n` +
      `missing ${missing}, duplicate ${duplicates}, out of order ${outOfOrder}, unexpected ${unexpected}\n` +
      `${selector}\n`,
  );
  return missing + duplicates + outOfOrder + unexpected === 0 ? 0 : 1;
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`canary: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 2;
  },
);
