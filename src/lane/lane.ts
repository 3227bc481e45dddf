import type { LogRecordExporter } from '@opentelemetry/sdk-logs';
import { BuiltInExporter, type ExportOutcome } from '../exporters/built-in-exporter';
import { ExportError } from '../exporters/export-error';
import { admissionFor, type Admission } from '../queue/overflow-policy';
import { RecordQueue, type TakenBatch } from '../queue/record-queue';
import type { LogRecord } from '../record';
import { estimateRecordBytes } from '../record-size';
import { LossCounter, type LaneStats, type LossReason } from '../stats';
import { BatchClock } from './batch-clock';
import { BatchDelivery } from './batch-delivery';
import type { ExportScope } from './export-scope';
import { flushExporter, shutdownExporter } from './exporter-lifecycle';
import { FlushWaiters, type LaneFlushResult } from './flush-waiters';
import type { ResolvedLaneOptions } from './lane-options';

// A request costs the main thread as much as hundreds of records, so an exporter that takes all that waits waits for half a queue, but not for more than this.
const MAX_DUE_RECORDS = 4096;

// Weighing a batch takes one turn of the event loop.
const MAX_BATCH_RECORDS = 8192;

/** What a lane tells its owner; each call is cheap and does not throw. */
export interface LaneObserver {
  readonly onLoss: () => void;
  /** The first failure of a batch that is tried again. */
  readonly onFailing: (lane: Lane, message: string) => void;
  /** Delivers again. */
  readonly onRecovered: (lane: Lane) => void;
  /** There may be room in the queue that there was not before. */
  readonly onRoom: () => void;
  /** `stats().state` has changed. */
  readonly onStateChange: () => void;
}

/**
 * One exporter with its own queue, batches, retry and counters. Nothing that happens here touches another lane.
 *
 * Guarantees: at most one export at a time; first attempts in the order of `offer`; `offered = delivered + queued + inFlight + Σ dropped` at every moment; `offer` never throws.
 */
export class Lane {
  readonly losses: LossCounter;
  readonly #options: ResolvedLaneOptions;
  readonly #observer: LaneObserver;
  readonly #queue: RecordQueue;
  readonly #admit: Admission;
  readonly #delivery: BatchDelivery;
  readonly #dueRecords: number;
  readonly #dueBytes: number;
  readonly #maxBatchRecords: number;
  readonly #maxBatchBytes: number;
  readonly #sizeOf: (record: LogRecord) => number;
  readonly #flushes = new FlushWaiters();
  readonly #clock: BatchClock;
  readonly #onEvict = (): void => this.#noteEviction();
  #isDelivering = false;
  #isStuck = false;
  #isFailing = false;
  #isEnded = false;
  #batch: TakenBatch | undefined = undefined;
  #offered = 0;
  #delivered = 0;
  #settledBatches = 0;
  #lastFailure: string | undefined = undefined;

