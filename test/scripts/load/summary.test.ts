import { parseArguments } from '../../../scripts/load/arguments';
import { median, medianRun } from '../../../scripts/load/median-run';
import { runResult, type LoadResult, type RunResult } from '../../../scripts/load/run-result';
import { summary } from '../../../scripts/load/summary';
import type { RunReport, SubjectName } from '../../../scripts/load/run-process';
import type { Tally } from '../../../scripts/load/subject';

const latency = (mean: number) => ({ mean, p50: mean, p90: 2 * mean, p99: 3 * mean, p999: 4 * mean, max: 5 * mean });

const report = (tally: Partial<Tally>, cpu = 10, emit = 42.4): RunReport => ({
  ...{ worker: 'event-loop', attempted: 50_000, startMillis: 1000, endMillis: 4000 },
  tally: { emitted: 50_000, refused: 0, delivered: 50_000, lost: 0, droppedByReason: {}, isSettled: true, ...tally },
  latencyMicros: latency(700),
  emitMicros: latency(emit),
  eventLoopDelayMillis: { p50: 1.1, p99: 1.5, max: 9 },
  cpuMicrosPerRecord: { mainThread: cpu, process: cpu + 2 },
  peakRssBytes: 80 * 1024 * 1024,
});
const received = (unique: number) => ({ unique, duplicates: 0, outOfOrder: 0, unreadable: 0, lastMillis: 3500 });
const load = parseArguments(['--compare'], {});
const lossy = { refused: 125, delivered: 49_875, lost: 125, droppedByReason: { queue_full: 125 } };
const text = (...runs: RunResult[]): string => summary({ ...load, compare: runs.length > 1 }, { machine: { node: 'v0', cpu: 'test', cores: 2 }, runs } satisfies LoadResult);
const run = (name: SubjectName, cpu: number, emit = 42.4): RunResult => runResult(name, load, report({}, cpu, emit), name === 'noop' ? undefined : received(50_000));

describe('runResult', () => {
  it('takes the queue at its word and the stock processor at the receiver’s', () => {
    expect(runResult('queue', load, report(lossy), received(49_875))).toMatchObject({
      ...{ attempted: 50_000, enqueued: 49_875, dropped: 125, delivered: 49_875, received: 49_875, seconds: 2.5, conserved: true },
    });
    const stock = runResult('stock', load, report({ ...lossy, delivered: 40_000 }), received(39_000));
    expect(stock).toMatchObject({ enqueued: 49_875, dropped: 11_000, delivered: 40_000, received: 39_000, conserved: false });
  });

  it.each([
    ['a record is missing at the receiver', {}, received(49_999)],
    ['the receiver has more than was delivered', lossy, received(49_876)],
    ['the processor holds records or its laws do not hold', { isSettled: false }, received(50_000)],
    ['the processor has counted another number of emits', { emitted: 49_999 }, received(50_000)],
    ['a request was unreadable', {}, { ...received(50_000), unreadable: 1 }],
  ])('is not conserved when %s', (_, tally, counts) => {
    expect(runResult('queue', load, report(tally), counts).conserved).toBe(false);
  });

  it('takes delivered for received where nothing can count', () => {
    expect(runResult('queue', load, report(lossy), undefined)).toMatchObject({ received: 49_875, seconds: 3, conserved: true });
  });
});

describe('median', () => {
  it('is the middle value, or the mean of the two middle values', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([9, 1, 5, 7])).toBe(6);
    expect(median([])).toBeNaN();
  });

  it('of runs: counts are sums, times are medians, and one lost account is enough', () => {
    const merged = medianRun([run('queue', 1, 10), run('queue', 2, 11), { ...run('queue', 30, 50), conserved: false, droppedByReason: { sampled: 2 } }]);
    expect(merged).toMatchObject({ attempted: 150_000, received: 150_000, conserved: false, droppedByReason: { sampled: 2 } });
    expect(merged.emitMicros).toEqual(latency(11));
    expect(merged.cpuMicrosPerRecord).toEqual({ mainThread: 2, process: 4 });
  });
});

describe('summary', () => {
  it('begins with the four lines, and then says what was lost and why', () => {
    expect(text(runResult('queue', load, report(lossy), received(49_875))).split('\n').slice(0, 6)).toEqual([
      'Total logs attempted: 50,000',
      'Successfully enqueued: 49,875',
      'Dropped: 125',
      'Avg enqueue latency: 42 µs',
      '',
      'LOST: 125 of 50,000 records (queue_full 125)',
    ]);
  });

  it('says nothing of losses when there are none, and has no table without a comparison', () => {
    const lines = text(run('queue', 10));
    expect(lines).not.toContain('LOST');
    expect(lines).not.toContain('no-op');
    expect(lines).toContain('Accounts: balanced');
    expect(lines).toContain('Drops by reason: none');
  });

  it('compares CPU above the no-op processor, round by round', () => {
    const lines = text(run('queue', 14), run('stock', 30), run('noop', 10), run('queue', 16), run('stock', 22), run('noop', 14)).split('\n');
    // (14-10)/(30-10) = 0.2 and (16-14)/(22-14) = 0.25
    expect(lines.find((line) => line.includes('above no-op, main thread'))?.trim()).toMatch(/^above no-op, main thread .* 0\.2[23]x$/);
    expect(lines.find((line) => line.startsWith('CPU/record, main thread'))).toMatch(/ 15 µs +26 µs +12 µs/);
    // Counts are sums over the repeats, a rate is not: 50,000 in 2.5 s.
    expect(lines.find((line) => line.startsWith('received per second'))).toMatch(/ 20,000 +20,000 +- +1\.00x$/);
  });

  it('leaves rounds out whose divisor is noise, and counts a queue that costs less than the no-op processor as it is', () => {
    const ratioOf = (...rounds: [queue: number, stock: number, noop: number][]): string | undefined =>
      /(\S+)$/.exec(text(...rounds.flatMap(([queue, stock, noop]) => [run('queue', queue), run('stock', stock), run('noop', noop)])).split('\n').find((line) => line.includes('above no-op, main thread')) ?? '')?.[1];
    // -1/20
    expect(ratioOf([9, 30, 10])).toBe('-0.05x');
    // -1/20, 4/20, 8/20
    expect(ratioOf([9, 30, 10], [14, 30, 10], [18, 30, 10])).toBe('0.20x');
    // Nothing, 4/20, 8/20
    expect(ratioOf([14, 9, 10], [14, 30, 10], [18, 30, 10])).toBe('0.30x');
    expect(ratioOf([14, 10, 10], [14, 9, 10])).toBe('n/a');
  });

  it('has no ratio where Node measures no threads', () => {
    const withoutThreads = (each: RunResult): RunResult => ({ ...each, cpuMicrosPerRecord: { ...each.cpuMicrosPerRecord, mainThread: null } });
    const old = text(withoutThreads(run('queue', 9)), withoutThreads(run('stock', 30)), withoutThreads(run('noop', 10)));
    expect(old).toMatch(/CPU per record: main thread n\/a {2}process 11 µs/);
    expect(old).toMatch(/CPU\/record, main thread +n\/a +n\/a +n\/a/);
  });
});
