import type { LogRecordExporter } from '@opentelemetry/sdk-logs';
import type { LogRecord } from '../record';
import type { LossReason } from '../stats';
import { BatchDelivery, type Delivered, type FailureKind } from './batch-delivery';
import { BatchParts } from './batch-parts';
import { OperationRecorder, type ExportOperation } from './export-operation';
import type { ExportScope } from './export-scope';
import type { LaneLedger } from './lane-ledger';
import type { ResolvedLaneOptions } from './lane-options';
import type { LaneSpool, Work } from './lane-spool';
import { isExpired } from './record-age';
import { truncateRecord } from './record-truncation';

export interface BatchRunnerObserver {
  /** The first failure of a batch that is tried again. */
  readonly onFailing: (message: string) => void;
  /** Delivers again. */
  readonly onRecovered: () => void;
  readonly onStateChange: () => void;
  readonly onOperation: (operation: ExportOperation) => void;
  /** Everything before it is delivered or lost. */
  readonly settledPosition: () => number;
}

/** Runs one batch at a time to its end, as a whole or in parts, and enters into the books what becomes of each record. */
export class BatchRunner {
  readonly delivery: BatchDelivery;
  readonly #options: ResolvedLaneOptions;
  readonly #ledger: LaneLedger;
  readonly #observer: BatchRunnerObserver;
  readonly #spool: LaneSpool | undefined;
  readonly #operation: OperationRecorder;
  #batch: BatchParts | undefined = undefined;
  #work: Work | undefined = undefined;
  #isFailing = false;

  constructor(exporter: LogRecordExporter, options: ResolvedLaneOptions, scope: ExportScope, ledger: LaneLedger, spool: LaneSpool | undefined, observer: BatchRunnerObserver) {
    this.#options = options;
    this.#ledger = ledger;
    this.#spool = spool;
    this.#observer = observer;
    this.#operation = new OperationRecorder(ledger.handover, (operation) => observer.onOperation(operation));
    this.delivery = new BatchDelivery(exporter, options, scope, {
      onAttemptFailed: ({ message }) => this.#onAttemptFailed(message),
      onPause: (isOrdered) => this.#onPause(isOrdered),
      onStuck: () => ledger.flushes.giveUp(observer.settledPosition()),
      onStateChange: () => observer.onStateChange(),
      stillWanted: (records) => this.#withoutExpired(records),
      onAttempt: ({ length }) => this.#operation.noteAttempt(length),
    });
  }

  /** Whether it knows that it cannot deliver now. */
  get isFailing(): boolean {
    return this.#isFailing || this.delivery.isFailing;
  }

  /** Records of the batch that are neither delivered nor lost. */
  get inFlight(): number {
    return this.#batch?.unsettled ?? 0;
  }

  /** Those of them that the exporter was given. */
  get exporting(): number {
    return this.#operation.isRunning ? this.inFlight : 0;
  }

  /** Where the records in flight begin; undefined if there are none, or none that came from the queue. */
  get position(): number | undefined {
    return this.#batch !== undefined && this.#batch.unsettled > 0 && this.#work?.isReplay === false ? this.#batch.position : undefined;
  }

  /** Records in flight that are on disk as well. */
  get inFlightOnDisk(): number {
    return this.#work?.ticket === undefined ? 0 : this.inFlight;
  }

  /** Resolves when all is settled and the exporter has let go of the records: to false if it was abandoned. Never rejects. */
  async run(work: Work): Promise<boolean> {
    const batch = new BatchParts(work.taken);
    this.#batch = batch;
    this.#work = work;
    this.#operation.prepare(work.isReplay);
    for (let part = batch.next(); part !== undefined; part = batch.next()) {
      const delivered = await this.delivery.deliver(batch.isSplit ? part : this.#withinSize(part), batch.isSplit);
      if (delivered === undefined) {
        return false;
      }
      this.#settle(batch, delivered);
      if (delivered.kind === 'lost' && delivered.answered !== undefined) {
        this.#ledger.flushes.giveUp(this.#observer.settledPosition());
        await delivered.answered;
        if (this.#batch === undefined) {
          return false;
        }
      }
    }
    this.#batch = undefined;
    this.#work = undefined;
    this.#spool?.settle(work);
    return true;
  }

  /**
   * Gives what is in flight to the spool, if there is one; the caller ends the delivery next.
   * @param reason what the rest will be lost as
   * @returns how many records are left to the caller
   */
  abandon(reason: LossReason): number {
    const left = this.#batch === undefined ? 0 : this.#batch.unsettled - this.#keep(this.#batch.rest(), reason);
    this.#operation.noteLoss(reason, left, reason);
    this.#operation.end();
    this.#batch = undefined;
    this.#work = undefined;
    return left;
  }

  #settle(batch: BatchParts, delivered: Delivered): void {
    const { records } = delivered;
    switch (delivered.kind) {
      case 'settled':
        this.#settleDelivered(batch, records.length, delivered.outcome);
        break;
      case 'refused':
        this.#lose(batch, batch.refuse(records), delivered.reason, delivered);
        break;
      case 'lost':
        this.#lose(batch, records, delivered.reason, delivered);
        break;
    }
    batch.current = [];
    if (batch.unsettled === 0) {
      this.#operation.end();
    }
    this.#ledger.noteSettlement();
    this.#ledger.flushes.settleUpTo(this.#observer.settledPosition());
  }

