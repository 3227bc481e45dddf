import { Producers } from '../../../scripts/load/producers';

describe('Producers', () => {
  it('emit every due record of every task once, in order, and not before it is due', async () => {
    const sequences: number[] = [];
    const times: number[] = [];
    const producers = new Producers((sequence) => {
      sequences.push(sequence);
      times.push(performance.now());
    }, undefined);
    const start = performance.now();
    await producers.paced({ concurrency: 4, rate: 100, recordsPerTask: 25 }, false);
    expect(producers.attempted).toBe(100);
    expect(sequences).toEqual(Array.from({ length: 100 }, (_, index) => index));
    expect(times.every((time, index) => time >= start + index * 2.5)).toBe(true);
    expect(producers.calls.count).toBe(100);
    expect(producers.fromDue.count).toBe(100);
  });

  it('count lateness from the due time, not from the call', async () => {
    let isFirst = true;
    const producers = new Producers(() => {
      const end = performance.now() + (isFirst ? 50 : 0);
      isFirst = false;
      while (performance.now() < end);
    }, undefined);
    await producers.paced({ concurrency: 1, rate: 1000, recordsPerTask: 40 }, false);
    // The stall delays all that were due meanwhile, but is the call time of one record only.
    expect(producers.calls.percentile(0.5)).toBeLessThan(producers.fromDue.percentile(0.5));
    expect(producers.fromDue.percentile(0.5)).toBeGreaterThan(10_000);
  });

  it('let the event loop turn while they are behind', async () => {
    let turns = 0;
    const count = (): void => {
      turns += 1;
      immediate = setImmediate(count);
    };
    let immediate = setImmediate(count);
    const producers = new Producers(() => undefined, undefined);
    // All records but the first are due in the past at the first look.
    await producers.paced({ concurrency: 1, rate: 1e9, recordsPerTask: 10_000 }, false);
    clearImmediate(immediate);
    expect(producers.attempted).toBe(10_000);
    expect(turns).toBeGreaterThanOrEqual(9);
  });

  it('emit a burst in one synchronous loop', async () => {
    let turns = 0;
    const immediate = setImmediate(() => (turns += 1));
    let turnsAtLast = -1;
    const producers = new Producers((sequence) => {
      turnsAtLast = sequence === 49_999 ? turns : turnsAtLast;
    }, undefined);
    await producers.burst(50_000);
    clearImmediate(immediate);
    expect(producers.attempted).toBe(50_000);
    expect(turnsAtLast).toBe(0);
  });

  it.each(['burst', 'tasks'])('wait for room before each emit, and count the wait: %s', async (kind) => {
    let room = 5;
    let most = 0;
    let inside = 0;
    const waiting: (() => void)[] = [];
    const timer = setInterval(() => {
      inside = 0;
      room = 5;
      while (room > 0 && waiting.length > 0) {
        room -= 1;
        waiting.shift()?.();
      }
    }, 5);
    const ready = (): Promise<void> => {
      if (room > 0) {
        room -= 1;
        return Promise.resolve();
      }
      return new Promise((resolve) => waiting.push(resolve));
    };
    const producers = new Producers(() => {
      inside += 1;
      most = Math.max(most, inside);
    }, ready);
    await (kind === 'burst' ? producers.burst(60) : producers.paced({ concurrency: 3, rate: 10_000, recordsPerTask: 20 }, true));
    clearInterval(timer);
    expect(producers.attempted).toBe(60);
    expect(most).toBeLessThanOrEqual(5);
    expect(producers.calls.summary().max).toBeGreaterThan(1000);
  });
});
