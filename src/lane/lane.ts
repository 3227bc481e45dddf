import type { LogRecordExporter } from '@opentelemetry/sdk-logs';
import { ExportError } from '../exporters/export-error';
import type { LogRecord } from '../record';
import type { LaneStats, LossCounter, LossReason } from '../stats';
import { BatchRunner } from './batch-runner';
import type { ExportScope } from './export-scope';
import { shutdownExporter } from './exporter-lifecycle';
import type { LaneFlushResult } from './flush-waiters';
import { mostBatchRecords } from './intake';
import type { LaneFigures } from './lane-figures';
import { LaneFlusher } from './lane-flusher';
import { LaneLedger } from './lane-ledger';
import type { LaneObserver } from './lane-observer';
import type { ResolvedLaneOptions } from './lane-options';
import { LaneSpool } from './lane-spool';
import { WorkSource } from './work-source';

/**
 * One exporter with its own queue, batches, retry and counters. Nothing that happens here touches another lane.
 *
 * Guarantees: at most one export at a time; first attempts in the order of `offer`; `offered = delivered + queued + inFlight + spooled + Σ dropped` at every moment; `offer` never throws.
 */
export class Lane {
  readonly #options: ResolvedLaneOptions;
  readonly #observer: LaneObserver;
  readonly #spool: LaneSpool | undefined;
  readonly #source: WorkSource;
  readonly #runner: BatchRunner;
  readonly #ledger: LaneLedger;
  readonly #flusher: LaneFlusher;
  #isDelivering = false;
  #isFailed = false;
  #isEnded = false;

