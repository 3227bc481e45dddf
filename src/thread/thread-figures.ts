import type { LaneStats, LossCounts, LossReason } from '../stats';
import type { ThreadFigures } from './shared-stats';

/** What two threads, one after the other, have done together. */
export function sumOfFigures(before: ThreadFigures, now: ThreadFigures): ThreadFigures {
  return {
    offered: before.offered + now.offered,
    unreadable: before.unreadable + now.unreadable,
    lanes: now.lanes.map((lane, index) => sumOfLanes(before.lanes[index], lane)),
  };
}

/** The same with everything that is pending in the lanes lost for this reason. */
export function withPendingLost(figures: ThreadFigures, reason: LossReason): ThreadFigures {
  return {
    ...figures,
    lanes: figures.lanes.map((lane) => ({ ...lane, queued: 0, inFlight: 0, state: 'shutdown', dropped: withLoss(lane.dropped, reason, lane.queued + lane.inFlight) })),
  };
}

export function withLoss(counts: LossCounts, reason: LossReason, count: number): LossCounts {
  return count > 0 ? { ...counts, [reason]: (counts[reason] ?? 0) + count } : counts;
}

function sumOfLanes(before: LaneStats | undefined, now: LaneStats): LaneStats {
  if (before === undefined) {
    return now;
  }
  let { dropped } = now;
  for (const [reason, count] of Object.entries(before.dropped) as [LossReason, number][]) {
    dropped = withLoss(dropped, reason, count);
  }
  return {
    ...now,
    offered: before.offered + now.offered,
    delivered: before.delivered + now.delivered,
    retries: before.retries + now.retries,
    dropped,
  };
}
