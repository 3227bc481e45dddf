import type { LaneFigures } from '../../src/lane/lane-figures';
import { createSharedStats, SharedStats } from '../../src/thread/shared-stats';

const lane = (delivered: number): LaneFigures => ({ offered: delivered, delivered, queued: 0, inFlight: 0, spooled: 4, replayed: 5, journaled: 6, inFlightOnDisk: 7, exporting: 8, handedOver: 9, retries: 1, state: 'backing-off', dropped: { queue_full: 2, worker_crashed: 3 }, lostAfterHandover: { rejected: 1, worker_crashed: 2 } });

/** What dies in the middle of `write`. */
const killing = (): LaneFigures => ({
  ...lane(99),
  get inFlight(): number {
    throw new Error('killed');
  },
});

describe('SharedStats', () => {
  it('shows the other side what was written last', () => {
    const memory = createSharedStats(2);
    const writer = new SharedStats(memory);
    const reader = new SharedStats(memory);
    expect(reader.read()).toMatchObject({ offered: 0, unreadable: 0, lanes: [{ delivered: 0, state: 'ready', dropped: {} }, { delivered: 0 }] });
    for (const delivered of [1, 2, 3]) {
      writer.write(10 * delivered, delivered, [lane(delivered), lane(7)]);
      expect(reader.read()).toEqual({ isPublished: true, offered: 10 * delivered, unreadable: delivered, lanes: [lane(delivered), lane(7)] });
    }
  });

  it.each(['ready', 'exporting', 'backing-off', 'open', 'half-open', 'stuck', 'failed', 'shutdown'] as const)('shows the state %s', (state) => {
    const memory = createSharedStats(1);
    new SharedStats(memory).write(1, 0, [{ ...lane(1), state }]);
    expect(new SharedStats(memory).read().lanes[0]?.state).toBe(state);
  });

  it('keeps the last whole picture when a thread dies while it writes, whenever it was read last', () => {
    const memory = createSharedStats(1);
    const writer = new SharedStats(memory);
    const reader = new SharedStats(memory);
    writer.write(1, 0, [lane(1)]);
    reader.read();
    writer.write(2, 0, [lane(2)]);
    expect(() => writer.write(3, 0, [killing()])).toThrow('killed');
    expect(reader.read()).toEqual({ isPublished: true, offered: 2, unreadable: 0, lanes: [lane(2)] });
  });

  it('waits for the end of a command, and not longer than nothing moves', () => {
    const stats = new SharedStats(createSharedStats(1));
    stats.finish(5);
    stats.waitForFinish(5, 60_000, performance.now() + 60_000);
    // Nobody will ever finish this one.
    stats.waitForFinish(6, 5, performance.now() + 60_000);
    stats.waitForFinish(6, 60_000, performance.now() + 5);
  });
});
