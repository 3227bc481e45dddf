import { createNoopMeter, diag, type Attributes, type BatchObservableResult, type Histogram, type Meter, type MeterProvider, type Observable } from '@opentelemetry/api';
import type { LogRecordExporter } from '@opentelemetry/sdk-logs';
import type { ExporterDescription } from './exporters/description';
import type { ExportOperation } from './lane/export-operation';
import type { LaneFigures } from './lane/lane-figures';
import type { ExportObserver } from './lane/lane-group';
import { exporterAttributes, processorAttributes } from './metric-component';
import type { WorkerStats } from './queue-worker';
import { lossesSince, type LossCounts, type LossReason } from './stats';
import { VERSION } from './version';

export interface MeasuredLane {
  readonly name: string;
  readonly exporter: LogRecordExporter | ExporterDescription;
  readonly options: { readonly maxQueueSize: number };
}

/** One lane as metrics see it: a queue of the processor, and an exporter. */
interface LaneMetrics {
  readonly name: string;
  readonly capacity: number;
  readonly queue: Attributes;
  readonly exporter: Attributes;
  /** Records that were lost after the handover, by `error.type`. */
  readonly failed: Map<string, number>;
}

interface Instruments {
  readonly meter: Meter;
  readonly queueSize: Observable;
  readonly queueCapacity: Observable;
  readonly processed: Observable;
  readonly inflight: Observable;
  readonly exported: Observable;
  readonly duration: Histogram;
}

const RECORDS = { unit: '{log_record}' };

// What a thread lane has where nothing bounds its records.
const NO_CAPACITY = 2 ** 32 - 1;

// These are counted where the end of a lane, or of the thread, is: nobody is left there who could tell it one by one.
const REASONS_OF_THE_END = ['shutdown_timeout', 'worker_crashed'] as const satisfies readonly LossReason[];

// Longer than the pause between two collections of any usual reader; the SDK's default is 60 s.
const LAST_COLLECTION_MILLIS = 150_000;

/**
 * The metrics of the semantic conventions about this processor and its exporters (otel/sdk-metrics 1.44, status: development).
 *
 * Figures are read when a reader collects, all from one snapshot; only what one operation has cost is recorded as it comes. Nothing happens when a record is emitted.
 */
export class SelfMetrics implements ExportObserver {
  readonly #provider: Pick<MeterProvider, 'getMeter'>;
  readonly #read: () => WorkerStats;
  readonly #front = processorAttributes();
  readonly #lanes: ReadonlyMap<string, LaneMetrics>;
  #instruments: Instruments | undefined = undefined;
  #isEnded = false;
  #lastCollection: NodeJS.Timeout | undefined = undefined;
  readonly #onCollect = (result: BatchObservableResult): void => this.#observe(result);

  /** @param read the worker's figures, with all that was lost in front of the lanes */
  constructor(provider: Pick<MeterProvider, 'getMeter'>, lanes: readonly MeasuredLane[], read: () => WorkerStats) {
    this.#provider = provider;
    this.#read = read;
    this.#lanes = new Map(
      lanes.map(({ name, exporter, options }) => [
        name,
        { name, capacity: options.maxQueueSize, queue: { ...this.#front, 'otel_log_queue.lane': name }, exporter: { ...exporterAttributes(exporter), 'otel_log_queue.lane': name }, failed: new Map<string, number>() },
      ]),
    );
  }

  /**
   * Takes the meter from the provider. Never throws.
   * @returns false if the meter does nothing, as that of a global provider which is not set yet
   */
  attach(): boolean {
    try {
      const meter = this.#provider.getMeter('otel-log-queue', VERSION);
      if (meter === createNoopMeter()) {
        return false;
      }
      const instruments = makeInstruments(meter);
      meter.addBatchObservableCallback(this.#onCollect, observablesOf(instruments));
      this.#instruments = instruments;
    } catch (error) {
      diag.warn('otel-log-queue: there will be no metrics: selfObsMeterProvider has failed', error);
    }
    return true;
  }

  onExportFailed(lane: string, errorType: string, count: number): void {
    const failed = this.#lanes.get(lane)?.failed;
    failed?.set(errorType, (failed.get(errorType) ?? 0) + count);
  }

  onOperation(lane: string, { durationMillis, status, errorType }: ExportOperation): void {
    this.#instruments?.duration.record(durationMillis / 1000, {
      ...this.#lanes.get(lane)?.exporter,
      ...(status !== undefined && { 'http.response.status_code': status }),
      ...(errorType !== undefined && { 'error.type': errorType }),
    });
  }

