import { format } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { diag, DiagLogLevel } from '@opentelemetry/api';
import { LoggerProvider } from '@opentelemetry/sdk-logs';
import type { LoadArguments, Outage } from './arguments';
import type { LatencySummary } from './latency-histogram';
import { loadRecord } from './load-record';
import { OUTAGE_PATH } from './outage-path';
import { Producers } from './producers';
import { queueSubject } from './queue-subject';
import { ResourceMeter, type ResourceUse } from './resource-meter';
import { monotonicMillis } from './sequence-counter';
import { noopSubject, stockSubject, type Subject, type Tally } from './subject';

export type SubjectName = 'queue' | 'stock' | 'noop';

export interface RunOptions extends Pick<LoadArguments, 'strategy' | 'maxsize' | 'worker' | 'exporter' | 'latencyMillis' | 'burst' | 'outage' | 'concurrency' | 'rate'> {
  readonly name: SubjectName;
  readonly recordsPerTask: number;
  readonly total: number;
  /** The built package's file. */
  readonly packagePath: string;
  readonly otlpUrl: string;
  readonly lokiUrl: string;
  readonly filePath: string;
  /** Undefined: no spool. */
  readonly spoolPath: string | undefined;
}

/** What the process under load knows about its run; what arrived, it does not. */
export interface RunReport extends ResourceUse {
  readonly worker: string | undefined;
  readonly attempted: number;
  /** Without the warm-up. */
  readonly tally: Tally;
  readonly latencyMicros: LatencySummary;
  readonly emitMicros: LatencySummary;
  /** First emit and end of the final flush, on the clock of `monotonicMillis`. */
  readonly startMillis: number;
  readonly endMillis: number;
}

export type RunReply =
  | { readonly type: 'report'; readonly report: RunReport }
  /** The processor does not take these options. */
  | { readonly type: 'refused'; readonly message: string };

const WARM_UP_RECORDS = 20_000;
const WARM_UP_MILLIS = 1500;
const FINAL_FLUSH_MILLIS = 60_000;

async function run(options: RunOptions): Promise<RunReply> {
  let subject: Subject;
  try {
    subject = options.name === 'queue' ? await queueSubject(options) : options.name === 'stock' ? await stockSubject(options) : noopSubject();
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) {
      return { type: 'refused', message: error.message };
    }
    throw error;
  }
  const provider = new LoggerProvider({ processors: [subject.processor] });
  const logger = provider.getLogger('load-test');
  const warmUp = await warmUpSubject(subject, options, (sequence) => logger.emit(loadRecord(options.total + sequence)));
  const before = subject.tally(warmUp);

  const producers = new Producers((sequence) => logger.emit(loadRecord(sequence)), subject.ready);
  if (options.outage !== undefined) {
    await planOutage(options.outage, options.otlpUrl);
  }
  const meter = new ResourceMeter();
  await meter.start();
  const startMillis = monotonicMillis();
  if (options.burst !== undefined) {
    await producers.burst(options.burst);
  } else {
    await producers.paced(options, options.strategy === 'block');
  }
  await flush(subject, () => warmUp + producers.attempted);
  const endMillis = monotonicMillis();
  const use = await meter.stop(producers.attempted);
  const tally = difference(subject.tally(warmUp + producers.attempted), before);
  await provider.shutdown().catch(reportToDiag);
  return {
    type: 'report',
    report: {
      ...use,
      worker: subject.worker,
      attempted: producers.attempted,
      tally,
      latencyMicros: producers.fromDue.summary(),
      emitMicros: producers.calls.summary(),
      startMillis,
      endMillis,
    },
  };
}

async function planOutage({ fromSeconds, toSeconds }: Outage, otlpUrl: string): Promise<void> {
  await fetch(new URL(`${OUTAGE_PATH}?fromMillis=${fromSeconds * 1000}&toMillis=${toSeconds * 1000}`, otlpUrl), { headers: { connection: 'close' } });
}

/** Compiles and connects what a service that has been up for a while has compiled and connected. Parts of half the queue, so that no policy acts on them. */
async function warmUpSubject(subject: Subject, options: RunOptions, emit: (sequence: number) => void): Promise<number> {
  const producers = new Producers(emit, subject.ready);
  const part = Math.max(1, Math.min(256, Math.floor((options.maxsize ?? 512) / 2)));
  const deadline = performance.now() + WARM_UP_MILLIS;
  while (producers.attempted < WARM_UP_RECORDS && performance.now() < deadline) {
    await producers.burst(part);
    await subject.processor.forceFlush().catch(reportToDiag);
  }
  await flush(subject, () => producers.attempted);
  return producers.attempted;
}

/** One flush is enough unless the backend is slower than its time-out. */
async function flush(subject: Subject, attempted: () => number): Promise<void> {
  const deadline = performance.now() + FINAL_FLUSH_MILLIS;
  for (;;) {
    await subject.processor.forceFlush().catch(reportToDiag);
    if (subject.tally(attempted()).isSettled || performance.now() > deadline) {
      return;
    }
    await sleep(10);
  }
}

function difference(now: Tally, before: Tally): Tally {
  const droppedByReason: Record<string, number> = {};
  for (const [reason, count] of Object.entries(now.droppedByReason)) {
    const added = count - (before.droppedByReason[reason] ?? 0);
    if (added > 0) {
      droppedByReason[reason] = added;
    }
  }
  return {
    ...(now.emitted === undefined ? {} : { emitted: now.emitted - (before.emitted ?? 0) }),
    refused: now.refused - before.refused,
    delivered: now.delivered - before.delivered,
    lost: now.lost - before.lost,
    droppedByReason,
    isSettled: now.isSettled,
  };
}

function reportToDiag(error: unknown): void {
  diag.debug('load-test:', error);
}

/** Standard error, because standard output may be what is measured. */
function installDiag(name: SubjectName): void {
  // On a terminal the progress line of the parent stands there.
  const clearLine = process.stderr.isTTY ? '\r\u001b[K' : '';
  const write = (...parts: unknown[]): void => {
    process.stderr.write(`${clearLine}[${name}] ${format(...parts)}\n`);
  };
  const ignore = (): void => undefined;
  diag.setLogger({ error: write, warn: write, info: ignore, debug: ignore, verbose: ignore }, { logLevel: DiagLogLevel.WARN });
}

// A terminal sends Ctrl-C to every process; the parent ends this one.
process.on('SIGINT', () => undefined);
// Without its parent nobody reads the report.
// The load script is gone: nobody waits for the rest of the load.
process.on('disconnect', () => process.exit());
process.on('message', (message) => {
  const options = message as RunOptions;
  installDiag(options.name);
  void run(options).then(
    // A forgotten timer of a processor must not hold the next run up.
    // Sockets and timers of whichever processor was measured must not hold up the next run.
    (reply) => process.send?.(reply, () => process.exit(0)),
    (error: unknown) => {
      process.stderr.write(`[${options.name}] ${format(error)}\n`);
      // As above.
      process.exit(1);
    },
  );
});
