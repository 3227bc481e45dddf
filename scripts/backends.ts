import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildBackend } from './backends/build';
import { hasReceiver } from './backends/collector';
import { findBackend, reasonVariable } from './backends/find';
import { BACKENDS, SOURCES, type BackendName } from './backends/manifest';
import { countLines, type JestResults } from './backends/test-counts';
import { ROOT } from './load/build';

const HELP = `Usage: npm run test:backends [-- arguments of jest]
       npm run backends:build

Runs the tests against a real OpenTelemetry Collector, Loki and VictoriaLogs, and says how many ran against each.
The Collector and VictoriaLogs are built once, from the Go module proxy (Go 1.26 or newer, about five minutes on two cores),
into ~/.cache/otel-log-queue (OTEL_LOG_QUEUE_CACHE). What cannot be built is skipped, with the reason.

  OTELCOL_BIN, LOKI_BIN, VICTORIA_LOGS_BIN    a program to use instead
  LOKI_URL                                    a running Loki with scripts/backends/loki.yaml, as of scripts/backends/compose.yaml
`;

/** Builds what can be built and is missing; why the others are missing. */
function prepare(): Partial<Record<BackendName, string>> {
  const reasons: Partial<Record<BackendName, string>> = {};
  for (const name of BACKENDS) {
    const reason = name === 'loki' && process.env['LOKI_URL'] ? undefined : prepareOne(name);
    if (reason !== undefined) {
      reasons[name] = reason;
      process.env[reasonVariable(name)] = reason;
    }
  }
  return reasons;
}

function prepareOne(name: BackendName): string | undefined {
  let found = findBackend(name);
  const isGiven = (process.env[SOURCES[name].binaryVariable] ?? '') !== '';
  if ('missing' in found && !isGiven && name !== 'loki') {
    process.stderr.write(`building ${name} ${SOURCES[name].version} from the Go module proxy, once\n`);
    try {
      buildBackend(name);
      found = findBackend(name);
    } catch (error) {
      return `not built: ${(error as Error).message}`;
    }
  }
  process.stderr.write(`${name}: ${'missing' in found ? found.missing : found.path}\n`);
  return 'missing' in found ? found.missing : undefined;
}

/** What is said beside skipped tests of a server that is there. */
function partialReasons(): Partial<Record<BackendName, string>> {
  const collector = findBackend('collector');
  return 'path' in collector && !hasReceiver(collector.path, 'loki') ? { collector: 'this Collector has no Loki receiver: give one that has by OTELCOL_BIN' } : {};
}

function test(args: readonly string[]): number {
  const missing = prepare();
  const reasons = { ...partialReasons(), ...missing };
  const folder = mkdtempSync(join(tmpdir(), 'otel-log-queue-backends-'));
  const resultFile = join(folder, 'results.json');
  try {
    const jest = require.resolve('jest/bin/jest');
    const config = join(ROOT, 'test', 'backends', 'jest.config.ts');
    const { status } = spawnSync(process.execPath, [jest, '--config', config, '--runInBand', '--json', '--outputFile', resultFile, ...args], {
      cwd: ROOT,
      // Its standard output would be the JSON once more.
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const results = JSON.parse(readFileSync(resultFile, 'utf8')) as JestResults;
    process.stdout.write(`${countLines(results, reasons).join('\n')}\n`);
    return status ?? 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const [command, ...rest] = process.argv.slice(2);
if (command === 'test') {
  process.exitCode = test(rest);
} else if (command === 'build') {
  prepare();
} else {
  process.stdout.write(HELP);
  process.exitCode = command === '--help' ? 0 : 2;
}
