import type { LogRecordExporter } from '@opentelemetry/sdk-logs';
import type { ExportOutcome } from '../exporters/built-in-exporter';
import { ExportError } from '../exporters/export-error';
import type { TakenBatch } from '../queue/record-queue';
import type { LogRecord } from '../record';
import { LossCounter, type LaneStats, type LossReason } from '../stats';
import { BatchClock } from './batch-clock';
import { BatchDelivery } from './batch-delivery';
import type { ExportScope } from './export-scope';
import { flushExporter, shutdownExporter } from './exporter-lifecycle';
import { FlushWaiters, type LaneFlushResult } from './flush-waiters';
import { Intake } from './intake';
import type { ResolvedLaneOptions } from './lane-options';

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
  readonly #intake: Intake;
  readonly #delivery: BatchDelivery;
  readonly #flushes = new FlushWaiters();
  readonly #clock: BatchClock;
  #isDelivering = false;
  #isStuck = false;
  #isFailing = false;
  #isEnded = false;
  #isFailed = false;
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
    this.#options = options;
    this.#observer = observer;
    this.losses = new LossCounter(() => observer.onLoss());
    this.#intake = new Intake(exporter, options, () => this.#noteEviction());
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
    return this.#intake.length + (this.#batch?.records.length ?? 0);
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
    return this.#intake.fits(bytes);
  }

  /** What waits is due: it has waited elsewhere. */
  startNow(): void {
    this.#clock.expire();
    this.#startIfDue();
  }

  /** How many more records of this size the queue has room for. */
  roomFor(recordBytes: number): number {
    return this.#intake.roomFor(recordBytes);
  }

  /** @param bytes an estimate; only looked at if `maxQueueBytes` is set */
  offer(record: LogRecord, severityNumber: number | undefined, bytes: number): void {
    this.#offered++;
    if (this.#isFailed) {
      this.losses.add('export_failed', 1);
      return;
    }
    const reason = this.#intake.offer(record, severityNumber, bytes);
    if (reason !== undefined) {
      this.losses.add(reason, 1);
    } else if (this.#intake.hasEnough) {
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
    this.#endAs('shutdown_timeout');
  }

  /** There is no exporter that could deliver: what is pending and all that is offered later is lost as `export_failed`. */
  fail(message: string): void {
    this.#lastFailure = message;
    this.#isFailed = true;
    this.#endAs('export_failed');
    this.#observer.onRoom();
  }

  #endAs(reason: LossReason): void {
    if (this.#isEnded) {
      return;
    }
    this.#isEnded = true;
    this.#clock.stop();
    const lost = this.pending;
    const position = this.#settledPosition;
    this.#intake.clear();
    this.#batch = undefined;
    this.#flushes.noteLoss(reason, lost, position);
    this.losses.add(reason, lost);
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
      queued: this.#intake.length,
      inFlight: this.#batch?.records.length ?? 0,
      spooled: 0,
      replayed: 0,
      retries: this.#delivery.retries,
      state: this.#isFailed ? 'failed' : this.#isEnded ? 'shutdown' : this.#delivery.state,
      dropped: { ...this.losses.counts },
    };
  }

  /** Everything before it is delivered or lost. */
  get #settledPosition(): number {
    return this.#batch?.firstPosition ?? this.#intake.headPosition;
  }

  #isDue(): boolean {
    const intake = this.#intake;
    return intake.length > 0 && (intake.hasEnough || this.#clock.isUp || this.#flushes.target > intake.headPosition);
  }

  #startIfDue(): void {
    if (!this.#isDelivering && !this.#isStuck && !this.#isEnded && this.#isDue()) {
      this.#isDelivering = true;
      void this.#deliverWhileDue();
    } else if (this.#intake.length === 0) {
      this.#clock.reset();
    }
  }

  async #deliverWhileDue(): Promise<void> {
    while (this.#isDue() && !this.#isStuck) {
      this.#clock.reset();
      const batch = this.#intake.takeBatch();
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
    if (this.#intake.length > 0) {
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
    this.#intake.release(batch);
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
      this.#flushes.noteLoss('queue_full', 1, this.#intake.headPosition - 1);
      this.#flushes.settleUpTo(this.#settledPosition);
    }
  }

  #flushRecords(timeoutMillis: number): Promise<LaneFlushResult> {
    return new Promise((resolve) => {
      const waiter = this.#flushes.add(this.#intake.endPosition, this.#delivery.attempt, (result) => {
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
