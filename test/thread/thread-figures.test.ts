import type { LaneFigures } from '../../src/lane/lane-figures';
import type { ThreadFigures } from '../../src/thread/shared-stats';
import { sumOfFigures, withPendingLost } from '../../src/thread/thread-figures';
import { totalOf } from '../support/conservation';

const nothing: LaneFigures = { offered: 0, delivered: 0, queued: 0, inFlight: 0, spooled: 0, replayed: 0, journaled: 0, inFlightOnDisk: 0, retries: 0, state: 'ready', dropped: {}, exporting: 0, handedOver: 0, lostAfterHandover: {} };
const figures = (lane: Partial<LaneFigures>, isPublished = true): ThreadFigures => ({ isPublished, offered: 0, unreadable: 0, lanes: [{ ...nothing, ...lane }] });

/** 100 records: 60 delivered, 10 in flight of which 4 are on disk as well, 25 on disk, 5 queued. */
const dead = figures({ offered: 100, delivered: 60, queued: 5, inFlight: 10, inFlightOnDisk: 4, spooled: 25, journaled: 50 });
const before = withPendingLost(dead, 'worker_crashed');

function laneOf(sum: ThreadFigures): LaneFigures {
  const [lane = nothing] = sum.lanes;
  expect(lane.offered).toBe(lane.delivered + lane.queued + lane.inFlight + lane.spooled + totalOf(lane.dropped));
  return lane;
}

describe('what two threads have done, one after the other', () => {
  it('loses what the first one held, but for what is on disk', () => {
    expect(laneOf(before)).toMatchObject({ offered: 100, spooled: 29, dropped: { worker_crashed: 11 } });
  });

  it('is what the first one had done until the second one says anything', () => {
    expect(sumOfFigures(before, figures({}, false))).toBe(before);
    expect(sumOfFigures(figures({}, false), figures({}, false)).isPublished).toBe(false);
  });

  it('counts once what the second one finds of the first one on disk', () => {
    const sum = laneOf(sumOfFigures(before, figures({ offered: 39, replayed: 29, delivered: 12, spooled: 20, queued: 7, journaled: 3 })));
    expect(sum).toMatchObject({ offered: 110, delivered: 72, replayed: 0, spooled: 20, journaled: 53, dropped: { worker_crashed: 11 } });
  });

  it('counts as lost what it does not find: it was delivered, and nobody had been told', () => {
    expect(laneOf(sumOfFigures(before, figures({ offered: 20, replayed: 20, spooled: 20 })))).toMatchObject({ offered: 100, replayed: 0, dropped: { worker_crashed: 20 } });
  });

  it('counts as adopted what it finds beyond that', () => {
    expect(laneOf(sumOfFigures(before, figures({ offered: 35, replayed: 35, spooled: 35 })))).toMatchObject({ offered: 106, replayed: 6, dropped: { worker_crashed: 11 } });
  });
});