  constructor(
    readonly name: string,
    readonly exporter: LogRecordExporter,
    options: ResolvedLaneOptions,
    scope: ExportScope,
    observer: LaneObserver,
    spoolOwner: string,
  ) {
    this.#options = options;
    this.#observer = observer;
    this.#ledger = new LaneLedger(
      () => observer.onLoss(),
      (errorType, count) => observer.onExportFailed?.(this, errorType, count),
    );
    this.#spool = options.spool === undefined ? undefined : new LaneSpool(options.spool, name, spoolOwner, mostBatchRecords(exporter, options), this.#ledger, () => this.#startIfDue());
    this.#source = new WorkSource(exporter, options, this.#spool, () => this.#noteEviction(), () => this.#startIfDue());
    this.#runner = new BatchRunner(exporter, options, scope, this.#ledger, this.#spool, {
      onFailing: (message) => observer.onFailing(this, message),
      onRecovered: () => observer.onRecovered(this),
      onStateChange: () => observer.onStateChange(),
      onOperation: (operation) => observer.onOperation?.(this, operation),
      settledPosition: () => this.#settledPosition,
    });
    this.#flusher = new LaneFlusher(this, this.#source, this.#runner, this.#ledger, this.#spool, {
      settledPosition: () => this.#settledPosition,
      isDelivering: () => this.#isDelivering,
      isOver: () => this.#isOver,
      startIfDue: () => this.#startIfDue(),
    });
    if (this.#spool?.hasReplay === true) {
      // Not from here: the owner of the lane does not know it yet.
      setImmediate(() => this.#startIfDue());
    }
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
    return this.#source.length + this.#runner.inFlight;
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

  /** Whether there is room for a record of this size. */
  fits(bytes: number): boolean {
    return this.#source.fits(bytes);
  }

  /** What waits is due: it has waited elsewhere. */
  startNow(): void {
    this.#source.expire();
    this.#startIfDue();
  }

  /** How many more records of this size the queue has room for. */
  roomFor(recordBytes: number): number {
    return this.#source.roomFor(recordBytes);
  }

  /** @param bytes an estimate; only looked at if `maxQueueBytes` is set */
  offer(record: LogRecord, severityNumber: number | undefined, bytes: number): void {
    this.#ledger.noteOffer();
    const reason = this.#source.offer(record, severityNumber, bytes, this.#isDelivering);
    if (reason !== undefined) {
      this.losses.add(reason, 1);
    }
  }

  /**
   * Resolves when every record offered before is delivered, lost or on disk, when the lane cannot deliver now, or after the time-out.
   * @param isLast nothing is brought back from the disk any more
   */
  flush(timeoutMillis: number, isLast = false): Promise<LaneFlushResult> {
    return this.#flusher.flush(timeoutMillis, isLast);
  }

  /** A flush, then the end: what is left goes to the spool or is lost as `shutdown_timeout`. Ends within the time-out. */
  async shutdown(timeoutMillis: number): Promise<void> {
    const end = Date.now() + timeoutMillis;
    const hurry = setTimeout(() => this.#runner.delivery.hurryResources(), timeoutMillis / 2);
    this.#spool?.endReplays();
    await this.#flusher.flushRecords(timeoutMillis);
    clearTimeout(hurry);
    this.end();
    await shutdownExporter(this.exporter, this.name, end - Date.now());
  }

  /** Gives all that is pending to the spool, or counts it as lost, at once. */
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

  /** Fails the running attempt, if its exporter can be aborted. Pending flushes do not wait for another one. */
  abortAttempt(message: string): void {
    this.#ledger.flushes.adoptRunningAttempt();
    this.#runner.delivery.abortAttempt(new ExportError(message, { retryable: true }));
  }

  stats(): LaneStats {
    const { delivery, inFlight } = this.#runner;
    const { spooled = 0, replayed = 0, journaled = 0 } = this.#spool ?? {};
    return this.#ledger.stats({ queued: this.#source.length, inFlight, spooled, replayed, journaled, retries: delivery.retries, state: this.#isFailed ? 'failed' : delivery.state });
  }

  figures(): LaneFigures {
    const { handedOver, lostAfterHandover } = this.#ledger.handover;
    const { inFlightOnDisk, exporting } = this.#runner;
    return { ...this.stats(), inFlightOnDisk, exporting, handedOver, lostAfterHandover: { ...lostAfterHandover } };
  }

  get #isOver(): boolean {
    return this.#isFailed || this.#isEnded;
  }

  /** The only place where pending records are given up without an attempt. */
  #abandon(pendingAs: LossReason, laterAs: LossReason, cause: ExportError): void {
    const position = this.#settledPosition;
    this.#spool?.unblock();
    this.#source.spillAll();
    const lost = this.#source.length + this.#runner.abandon(pendingAs);
    this.#source.close(laterAs);
    this.#spool?.close();
    this.#ledger.noteLoss(pendingAs, lost, position);
    this.#ledger.flushes.giveUp(this.#settledPosition);
    this.#runner.delivery.end(cause);
    this.#observer.onRoom();
  }

  /** Everything before it is delivered, lost or on disk. */
  get #settledPosition(): number {
    return this.#runner.position ?? this.#source.headPosition;
  }

  get #flushTarget(): number {
    return this.#ledger.flushes.target;
  }

  #startIfDue(): void {
    if (this.#isDelivering) {
      this.#spillIfDue();
    } else if (!this.#isOver && this.#source.hasWork(this.#flushTarget)) {
      this.#isDelivering = true;
      void this.#deliverWhileDue();
    } else {
      this.#source.resetIfEmpty();
    }
  }

  /** What is due and cannot be delivered now goes to disk; in a journal also what would have to wait for the batch in flight. */
  #spillIfDue(): void {
    if (this.#spool !== undefined && (this.isFailing || this.#spool.isJournal) && this.#source.isDue(this.#flushTarget)) {
      this.#source.spillAll();
      this.#ledger.flushes.settleUpTo(this.#settledPosition);
    }
  }

  async #deliverWhileDue(): Promise<void> {
    for (let work = this.#source.next(this.#flushTarget); work !== undefined; work = this.#source.next(this.#flushTarget)) {
      if (!(await this.#runner.run(work))) {
        return;
      }
      // Not earlier: what the exporter holds is in memory, and so in the bound.
      this.#source.release(work);
      this.#observer.onRoom();
    }
    this.#isDelivering = false;
    this.#source.rest();
  }

  #noteEviction(): void {
    this.#ledger.noteLoss('queue_full', 1, this.#source.headPosition - 1);
    this.#ledger.flushes.settleUpTo(this.#settledPosition);
  }
}
