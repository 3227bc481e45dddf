import type { LogRecordExporter } from '@opentelemetry/sdk-logs';
import { ExportError } from '../exporters/export-error';
import type { LogRecord } from '../record';
import type { LaneStats, LossCounter, LossReason } from '../stats';
import { BatchClock } from './batch-clock';
import { BatchRunner } from './batch-runner';
import type { ExportScope } from './export-scope';
import { flushExporter, shutdownExporter } from './exporter-lifecycle';
import type { LaneFlushResult } from './flush-waiters';
import { Intake } from './intake';
import { LaneLedger } from './lane-ledger';
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
  readonly #options: ResolvedLaneOptions;
  readonly #observer: LaneObserver;
  readonly #intake: Intake;
  readonly #runner: BatchRunner;
  readonly #ledger: LaneLedger;
  readonly #clock: BatchClock;
  #isDelivering = false;
  #isFailed = false;
  #isEnded = false;

  constructor(
    readonly name: string,
    readonly exporter: LogRecordExporter,
    options: ResolvedLaneOptions,
    scope: ExportScope,
    observer: LaneObserver,
  ) {
    this.#options = options;
    this.#observer = observer;
    this.#ledger = new LaneLedger(() => observer.onLoss());
    this.#intake = new Intake(exporter, options, () => this.#noteEviction());
    this.#runner = new BatchRunner(exporter, options, scope, this.#ledger, {
      onFailing: (message) => observer.onFailing(this, message),
      onRecovered: () => observer.onRecovered(this),
      onStateChange: () => observer.onStateChange(),
      settledPosition: () => this.#settledPosition,
    });
    this.#clock = new BatchClock(options.scheduledDelayMillis, () => this.#startIfDue());
  }

  get losses(): LossCounter {
    return this.#ledger.losses;
  }

  /** What the last failed attempt said. */
  get lastFailure(): string | undefined {
    return this.#ledger.lastFailure;
  }

  /** Records that are neither delivered nor lost. */
  get pending(): number {
    return this.#intake.length + this.#runner.inFlight;
  }

  /** Grows with every record that is delivered or lost. */
  get progress(): number {
    return this.#ledger.progress;
  }

  wants(severityNumber: number | undefined): boolean {
    const min = this.#options.minSeverity;
    // 0 is UNSPECIFIED.
    return min === undefined || !severityNumber || severityNumber >= min;
  }

  /** Batches, and parts of them, that were delivered or lost: a lane that moves counts up. */
  get settledBatches(): number {
    return this.#ledger.settlements;
  }

  /** Whether it knows that it cannot deliver now. */
  get isFailing(): boolean {
    return this.#runner.isFailing || this.#isOver;
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
    this.#ledger.noteOffer();
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
    if (result.remaining === 0 && !this.#isOver) {
      await flushExporter(this.exporter, this.name, end - Date.now());
    }
    return result;
  }

  /** A flush, then the end: what is left is lost as `shutdown_timeout`. Ends within the time-out. */
  async shutdown(timeoutMillis: number): Promise<void> {
    const end = Date.now() + timeoutMillis;
    const hurry = setTimeout(() => this.#runner.delivery.hurryResources(), timeoutMillis / 2);
    await this.#flushRecords(timeoutMillis);
    clearTimeout(hurry);
    this.end();
    await shutdownExporter(this.exporter, this.name, end - Date.now());
  }

  /** Counts all that is pending as lost, at once. */
  end(): void {
    if (!this.#isEnded) {
      this.#isEnded = true;
      this.#abandon('shutdown_timeout', 'already_shutdown', new ExportError('shut down', { retryable: false }));
    }
  }

  /** Gives up for good: what is pending and what is offered from now on is lost as `export_failed`. Flushes and `shutdown` do not wait for it. */
  fail(message: string): void {
    if (!this.#isFailed && !this.#isEnded) {
      this.#isFailed = true;
      this.#ledger.noteFailure(message);
      this.#abandon('export_failed', 'export_failed', new ExportError(message, { retryable: false }));
    }
  }

  /** Fails the running attempt, if its exporter can be aborted. */
  abortAttempt(message: string): void {
    this.#runner.delivery.abortAttempt(new ExportError(message, { retryable: true }));
  }

  stats(): LaneStats {
    return this.#ledger.stats(this.#intake.length, this.#runner.inFlight, this.#runner.delivery.retries, this.#isFailed ? 'failed' : this.#runner.delivery.state);
  }

  get #isOver(): boolean {
    return this.#isFailed || this.#isEnded;
  }

  /** The only place where pending records are given up without an attempt. */
  #abandon(pendingAs: LossReason, laterAs: LossReason, cause: ExportError): void {
    this.#clock.stop();
    const lost = this.pending;
    const position = this.#settledPosition;
    this.#intake.clear();
    this.#intake.close(laterAs);
    this.#runner.abandon();
    this.#ledger.noteLoss(pendingAs, lost, position);
    this.#ledger.flushes.giveUp(this.#settledPosition);
    this.#runner.delivery.end(cause);
    this.#observer.onRoom();
  }

  /** Everything before it is delivered or lost. */
  get #settledPosition(): number {
    return this.#runner.position ?? this.#intake.headPosition;
  }

  #isDue(): boolean {
    const intake = this.#intake;
    return intake.length > 0 && (intake.hasEnough || this.#clock.isUp || this.#ledger.flushes.target > intake.headPosition);
  }

  #startIfDue(): void {
    if (!this.#isDelivering && !this.#isOver && this.#isDue()) {
      this.#isDelivering = true;
      void this.#deliverWhileDue();
    } else if (this.#intake.length === 0) {
      this.#clock.reset();
    }
  }

  async #deliverWhileDue(): Promise<void> {
    while (this.#isDue()) {
      this.#clock.reset();
      const batch = this.#intake.takeBatch();
      if (!(await this.#runner.run(batch))) {
        return;
      }
      // Not earlier: what the exporter holds is in memory, and so in the bound.
      this.#intake.release(batch);
      this.#observer.onRoom();
    }
    this.#isDelivering = false;
    if (this.#intake.length > 0) {
      this.#clock.startTimer();
    }
  }

  #noteEviction(): void {
    this.#ledger.noteLoss('queue_full', 1, this.#intake.headPosition - 1);
    this.#ledger.flushes.settleUpTo(this.#settledPosition);
  }

  #flushRecords(timeoutMillis: number): Promise<LaneFlushResult> {
    return new Promise((resolve) => {
      const waiter = this.#ledger.flushes.add(this.#intake.endPosition, this.#runner.delivery.attempt, (result) => {
        clearTimeout(timer);
        resolve(result);
      });
      const timer = setTimeout(() => this.#ledger.flushes.giveUp(this.#settledPosition, waiter), timeoutMillis);
      this.#ledger.flushes.settleUpTo(this.#settledPosition);
      if (this.#isDelivering && !this.#runner.delivery.hurry()) {
        this.#ledger.flushes.giveUp(this.#settledPosition, waiter);
      }
      this.#startIfDue();
    });
  }
}
