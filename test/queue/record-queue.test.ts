import fc from 'fast-check';
import { RecordQueue, type TakenBatch } from '../../src/queue/record-queue';
import { makeRecord, range, seqOf } from '../support/records';

interface Model {
  waiting: { seq: number; bytes: number }[];
  taken: { seqs: number[]; bytes: number; batch: TakenBatch }[];
  next: number;
  removed: number;
}

type Step = { kind: 'push'; bytes: number } | { kind: 'take'; max: number; maxBytes: number } | { kind: 'release' } | { kind: 'evict' } | { kind: 'clear' };

const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('push' as const), bytes: fc.integer({ min: 0, max: 12 }) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('take' as const), max: fc.integer({ min: 1, max: 6 }), maxBytes: fc.integer({ min: 1, max: 30 }) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('release' as const) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('evict' as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('clear' as const) }) },
  ),
  { maxLength: 60 },
);

const sum = (numbers: number[]): number => numbers.reduce((total, each) => total + each, 0);

function apply(queue: RecordQueue, model: Model, step: Step, maxRecords: number, maxBytes: number | undefined): void {
  const used = model.waiting.length + sum(model.taken.map(({ seqs }) => seqs.length));
  const usedBytes = sum(model.waiting.map(({ bytes }) => bytes)) + sum(model.taken.map(({ bytes }) => bytes));
  switch (step.kind) {
    case 'push': {
      const fits = used < maxRecords && (maxBytes === undefined || usedBytes + step.bytes <= maxBytes);
      expect(queue.fits(step.bytes)).toBe(fits);
      if (fits) {
        queue.push(makeRecord(model.next), step.bytes);
        model.waiting.push({ seq: model.next++, bytes: step.bytes });
      }
      break;
    }
    case 'take': {
      if (model.waiting.length === 0) {
        break;
      }
      // Each record weighs 10 in a batch.
      const count = Math.min(step.max, model.waiting.length, Math.max(1, Math.floor(step.maxBytes / 10)));
      const expected = model.waiting.splice(0, count);
      const batch = queue.take(step.max, step.maxBytes, () => 10);
      expect(batch.records.map(seqOf)).toEqual(expected.map(({ seq }) => seq));
      expect(batch.firstPosition).toBe(model.removed);
      model.removed += count;
      model.taken.push({ seqs: expected.map(({ seq }) => seq), bytes: sum(expected.map(({ bytes }) => bytes)), batch });
      break;
    }
    case 'release': {
      const taken = model.taken.shift();
      if (taken !== undefined) {
        queue.release(taken.batch);
      }
      break;
    }
    case 'evict':
      expect(queue.evictOldest()).toBe(model.waiting.length > 0);
      model.removed += model.waiting.splice(0, 1).length;
      break;
    case 'clear':
      expect(queue.clear()).toBe(model.waiting.length);
      model.removed += model.waiting.splice(0).length;
      break;
  }
}

describe('RecordQueue', () => {
  it.each(range(1, 10))('behaves as a list that counts what is taken, at capacity %i', (maxRecords) => {
    fc.assert(
      fc.property(steps, fc.option(fc.integer({ min: 1, max: 40 }), { nil: undefined }), (sequence, maxBytes) => {
        const queue = new RecordQueue({ maxRecords, maxBytes });
        const model: Model = { waiting: [], taken: [], next: 0, removed: 0 };
        for (const step of sequence) {
          apply(queue, model, step, maxRecords, maxBytes);
          const held = sum(model.taken.map(({ seqs }) => seqs.length));
          expect(queue.length).toBe(model.waiting.length);
          expect(queue.size).toBe(model.waiting.length + held);
          expect(queue.size).toBeLessThanOrEqual(maxRecords);
          expect(queue.headPosition).toBe(model.removed);
          expect(queue.endPosition).toBe(model.next);
          if (maxBytes !== undefined) {
            expect(queue.bytes).toBe(sum(model.waiting.map(({ bytes }) => bytes)) + sum(model.taken.map(({ bytes }) => bytes)));
            expect(queue.bytes).toBeLessThanOrEqual(maxBytes);
          }
        }
      }),
      { numRuns: 150 },
    );
  });

  it('keeps order across many segments, filled and drained in waves', () => {
    const queue = new RecordQueue({ maxRecords: 50_000, maxBytes: 50_000 });
    let pushed = 0;
    let taken = 0;
    for (const wave of [1, 2047, 2048, 2049, 4096, 10_000, 3, 30_000]) {
      for (let count = 0; count < wave; count++) {
        queue.push(makeRecord(pushed++), 1);
      }
      while (queue.length > wave / 3) {
        const batch = queue.take(1000, Infinity, () => 1);
        for (const record of batch.records) {
          expect(seqOf(record)).toBe(taken++);
        }
        queue.release(batch);
      }
    }
    const rest = queue.take(Infinity, Infinity, () => 1);
    expect(rest.records.map(seqOf)).toEqual(range(taken, pushed));
    expect(queue.bytes).toBe(rest.heldBytes);
  });

  it('keeps no record alive that it no longer holds', async () => {
    const queue = new RecordQueue({ maxRecords: 10_000 });
    const weak = ((): WeakRef<object>[] => {
      const refs: WeakRef<object>[] = [];
      for (let seq = 0; seq < 5000; seq++) {
        const record = makeRecord(seq);
        refs.push(new WeakRef(record));
        queue.push(record, 0);
      }
      queue.release(queue.take(4000, Infinity, () => 0));
      queue.evictOldest();
      queue.clear();
      return refs;
    })();
    await collectGarbage();
    expect(weak.filter((ref) => ref.deref() !== undefined)).toHaveLength(0);
    expect(queue.length).toBe(0);
  });
});

async function collectGarbage(): Promise<void> {
  const { setFlagsFromString } = await import('node:v8');
  const { runInNewContext } = await import('node:vm');
  setFlagsFromString('--expose-gc');
  // A WeakRef keeps its target until the end of the job that made or read it.
  await new Promise(setImmediate);
  (runInNewContext('gc') as () => void)();
}
