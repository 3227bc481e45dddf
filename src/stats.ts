/** Why a record will not be delivered. Every loss has exactly one reason. */
export type LossReason =
  /** The queue was full and the overflow policy chose this record. */
  | 'queue_full'
  /** The `sample` policy thinned the stream. */
  | 'sampled'
  /** Emitted after `shutdown()` was called. */
  | 'already_shutdown'
  /** The exporter failed for good and said no more about it. */
  | 'export_failed'
  /** The backend refused the record. */
  | 'rejected'
  /** The retry budget was spent. */
  | 'retry_exhausted'
  /** Larger than the queue, a request or the backend allows. */
  | 'too_large'
  /** The record has no valid form: a throwing getter, a wrong type, a serialization error. */
  | 'invalid'
  /** Older than `maxAgeMillis`. */
  | 'expired'
  /** The spool on disk was at its bound. */
  | 'spool_full'
  /** Neither delivered nor spooled when `shutdown()` or the exit ran out of time. */
  | 'shutdown_timeout'
  /** In the hands of a worker thread when it died. */
  | 'worker_crashed'
  /** Emitted from inside an export. */
  | 'suppressed';

/** Losses by reason; a reason without a loss is absent. */
export type LossCounts = Partial<Record<LossReason, number>>;

/** What was added between two counts. */
export function lossesSince(before: LossCounts, after: LossCounts): LossCounts {
  const losses: LossCounts = {};
  for (const [reason, count] of Object.entries(after) as [LossReason, number][]) {
    if (count > (before[reason] ?? 0)) {
      losses[reason] = count - (before[reason] ?? 0);
    }
  }
  return losses;
}

export function sumOfLosses(first: LossCounts, second: LossCounts): LossCounts {
  const sum = { ...first };
  for (const [reason, count] of Object.entries(second) as [LossReason, number][]) {
    sum[reason] = (sum[reason] ?? 0) + count;
  }
  return sum;
}

export function totalLosses(counts: LossCounts): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

/** Losses of one queue or of the front, counted in place. */
export class LossCounter {
  readonly counts: LossCounts = {};
  #total = 0;
  readonly #onLoss: () => void;

  /** @param onLoss called after each count; must be cheap and must not throw */
  constructor(onLoss: () => void) {
    this.#onLoss = onLoss;
  }

  get total(): number {
    return this.#total;
  }

  add(reason: LossReason, count: number): void {
    if (count > 0) {
      this.counts[reason] = (this.counts[reason] ?? 0) + count;
      this.#total += count;
      this.#onLoss();
    }
  }
}

/**
 * `exporting`: an export is running. `backing-off`: waits before the next attempt. `open`: after repeated failures attempts are rare. `half-open`: the one attempt that decides whether it
 * stays so. `stuck`: an exporter that cannot be aborted has not answered in time. `failed`: the lane has given up for good and loses what it is offered.
 */
export type LaneState = 'ready' | 'exporting' | 'backing-off' | 'open' | 'half-open' | 'stuck' | 'failed' | 'shutdown';

/** Law: `offered = delivered + queued + inFlight + spooled + Σ dropped`, at every moment. */
export interface LaneStats {
  /** Records that reached this lane; those under its `minSeverity` did not. */
  readonly offered: number;
  readonly delivered: number;
  readonly queued: number;
  readonly inFlight: number;
  /** Records on disk alone: not those in flight. */
  readonly spooled: number;
  /** Records adopted from an earlier process's spool. */
  readonly replayed: number;
  /** Records that were written to the spool so far: in a journal, what even SIGKILL does not lose. Only grows. */
  readonly journaled: number;
  /** Attempts beyond the first one of each batch. */
  readonly retries: number;
  readonly state: LaneState;
  readonly dropped: LossCounts;
}

/** One consistent snapshot. Law: `emitted = accepted + Σ dropped`. */
export interface QueueStats {
  readonly worker: 'event-loop' | 'thread';
  /** Calls of `onEmit`. */
  readonly emitted: number;
  /** Records handed to the lanes. */
  readonly accepted: number;
  /** Records lost before any lane. */
  readonly dropped: LossCounts;
  /** Accepted and not yet offered to the lanes: in the ring of a thread; always 0 on the event loop, which has none. */
  readonly queued: number;
  readonly queuedBytes: number;
  /** Bounds of the ring; empty on the event loop, where each lane has its own. */
  readonly capacity: { readonly records?: number; readonly bytes?: number };
  /** All losses, here and in the lanes; a record lost in two lanes counts twice. */
  readonly lost: number;
  readonly lanes: Readonly<Record<string, LaneStats>>;
}
