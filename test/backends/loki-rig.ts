import { randomUUID } from 'node:crypto';
import { LoggerProvider } from '@opentelemetry/sdk-logs';
import { resourceFromAttributes } from '@opentelemetry/resources';
import type { LokiEntry, LokiQuery } from '../../scripts/backends/loki-query';
import { loki, QueueLogRecordProcessor, type LaneOptions, type LokiExporterOptions } from '../../src';
import type { EmittedRecord } from '../support/captured-records';
import { expectConserved } from '../support/conservation';
import type { LaneStats } from '../../src/stats';
import { until } from '../support/until';

/** In which ways `loki()` can send. */
export const LOKI_WAYS: readonly { readonly way: string; readonly options: LokiExporterOptions }[] = [
  { way: 'JSON, gzip', options: {} },
  { way: 'JSON', options: { compression: 'none' } },
  { way: 'protobuf, gzip', options: { encoding: 'protobuf' } },
  { way: 'protobuf', options: { encoding: 'protobuf', compression: 'none' } },
];

const GIVE_UP_MILLIS = 15_000;
const ASK_EVERY_MILLIS = 20;

/** A tenant of the test's own, with Loki's own limits. */
export const newTenant = (): string => `test-${randomUUID()}`;

/** Nanoseconds of now, and so much later. */
export function nowNanos(plusMillis = 0): bigint {
  return BigInt(Date.now() + plusMillis) * 1_000_000n;
}

export function hrTimeOf(nanos: bigint): [number, number] {
  return [Number(nanos / 1_000_000_000n), Number(nanos % 1_000_000_000n)];
}

/** What the selector finds, once there are so many; what there is when that takes too long. */
export async function entriesOf(query: LokiQuery, selector: string, from: bigint, count: number): Promise<LokiEntry[]> {
  const giveUp = Date.now() + GIVE_UP_MILLIS;
  for (;;) {
    const entries = await query.all(selector, from);
    if (entries.length >= count || Date.now() > giveUp) {
      return entries;
    }
    await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MILLIS));
  }
}

/** How many entries the selector finds, once there are so many; how many there are when that takes too long. */
export async function countOf(query: LokiQuery, selector: string, expected: number): Promise<number> {
  const giveUp = Date.now() + GIVE_UP_MILLIS;
  for (;;) {
    const count = await query.count(selector);
    if (count >= expected || Date.now() > giveUp) {
      return count;
    }
    await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MILLIS));
  }
}

export interface LokiRun {
  readonly lane: LaneStats;
}

/** Emits records by `loki()` and ends; what was lost is in the figures. Each group is settled before the next one is emitted. */
export async function emitToLoki(options: LokiExporterOptions, groups: readonly (readonly EmittedRecord[])[], lane: LaneOptions = {}): Promise<LokiRun> {
  const processor = new QueueLogRecordProcessor({
    exporters: [{ exporter: loki(options), name: 'loki' }],
    maxQueueBytes: 64 * 1024 * 1024,
    scheduledDelayMillis: 20,
    retry: { initialDelayMillis: 10, maxDelayMillis: 50, maxElapsedTimeMillis: 500 },
    ...lane,
  });
  const provider = new LoggerProvider({ resource: resourceFromAttributes({ 'service.name': 'shop' }), processors: [processor] });
  const logger = provider.getLogger('test');
  for (const group of groups) {
    group.forEach((record) => logger.emit(record));
    await until(() => {
      const { accepted, queued, lanes } = processor.stats();
      const { offered, queued: inLane, inFlight } = lanes['loki'] as LaneStats;
      return queued === 0 && offered >= accepted && inLane === 0 && inFlight === 0;
    });
  }
  await provider.shutdown().catch(() => undefined);
  expectConserved(processor.stats());
  return { lane: processor.stats().lanes['loki'] as LaneStats };
}
