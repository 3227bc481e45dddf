import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { LoggerProvider } from '@opentelemetry/sdk-logs';
import { loki, QueueLogRecordProcessor, type LokiExporterOptions } from '../../src';
import type { QueueStats } from '../../src/stats';
import { LokiQuery, type LokiEntry } from '../backends/loki-query';
import { compareEntries, type CanaryFindings } from './findings';

export interface CanaryOptions {
  readonly loki: LokiExporterOptions & { readonly url: string };
  /** Sent with the queries, for tenant and credentials. */
  readonly queryHeaders: Readonly<Record<string, string>>;
  readonly durationMillis: number;
  /** Per second. */
  readonly rate: number;
  /** For how long the last entries may take to be found. */
  readonly patienceMillis: number;
  readonly signal?: AbortSignal;
}

export interface CanaryResult extends CanaryFindings {
  readonly emitted: number;
  readonly stats: QueueStats;
  /** By which the entries of this run can be found. */
  readonly selector: string;
}

const EMIT_EVERY_MILLIS = 20;
const LOOK_EVERY_MILLIS = 250;

/**
 * Emits numbered records through the processor into Loki and reads them back, as loki-canary does.
 * @throws Error if a query fails to the end
 */
export async function runCanary(options: CanaryOptions): Promise<CanaryResult> {
  const run = randomUUID();
  // One stream for all runs: the run itself is structured metadata.
  const selector = `{service_name="otel-log-queue-canary"} | run="${run}"`;
  const processor = new QueueLogRecordProcessor({ exporter: loki(options.loki), scheduledDelayMillis: 200, shutdownTimeoutMillis: Math.max(10_000, options.patienceMillis) });
  const provider = new LoggerProvider({ resource: resourceFromAttributes({ 'service.name': 'otel-log-queue-canary' }), processors: [processor] });
  const logger = provider.getLogger('canary');
  const startedMillis = Date.now();
  let nanos = BigInt(startedMillis) * 1_000_000n;
  let emitted = 0;
  while (options.signal?.aborted !== true) {
    const elapsedMillis = Math.min(Date.now() - startedMillis, options.durationMillis);
    for (const due = Math.floor((elapsedMillis * options.rate) / 1000); emitted < due; emitted++) {
      // Loki gives entries in the order of their times, so no two may be the same.
      nanos = nanos + 1n > BigInt(Date.now()) * 1_000_000n ? nanos + 1n : BigInt(Date.now()) * 1_000_000n;
      const timestamp: [number, number] = [Number(nanos / 1_000_000_000n), Number(nanos % 1_000_000_000n)];
      logger.emit({ timestamp, severityNumber: 9, severityText: 'INFO', body: `canary ${emitted}`, attributes: { run, seq: emitted } });
    }
    if (elapsedMillis === options.durationMillis) {
      break;
    }
    await sleep(EMIT_EVERY_MILLIS);
  }
  // What it could not deliver stands in its figures, and is missing below.
  await provider.shutdown().catch(() => undefined);
  const query = new LokiQuery(options.loki.url, options.queryHeaders);
  const found = await readBack(query, selector, BigInt(startedMillis) * 1_000_000n, emitted, options.patienceMillis);
  return { ...compareEntries(found, emitted), emitted, stats: processor.stats(), selector };
}

/** All entries of the run: as many as were emitted, or what there is when patience is at its end. */
async function readBack(query: LokiQuery, selector: string, from: bigint, expected: number, patienceMillis: number): Promise<LokiEntry[]> {
  const giveUp = Date.now() + patienceMillis;
  for (;;) {
    let failure: unknown;
    const found = await query.all(selector, from).catch((error: unknown) => {
      failure = error;
      return [];
    });
    if (failure === undefined && (found.length >= expected || Date.now() > giveUp)) {
      return found;
    }
    if (Date.now() > giveUp) {
      throw failure;
    }
    await sleep(LOOK_EVERY_MILLIS);
  }
}