  constructor(
    readonly name: string,
    readonly exporter: LogRecordExporter,
    options: ResolvedLaneOptions,
    scope: ExportScope,
    observer: LaneObserver,
  ) {
    const builtIn = exporter instanceof BuiltInExporter ? exporter : undefined;
    this.#options = options;
    this.#observer = observer;
    this.losses = new LossCounter(() => observer.onLoss());
    this.#queue = new RecordQueue({ maxRecords: options.maxQueueSize, maxBytes: options.maxQueueBytes });
    this.#admit = admissionFor(options.onQueueFull);
    const takesAll = builtIn !== undefined && !options.batchSizeIsSet;
    this.#dueRecords = takesAll ? Math.min(Math.ceil(options.maxQueueSize / 2), MAX_DUE_RECORDS) : options.maxExportBatchSize;
    this.#dueBytes = options.maxQueueBytes === undefined ? Infinity : options.maxQueueBytes / 2;
    this.#maxBatchRecords = takesAll ? MAX_BATCH_RECORDS : options.maxExportBatchSize;
    this.#maxBatchBytes = options.maxExportBatchBytes ?? builtIn?.maxBatchBytes ?? Infinity;
    this.#sizeOf = builtIn === undefined ? estimateRecordBytes : (record) => builtIn.sizeOf(record);
    this.#delivery = new BatchDelivery(exporter, options, scope, {
      onAttemptFailed: (failure) => this.#onAttemptFailed(failure.message),
      onStuck: () => this.#flushes.giveUp(this.#settledPosition),
      onStateChange: () => observer.onStateChange(),
    });
    this.#clock = new BatchClock(options.scheduledDelayMillis, () => this.#startIfDue());
  }

  /** What the last failed attempt said. */
  get lastFailure(): string | undefined {
    return this.#lastFailure;
  }

  /** Records that are neither delivered nor lost. */
  get pending(): number {
    return this.#queue.length + (this.#batch?.records.length ?? 0);
  }

  /** Grows with every record that is delivered or lost. */
  get progress(): number {
    return this.#delivered + this.losses.total;
  }

  wants(severityNumber: number | undefined): boolean {
    const min = this.#options.minSeverity;
    // 0 is UNSPECIFIED.
    return min === undefined || !severityNumber || severityNumber >= min;
  }

  /** Batches that were delivered or lost: a lane that moves counts up. */
  get settledBatches(): number {
    return this.#settledBatches;
  }

  /** Whether it knows that it cannot deliver now. */
  get isFailing(): boolean {
    return this.#isFailing || this.#isStuck || this.#isEnded;
  }

  /** Whether the queue has room for a record of this size. */
  fits(bytes: number): boolean {
    return this.#queue.fits(bytes);
  }

  /** What waits is due: it has waited elsewhere. */
  startNow(): void {
    this.#clock.expire();
    this.#startIfDue();
  }

  /** How many more records of this size the queue has room for. */
  roomFor(recordBytes: number): number {
    const queue = this.#queue;
    const byRecords = queue.maxRecords - queue.size;
    return queue.maxBytes === Infinity || queue.bytes === 0 ? byRecords : Math.min(byRecords, Math.floor((queue.maxBytes - queue.bytes) / recordBytes));
  }

  /** @param bytes an estimate; only looked at if `maxQueueBytes` is set */
  offer(record: LogRecord, severityNumber: number | undefined, bytes: number): void {
    this.#offered++;
    let reason: LossReason | undefined;
    try {
      reason = this.#admit(this.#queue, record, severityNumber, bytes, this.#onEvict);
    } catch {
      // A getter of a record that was made by hand: the SDK's have none that throw.
      reason = 'invalid';
    }
    if (reason !== undefined) {
      this.losses.add(reason, 1);
    } else if (this.#hasEnough()) {
      if (!this.#isDelivering) {
        this.#clock.startTurn();
      }
    } else {
      this.#clock.startTimer();
    }
  }

  /** Resolves when every record offered before is delivered or lost, when the lane cannot deliver now, or after the time-out. */
  async flush(timeoutMillis: number): Promise<LaneFlushResult> {
    const end = Date.now() + timeoutMillis;
    const result = await this.#flushRecords(timeoutMillis);
    if (result.remaining === 0 && !this.#isEnded) {
      await flushExporter(this.exporter, this.name, end - Date.now());
    }
    return result;
  }

  /** A flush, then the end: what is left is lost as `shutdown_timeout`. Ends within the time-out. */
  async shutdown(timeoutMillis: number): Promise<void> {
    const end = Date.now() + timeoutMillis;
    const hurry = setTimeout(() => this.#delivery.hurryResources(), timeoutMillis / 2);
    await this.#flushRecords(timeoutMillis);
    clearTimeout(hurry);
    this.end();
    await shutdownExporter(this.exporter, this.name, end - Date.now());
  }

  /** Counts all that is pending as lost, at once. */
  end(): void {
    if (this.#isEnded) {
      return;
    }
    this.#isEnded = true;
    this.#clock.stop();
    const lost = this.pending;
    const position = this.#settledPosition;
    this.#queue.clear();
    this.#batch = undefined;
    this.#flushes.noteLoss('shutdown_timeout', lost, position);
    this.losses.add('shutdown_timeout', lost);
    this.#flushes.giveUp(this.#settledPosition);
    this.#delivery.end(new ExportError('shut down', { retryable: false }));
  }

  /** Fails the running attempt, if its exporter can be aborted. */
  abortAttempt(message: string): void {
    this.#delivery.abortAttempt(new ExportError(message, { retryable: true }));
  }

  stats(): LaneStats {
    return {
      offered: this.#offered,
      delivered: this.#delivered,
      queued: this.#queue.length,
      inFlight: this.#batch?.records.length ?? 0,
      spooled: 0,
      replayed: 0,
      retries: this.#delivery.retries,
      state: this.#isEnded ? 'shutdown' : this.#delivery.state,
      dropped: { ...this.losses.counts },
    };
  }

  /** Everything before it is delivered or lost. */
  get #settledPosition(): number {
    return this.#batch?.firstPosition ?? this.#queue.headPosition;
  }

  #isDue(): boolean {
    const queue = this.#queue;
    return queue.length > 0 && (this.#hasEnough() || this.#clock.isUp || this.#flushes.target > queue.headPosition);
  }

  #hasEnough(): boolean {
    return this.#queue.length >= this.#dueRecords || this.#queue.bytes >= this.#dueBytes;
  }

  #startIfDue(): void {
    if (!this.#isDelivering && !this.#isStuck && !this.#isEnded && this.#isDue()) {
      this.#isDelivering = true;
      void this.#deliverWhileDue();
    } else if (this.#queue.length === 0) {
      this.#clock.reset();
    }
  }

  async #deliverWhileDue(): Promise<void> {
    while (this.#isDue() && !this.#isStuck) {
      this.#clock.reset();
      const batch = this.#queue.take(this.#maxBatchRecords, this.#maxBatchBytes, this.#sizeOf);
      this.#batch = batch;
      let answered: Promise<void> | undefined;
      const outcome = await this.#delivery.deliver(batch.records, (promise) => {
        answered = promise;
      });
      if (outcome === undefined) {
        return;
      }
      this.#settle(batch, outcome);
      if (answered === undefined) {
        this.#release(batch);
      } else {
        this.#isStuck = true;
        void answered.then(() => this.#leaveStuck(batch));
      }
    }
    this.#isDelivering = false;
    if (this.#queue.length > 0) {
      this.#clock.startTimer();
    }
  }

  #settle(batch: TakenBatch, outcome: ExportOutcome): void {
    this.#batch = undefined;
    this.#settledBatches++;
    let lost = 0;
    for (const [reason, count] of Object.entries(outcome.lost ?? {}) as [LossReason, number][]) {
      lost += count;
      this.#flushes.noteLoss(reason, count, batch.firstPosition);
      this.losses.add(reason, count);
    }
    this.#lastFailure = outcome.message ?? this.#lastFailure;
    this.#delivered += batch.records.length - lost;
    if (lost < batch.records.length && this.#isFailing) {
      this.#isFailing = false;
      this.#observer.onRecovered(this);
    }
    this.#flushes.settleUpTo(this.#settledPosition);
  }

  /** The records of a stuck batch stay in memory, and so in the bound, until their exporter lets go of them. */
  #release(batch: TakenBatch): void {
    this.#queue.release(batch);
    this.#observer.onRoom();
  }

  #leaveStuck(batch: TakenBatch): void {
    this.#isStuck = false;
    this.#release(batch);
    this.#startIfDue();
  }

  #onAttemptFailed(message: string): boolean {
    this.#lastFailure = message;
    if (!this.#isFailing) {
      this.#isFailing = true;
      this.#observer.onFailing(this, message);
    }
    this.#flushes.giveUpAfter(this.#delivery.attempt, this.#settledPosition);
    return this.#flushes.target >= 0;
  }

  #noteEviction(): void {
    this.losses.add('queue_full', 1);
    if (this.#flushes.target >= 0) {
      this.#flushes.noteLoss('queue_full', 1, this.#queue.headPosition - 1);
      this.#flushes.settleUpTo(this.#settledPosition);
    }
  }

  #flushRecords(timeoutMillis: number): Promise<LaneFlushResult> {
    return new Promise((resolve) => {
      const waiter = this.#flushes.add(this.#queue.endPosition, this.#delivery.attempt, (result) => {
        clearTimeout(timer);
        resolve(result);
      });
      const timer = setTimeout(() => this.#flushes.giveUp(this.#settledPosition, waiter), timeoutMillis);
      this.#flushes.settleUpTo(this.#settledPosition);
      if (this.#isStuck || (this.#isDelivering && !this.#delivery.hurry())) {
        this.#flushes.giveUp(this.#settledPosition, waiter);
      }
      this.#startIfDue();
    });
  }
}
