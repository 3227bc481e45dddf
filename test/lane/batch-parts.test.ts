import { BatchParts, MAX_PARTS, REFUSALS_PER_LEVEL } from '../../src/lane/batch-parts';
import type { LogRecord } from '../../src/record';
import { makeRecord, range, seqOf } from '../support/records';

/** Delivers what holds no bad record, refuses the rest. */
function run(count: number, isBad: (seq: number) => boolean) {
  const records = range(0, count).map((seq) => makeRecord(seq));
  const batch = new BatchParts({ records, firstPosition: 100, heldBytes: 0 });
  const delivered: number[] = [];
  const lost: number[] = [];
  let exports = 0;
  const settle = (settled: readonly LogRecord[], where: number[]): void => {
    where.push(...settled.map(seqOf));
    batch.settle(settled.length);
    expect(batch).toMatchObject({ position: 100 + delivered.length + lost.length, unsettled: count - delivered.length - lost.length });
  };
  for (let part = batch.next(); part !== undefined; part = batch.next()) {
    exports++;
    if (part.some((record) => isBad(seqOf(record)))) {
      settle(batch.refuse(part), lost);
    } else {
      settle(part, delivered);
      batch.noteDelivery();
    }
  }
  return { delivered, lost, exports };
}

describe('BatchParts', () => {
  it.each([1, 2, 3, 7, 64, 1000])('finds the bad records of %i, wherever they are, and delivers the others in order', (count) => {
    for (const bad of [[0], [count - 1], [count >> 1], [0, count >> 1, count - 1], []]) {
      const result = run(count, (seq) => bad.includes(seq));
      expect(result.lost).toEqual([...new Set(bad)].sort((a, b) => a - b));
      expect(result.delivered).toEqual(range(0, count).filter((seq) => !bad.includes(seq)));
      expect(result.exports).toBeLessThanOrEqual(1 + bad.length * 2 * Math.ceil(Math.log2(count)));
    }
  });

  it('gives a batch up in which everything is bad, after a number of exports that grows like the logarithm', () => {
    const { delivered, lost, exports } = run(8192, () => true);
    expect({ delivered: delivered.length, lost: lost.length, exports }).toEqual({ delivered: 0, lost: 8192, exports: REFUSALS_PER_LEVEL * 13 });
    expect(lost).toEqual(range(0, 8192));
    expect(run(2, () => true)).toMatchObject({ exports: 3, lost: [0, 1] });
  });

  it('finds a hundred bad records in a row, and one of every hundred', () => {
    expect(run(8192, (seq) => seq >= 4000 && seq < 4100).lost).toHaveLength(100);
    expect(run(8192, (seq) => seq % 100 === 7).lost).toHaveLength(82);
  });

  it('exports no more than so many parts, whatever the pattern', () => {
    const { delivered, lost, exports } = run(8192, (seq) => seq % 2 === 0);
    expect(exports).toBeLessThanOrEqual(MAX_PARTS + 1);
    expect(delivered.length + lost.length).toBe(8192);
    expect(delivered.length).toBeGreaterThan(400);
  });
});