  /** The next collection is the last one; if none comes soon, there is none. */
  end(): void {
    if (!this.#isEnded && this.#instruments !== undefined) {
      this.#lastCollection = setTimeout(() => this.#detach(), LAST_COLLECTION_MILLIS).unref();
    }
    this.#isEnded = true;
  }

  #detach(): void {
    clearTimeout(this.#lastCollection);
    if (this.#instruments !== undefined) {
      this.#instruments.meter.removeBatchObservableCallback(this.#onCollect, observablesOf(this.#instruments));
      this.#instruments = undefined;
    }
  }

  #observe(result: BatchObservableResult): void {
    if (this.#instruments === undefined) {
      return;
    }
    const { queueSize, queueCapacity, processed } = this.#instruments;
    const { dropped, queued, capacity, lanes } = this.#read();
    if (capacity.bytes !== undefined) {
      result.observe(queueSize, queued, this.#front);
    }
    if (capacity.records !== undefined) {
      result.observe(queueCapacity, capacity.records, this.#front);
    }
    this.#observeLosses(result, processed, dropped, this.#front);
    for (const lane of this.#lanes.values()) {
      const figures = lanes[lane.name];
      if (figures !== undefined) {
        this.#observeQueue(result, this.#instruments, lane, figures);
        this.#observeExporter(result, this.#instruments, lane, figures);
      }
    }
    if (this.#isEnded) {
      // Not now: the SDK is walking over the callbacks.
      queueMicrotask(() => this.#detach());
    }
  }

  #observeQueue(result: BatchObservableResult, { queueSize, queueCapacity, processed }: Instruments, { queue, capacity }: LaneMetrics, figures: LaneFigures): void {
    const { queued, handedOver, dropped, lostAfterHandover } = figures;
    result.observe(queueSize, queued, queue);
    if (capacity < NO_CAPACITY) {
      result.observe(queueCapacity, capacity, queue);
    }
    result.observe(processed, handedOver, queue);
    this.#observeLosses(result, processed, lossesSince(lostAfterHandover, dropped), queue);
  }

  #observeExporter(result: BatchObservableResult, { inflight, exported }: Instruments, { exporter, failed }: LaneMetrics, figures: LaneFigures): void {
    const { delivered, exporting, lostAfterHandover } = figures;
    result.observe(inflight, exporting, exporter);
    result.observe(exported, delivered, exporter);
    for (const [errorType, count] of failed) {
      result.observe(exported, count, { ...exporter, 'error.type': errorType });
    }
    const atTheEnd = REASONS_OF_THE_END.map((reason): [LossReason, number] => [reason, lostAfterHandover[reason] ?? 0]);
    this.#observeLosses(result, exported, Object.fromEntries(atTheEnd.filter(([, count]) => count > 0)), exporter);
  }

  #observeLosses(result: BatchObservableResult, instrument: Observable, losses: LossCounts, attributes: Attributes): void {
    for (const [reason, count] of Object.entries(losses)) {
      result.observe(instrument, count, { ...attributes, 'error.type': reason });
    }
  }
}

function makeInstruments(meter: Meter): Instruments {
  return {
    meter,
    queueSize: meter.createObservableUpDownCounter('otel.sdk.processor.log.queue.size', { ...RECORDS, description: 'The number of log records in the queue of a given instance of an SDK log processor' }),
    queueCapacity: meter.createObservableUpDownCounter('otel.sdk.processor.log.queue.capacity', {
      ...RECORDS,
      description: 'The maximum number of log records the queue of a given instance of an SDK log processor can hold',
    }),
    processed: meter.createObservableCounter('otel.sdk.processor.log.processed', { ...RECORDS, description: 'The number of log records for which the processing has finished, either successful or failed' }),
    inflight: meter.createObservableUpDownCounter('otel.sdk.exporter.log.inflight', {
      ...RECORDS,
      description: 'The number of log records which were passed to the exporter, but that have not been exported yet (neither successful, nor failed)',
    }),
    exported: meter.createObservableCounter('otel.sdk.exporter.log.exported', { ...RECORDS, description: 'The number of log records for which the export has finished, either successful or failed' }),
    // The conventions want no buckets: sum and count.
    duration: meter.createHistogram('otel.sdk.exporter.operation.duration', { unit: 's', description: 'The duration of exporting a batch of telemetry records', advice: { explicitBucketBoundaries: [] } }),
  };
}

function observablesOf({ queueSize, queueCapacity, processed, inflight, exported }: Instruments): Observable[] {
  return [queueSize, queueCapacity, processed, inflight, exported];
}