  #settleDelivered(batch: BatchParts, count: number, { lost = {}, message, status }: Extract<Delivered, { kind: 'settled' }>['outcome']): void {
    const { position } = batch;
    const losses = Object.entries(lost) as [LossReason, number][];
    const delivered = losses.reduce((left, [, lostCount]) => left - lostCount, count);
    if (message !== undefined) {
      this.#ledger.noteFailure(message);
    }
    if (count > 0) {
      this.#operation.noteStatus(status);
    }
    batch.settle(count);
    this.#ledger.noteDelivery(delivered);
    for (const [reason, lostCount] of losses) {
      this.#noteLoss(reason, lostCount, position, reason);
    }
    if (delivered > 0) {
      batch.noteDelivery();
      if (this.#isFailing) {
        this.#isFailing = false;
        this.#observer.onRecovered();
      }
    }
  }

  /** The only place where exported records are given up; those that another attempt could deliver later go to the spool. */
  #lose(batch: BatchParts, records: readonly LogRecord[], reason: LossReason, { message, failure }: { readonly message: string; readonly failure: FailureKind }): void {
    this.#ledger.noteFailure(message);
    this.#operation.noteStatus(failure.status);
    const { position } = batch;
    const kept = reason === 'retry_exhausted' ? this.#keep(records, failure.errorType) : 0;
    batch.settle(records.length);
    this.#noteLoss(reason, records.length - kept, position, failure.errorType);
  }

  #noteLoss(reason: LossReason, count: number, position: number, errorType: string): void {
    this.#operation.noteLoss(reason, count, errorType);
    this.#ledger.noteLoss(reason, count, position);
  }

  /** @returns how many records the spool has taken over */
  #keep(records: readonly LogRecord[], errorType: string): number {
    if (this.#spool === undefined || this.#work === undefined || records.length === 0) {
      return 0;
    }
    const kept = this.#spool.keep(this.#work, records);
    this.#operation.noteKept(kept, errorType);
    return kept;
  }

  #withinSize(records: LogRecord[]): LogRecord[] {
    const { maxRecordBytes } = this.#options;
    return maxRecordBytes === undefined ? records : records.map((record) => truncateRecord(record, maxRecordBytes));
  }

  #withoutExpired(records: LogRecord[]): LogRecord[] {
    const { maxAgeMillis } = this.#options;
    const batch = this.#batch;
    const now = Date.now();
    if (batch !== undefined) {
      batch.current = records;
    }
    if (maxAgeMillis === undefined || batch === undefined || !records.some((record) => isExpired(record, maxAgeMillis, now))) {
      return records;
    }
    const first = batch.position;
    const kept = records.filter((record, index) => {
      const isKept = !isExpired(record, maxAgeMillis, now);
      if (!isKept) {
        if (batch.position === first + index) {
          batch.settle(1);
        } else {
          batch.settleLater();
        }
        this.#noteLoss('expired', 1, first + index, 'expired');
      }
      return isKept;
    });
    batch.current = kept;
    this.#ledger.flushes.settleUpTo(this.#observer.settledPosition());
    return kept;
  }

  #onAttemptFailed(message: string): void {
    this.#ledger.noteFailure(message);
    if (!this.#isFailing) {
      this.#isFailing = true;
      this.#observer.onFailing(message);
    }
    this.#ledger.flushes.giveUpAfter(this.delivery.attempt, this.#observer.settledPosition());
  }

  #onPause(isOrdered: boolean): boolean {
    const { flushes } = this.#ledger;
    const position = this.#observer.settledPosition();
    if (isOrdered) {
      flushes.giveUp(position);
      return false;
    }
    flushes.giveUpAfter(this.delivery.attempt, position);
    return flushes.target >= 0;
  }
}
