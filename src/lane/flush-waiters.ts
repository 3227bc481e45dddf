import type { LossCounts, LossReason } from '../stats';

/** What a flush found when it ended. Only records that were queued before it began count. */
export interface LaneFlushResult {
  readonly lost: LossCounts;
  /** Covered records that are still queued or in flight. */
  readonly remaining: number;
}

export interface FlushWaiter {
  readonly target: number;
  /** The attempt that was running or had last failed when the flush began. */
  sinceAttempt: number;
  readonly lost: LossCounts;
  readonly resolve: (result: LaneFlushResult) => void;
}

/**
 * The pending flushes of a lane, oldest first, so in the order of their targets.
 * A flush covers the records up to the position where the queue ended when it began, and no later one.
 */
export class FlushWaiters {
  #waiters: FlushWaiter[] = [];

  /** The end of what some flush waits for; -1 if none waits. */
  get target(): number {
    return this.#waiters.at(-1)?.target ?? -1;
  }

  add(target: number, sinceAttempt: number, resolve: (result: LaneFlushResult) => void): FlushWaiter {
    const waiter: FlushWaiter = { target, sinceAttempt, lost: {}, resolve };
    this.#waiters.push(waiter);
    return waiter;
  }

  /** Tells the flushes that cover it about a loss of `count` records from `position` on. */
  noteLoss(reason: LossReason, count: number, position: number): void {
    for (const waiter of this.#waiters) {
      const covered = Math.min(count, waiter.target - position);
      if (covered > 0) {
        waiter.lost[reason] = (waiter.lost[reason] ?? 0) + covered;
      }
    }
  }

  /** Ends the flushes whose records are all settled. */
  settleUpTo(settledPosition: number): void {
    this.#endThose((waiter) => waiter.target <= settledPosition, settledPosition);
  }

  /** The attempt that is running is that of every pending flush, whenever it began: its failure ends them. */
  adoptRunningAttempt(): void {
    this.#waiters.forEach((waiter) => (waiter.sinceAttempt = -1));
  }

  /** Ends the flushes that began before this attempt, which has failed: it was theirs. */
  giveUpAfter(attempt: number, settledPosition: number): void {
    this.#endThose((waiter) => waiter.sinceAttempt < attempt, settledPosition);
  }

  /** Ends one flush, or all of them. */
  giveUp(settledPosition: number, only?: FlushWaiter): void {
    this.#endThose((waiter) => only === undefined || waiter === only, settledPosition);
  }

  #endThose(isEnded: (waiter: FlushWaiter) => boolean, settledPosition: number): void {
    if (this.#waiters.length === 0) {
      return;
    }
    const ended = this.#waiters.filter(isEnded);
    this.#waiters = this.#waiters.filter((waiter) => !isEnded(waiter));
    for (const waiter of ended) {
      waiter.resolve({ lost: waiter.lost, remaining: Math.max(0, waiter.target - settledPosition) });
    }
  }
}
