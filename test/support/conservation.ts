import type { LossCounts, QueueStats } from '../../src/stats';

export const totalOf = (counts: LossCounts): number => Object.values(counts).reduce((sum, count) => sum + count, 0);

/** Both laws of `stats()`, and the total. */
export function expectConserved(stats: QueueStats): void {
  expect(stats.emitted).toBe(stats.accepted + totalOf(stats.dropped));
  let lost = totalOf(stats.dropped);
  for (const lane of Object.values(stats.lanes)) {
    expect(lane.offered).toBe(lane.delivered + lane.queued + lane.inFlight + lane.spooled + totalOf(lane.dropped));
    lost += totalOf(lane.dropped);
  }
  expect(stats.lost).toBe(lost);
}

/** The same, and nothing is left anywhere. */
export function expectSettled(stats: QueueStats): void {
  expectConserved(stats);
  for (const lane of Object.values(stats.lanes)) {
    expect({ queued: lane.queued, inFlight: lane.inFlight }).toEqual({ queued: 0, inFlight: 0 });
  }
}
