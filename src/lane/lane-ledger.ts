import { LossCounter, type LaneStats, type LossReason } from '../stats';
import { FlushWaiters } from './flush-waiters';
import { Handover } from './handover';

/**
 * The books of a lane: what came, what became of it, and what of it each flush is told.
 * Records are settled in the order of their positions in the queue, so that one position says what is behind us.
 */
export class LaneLedger {
  readonly losses: LossCounter;
  readonly flushes = new FlushWaiters();
  readonly handover: Handover;
  #offered = 0;
  #delivered = 0;
  #settlements = 0;
  #lastFailure: string | undefined = undefined;

  /**
   * @param onLoss called after each counted loss; must be cheap and must not throw
   * @param onExportFailed that of `Handover`
   */
  constructor(onLoss: () => void, onExportFailed: (errorType: string, count: number) => void) {
    this.losses = new LossCounter(onLoss);
    this.handover = new Handover(onExportFailed);
  }

  /** Grows with every record that is delivered or lost. */
  get progress(): number {
    return this.#delivered + this.losses.total;
  }

  /** Batches, or parts of them, that were delivered or lost. */
  get settlements(): number {
    return this.#settlements;
  }

  /** What the last failed attempt said. */
  get lastFailure(): string | undefined {
    return this.#lastFailure;
  }

  noteOffer(count = 1): void {
    this.#offered += count;
  }

  noteDelivery(count: number): void {
    this.#delivered += count;
  }

  noteFailure(message: string): void {
    this.#lastFailure = message;
  }

  noteSettlement(): void {
    this.#settlements++;
  }

  /** Counts records that were in the queue from `position` on, and tells the flushes that cover them. */
  noteLoss(reason: LossReason, count: number, position: number): void {
    this.flushes.noteLoss(reason, count, position);
    this.losses.add(reason, count);
  }

  stats(now: Omit<LaneStats, 'offered' | 'delivered' | 'dropped'>): LaneStats {
    return { offered: this.#offered, delivered: this.#delivered, ...now, dropped: { ...this.losses.counts } };
  }
}
