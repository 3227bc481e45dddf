import type { LaneFigures } from '../lane/lane-figures';
import type { WorkerStats } from '../queue-worker';
import { lossesSince, sumOfLosses, type LossCounts, type LossReason } from '../stats';
import type { ThreadFigures } from './shared-stats';

/** What two threads, one after the other, have done together. */
export function sumOfFigures(before: ThreadFigures, now: ThreadFigures): ThreadFigures {
  if (!now.isPublished) {
    return before.isPublished ? before : now;
  }
  return {
    isPublished: true,
    offered: before.offered + now.offered,
    unreadable: before.unreadable + now.unreadable,
    lanes: now.lanes.map((lane, index) => sumOfLanes(before.lanes[index], lane)),
  };
}

/** The same with everything that is pending in the lanes lost for this reason, but for what is on disk. */
export function withPendingLost(figures: ThreadFigures, reason: LossReason): ThreadFigures {
  return {
    ...figures,
    lanes: figures.lanes.map((lane) => ({
      ...lane,
      queued: 0,
      inFlight: 0,
      inFlightOnDisk: 0,
      exporting: 0,
      spooled: lane.spooled + lane.inFlightOnDisk,
      state: 'shutdown',
      dropped: withLoss(lane.dropped, reason, lane.queued + lane.inFlight - lane.inFlightOnDisk),
      lostAfterHandover: withLoss(lane.lostAfterHandover, reason, lane.inFlightOnDisk > 0 ? 0 : lane.exporting),
    })),
  };
}

export function withLoss(counts: LossCounts, reason: LossReason, count: number): LossCounts {
  return count > 0 ? { ...counts, [reason]: (counts[reason] ?? 0) + count } : counts;
}

/** Records that have reached a lane and are neither delivered nor lost; a lane without any is absent. */
export function pendingByLane(figures: ThreadFigures, lanes: readonly { readonly name: string }[]): Record<string, number> {
  const pending = lanes.map(({ name }, index): [string, number] => [name, (figures.lanes[index]?.queued ?? 0) + (figures.lanes[index]?.inFlight ?? 0)]);
  return Object.fromEntries(pending.filter(([, count]) => count > 0));
}

/** What was lost since, by lane. @param front the name of what lies before the lanes */
export function lostBetween(before: WorkerStats, after: WorkerStats, front: string): Record<string, LossCounts> {
  const lost = Object.entries(after.lanes).map(([name, lane]): [string, LossCounts] => [name, lossesSince(before.lanes[name]?.dropped ?? {}, lane.dropped)]);
  lost.push([front, lossesSince(before.dropped, after.dropped)]);
  return Object.fromEntries(lost.filter(([, counts]) => Object.keys(counts).length > 0));
}

function sumOfLanes(before: LaneFigures | undefined, now: LaneFigures): LaneFigures {
  if (before === undefined) {
    return now;
  }
  // What the dead one has left on disk, its successor has found there and counted again. Where it found less, the rest had been delivered, and nobody had been told.
  const recovered = Math.min(before.spooled, now.replayed);
  return {
    ...now,
    offered: before.offered + now.offered - recovered,
    delivered: before.delivered + now.delivered,
    replayed: before.replayed + now.replayed - recovered,
    journaled: before.journaled + now.journaled,
    // Here it has: what the dead one had handed over and left on disk counts twice.
    handedOver: before.handedOver + now.handedOver,
    retries: before.retries + now.retries,
    dropped: withLoss(sumOfLosses(before.dropped, now.dropped), 'worker_crashed', before.spooled - recovered),
    lostAfterHandover: sumOfLosses(before.lostAfterHandover, now.lostAfterHandover),
  };
}
