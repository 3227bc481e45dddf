import { AggregationTemporality, DataPointType, InMemoryMetricExporter, MeterProvider, PeriodicExportingMetricReader, type Histogram, type MetricData } from '@opentelemetry/sdk-metrics';
import type { QueueStats } from '../../src/stats';
import { totalOf } from './conservation';

export interface Point {
  readonly value: number;
  readonly attributes: Record<string, unknown>;
}

/** What one collection has read. */
export class Collected {
  constructor(readonly metrics: readonly MetricData[]) {}

  metric(name: string): MetricData | undefined {
    return this.metrics.find(({ descriptor }) => descriptor.name === name);
  }

  /** The points of a sum; of a histogram, the number of observations. */
  points(name: string): Point[] {
    return (this.metric(name)?.dataPoints ?? []).map(({ value, attributes }) => ({ value: typeof value === 'number' ? value : (value as Histogram).count, attributes: { ...attributes } }));
  }

  /** Of the points that have these attributes; undefined: without the attribute. */
  sum(name: string, where: Record<string, unknown> = {}): number {
    return this.points(name)
      .filter(({ attributes }) => Object.entries(where).every(([key, value]) => attributes[key] === value))
      .reduce((sum, { value }) => sum + value, 0);
  }

  /** By `error.type`, without what was successful. */
  errors(name: string, where: Record<string, unknown> = {}): Record<string, number> {
    const errors: Record<string, number> = {};
    for (const { value, attributes } of this.points(name)) {
      const type = attributes['error.type'];
      if (typeof type === 'string' && Object.entries(where).every(([key, expected]) => attributes[key] === expected)) {
        errors[type] = (errors[type] ?? 0) + value;
      }
    }
    return errors;
  }

  /** Seconds that all operations have taken together. */
  get seconds(): number {
    const metric = this.metric(DURATION);
    return metric?.dataPointType === DataPointType.HISTOGRAM ? metric.dataPoints.reduce((sum, { value }) => sum + (value.sum ?? 0), 0) : 0;
  }
}

export const QUEUE_SIZE = 'otel.sdk.processor.log.queue.size';
export const QUEUE_CAPACITY = 'otel.sdk.processor.log.queue.capacity';
export const PROCESSED = 'otel.sdk.processor.log.processed';
export const INFLIGHT = 'otel.sdk.exporter.log.inflight';
export const EXPORTED = 'otel.sdk.exporter.log.exported';
export const DURATION = 'otel.sdk.exporter.operation.duration';
export const LANE = 'otel_log_queue.lane';
export const SUCCESS = { 'error.type': undefined };

/** The real metrics SDK, read when the test says so. */
export class MetricsRig {
  readonly #exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  readonly #reader = new PeriodicExportingMetricReader({ exporter: this.#exporter, exportIntervalMillis: 2 ** 31 - 1 });
  readonly provider = new MeterProvider({ readers: [this.#reader] });

  async collect(): Promise<Collected> {
    this.#exporter.reset();
    await this.provider.forceFlush();
    const [resourceMetrics] = this.#exporter.getMetrics();
    return new Collected((resourceMetrics?.scopeMetrics ?? []).filter(({ scope }) => scope.name === 'otel-log-queue').flatMap(({ metrics }) => metrics));
  }

  /** Collects until the condition holds. */
  async collectUntil(condition: (collected: Collected) => boolean): Promise<Collected> {
    const giveUp = Date.now() + 10_000;
    for (;;) {
      const collected = await this.collect();
      if (condition(collected)) {
        return collected;
      }
      if (Date.now() > giveUp) {
        throw new Error(`waited in vain for ${condition.toString()}, the last figures are ${JSON.stringify(collected.metrics.map(({ descriptor }) => [descriptor.name, collected.points(descriptor.name)]))}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  close(): Promise<void> {
    return this.provider.shutdown();
  }
}

/** The metrics say of each lane, and of what is in front of them, what `stats()` says. Nothing may be on disk. */
export function expectMetricsMatch(collected: Collected, stats: QueueStats): void {
  expect(collected.errors(PROCESSED, { [LANE]: undefined })).toEqual(stats.dropped);
  for (const [name, lane] of Object.entries(stats.lanes)) {
    const where = { [LANE]: name };
    const handedOver = collected.sum(PROCESSED, { ...where, ...SUCCESS });
    const inflight = collected.sum(INFLIGHT, where);
    expect({
      queue: collected.sum(QUEUE_SIZE, where),
      delivered: collected.sum(EXPORTED, { ...where, ...SUCCESS }),
      exported: collected.sum(EXPORTED, where) + inflight,
      offered: collected.sum(PROCESSED, where) + lane.queued + (lane.inFlight - inflight),
      lost: totalOf(collected.errors(PROCESSED, where)) + totalOf(collected.errors(EXPORTED, where)),
    }).toEqual({ queue: lane.queued, delivered: lane.delivered, exported: handedOver, offered: lane.offered, lost: totalOf(lane.dropped) });
  }
}
