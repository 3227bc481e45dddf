import { diag } from '@opentelemetry/api';
import { admissionFor, resolveOverflowPolicy, type OverflowPolicyName, type OverflowPolicyOptions } from '../../src/queue/overflow-policy';
import { RecordQueue } from '../../src/queue/record-queue';
import type { LossReason } from '../../src/stats';
import { makeRecord, range, seqOf } from '../support/records';

interface Offered {
  severityNumber?: number | undefined;
  bytes?: number;
  traceId?: string;
}

/** Offers records to a queue that nobody drains and says which stayed, which were lost, and why. */
function overflow(policy: OverflowPolicyName | OverflowPolicyOptions, offered: Offered[], bounds = { maxRecords: 10, maxBytes: undefined as number | undefined }, random = Math.random) {
  const queue = new RecordQueue(bounds);
  const admit = admissionFor(resolveOverflowPolicy('onQueueFull', policy), random);
  const refused: Partial<Record<LossReason, number[]>> = {};
  let evicted = 0;
  offered.forEach(({ severityNumber = 9, bytes = 0, traceId }, seq) => {
    const record = makeRecord(seq, traceId === undefined ? {} : { spanContext: { traceId, spanId: '0102030405060708', traceFlags: 1 } });
    const reason = admit(queue, record, severityNumber, bytes, () => evicted++);
    if (reason !== undefined) {
      (refused[reason] ??= []).push(seq);
    }
    expect(queue.size).toBeLessThanOrEqual(bounds.maxRecords);
    expect(queue.bytes).toBeLessThanOrEqual(bounds.maxBytes ?? Infinity);
  });
  const size = queue.length;
  const kept = size === 0 ? [] : queue.take(Infinity, Infinity, () => 0).records.map(seqOf);
  return { kept, refused, evicted };
}

const many = (count: number, each: Offered = {}): Offered[] => range(0, count).map(() => each);

describe('overflow policies', () => {
  it.each(['drop', 'drop-newest', 'block'] as const)('%s loses the newest records', (policy) => {
    expect(overflow(policy, many(15))).toEqual({ kept: range(0, 10), refused: { queue_full: range(10, 15) }, evicted: 0 });
  });

  it('drop-oldest loses the oldest records', () => {
    expect(overflow('drop-oldest', many(15))).toEqual({ kept: range(5, 15), refused: {}, evicted: 5 });
  });

  it('drop-oldest by bytes makes room for a large record and no more', () => {
    const offered = [...many(4, { bytes: 25 }), { bytes: 60 }];
    expect(overflow('drop-oldest', offered, { maxRecords: 10, maxBytes: 100 })).toEqual({ kept: [3, 4], refused: {}, evicted: 3 });
  });

  it.each(['drop', 'drop-oldest', 'sample', 'priority', 'block'] as const)('%s refuses a record that no empty queue could hold, and keeps the others', (policy) => {
    const offered = [...many(2, { bytes: 10 }), { bytes: 101 }, { bytes: 10 }];
    expect(overflow(policy, offered, { maxRecords: 10, maxBytes: 100 })).toEqual({ kept: [0, 1, 3], refused: { too_large: [2] }, evicted: 0 });
  });

  it('drop-oldest loses the new record while all of the room is in flight', () => {
    const queue = new RecordQueue({ maxRecords: 2 });
    const admit = admissionFor({ policy: 'drop-oldest' });
    const onEvict = jest.fn();
    expect(admit(queue, makeRecord(0), 9, 0, onEvict)).toBeUndefined();
    expect(admit(queue, makeRecord(1), 9, 0, onEvict)).toBeUndefined();
    queue.take(2, Infinity, () => 0);
    expect(admit(queue, makeRecord(2), 9, 0, onEvict)).toBe('queue_full');
    expect(onEvict).not.toHaveBeenCalled();
  });

  it('sample lets everything in below the threshold and the ratio above it', () => {
    const draws = [0.05, 0.5, 0.09, 0.1, 0.99];
    const result = overflow({ policy: 'sample', ratio: 0.1, threshold: 0.5 }, many(10), undefined, () => draws.shift() ?? NaN);
    expect(result).toEqual({ kept: [0, 1, 2, 3, 4, 5, 7], refused: { sampled: [6, 8, 9] }, evicted: 0 });
    expect(draws).toHaveLength(0);
  });

  it('sample loses the oldest record for one that was sampled in at capacity', () => {
    expect(overflow({ policy: 'sample', ratio: 1 }, many(12))).toEqual({ kept: range(2, 12), refused: {}, evicted: 2 });
  });

  it('sample keeps and loses whole traces', () => {
    const inTrace = '0123456789abcdef0123456700000001';
    const outTrace = '0123456789abcdef01234567f0000001';
    const offered = [...many(5), ...range(0, 6).map((index) => ({ traceId: index % 2 === 0 ? inTrace : outTrace }))];
    const never = (): number => {
      throw new Error('a record with a trace id must not be sampled by chance');
    };
    expect(overflow({ policy: 'sample', ratio: 0.5, threshold: 0.5 }, offered, undefined, never).refused).toEqual({ sampled: [6, 8, 10] });
  });

  it('priority keeps the reserve for severe records, and the order', () => {
    const offered = [...many(9, { severityNumber: 9 }), { severityNumber: 13 }, { severityNumber: 12 }, { severityNumber: 24 }, { severityNumber: 17 }];
    expect(overflow('priority', offered)).toEqual({ kept: [...range(0, 8), 9, 11], refused: { queue_full: [8, 10, 12] }, evicted: 0 });
  });

  it('priority gives the reserve to no record without severity', () => {
    const queue = new RecordQueue({ maxRecords: 2 });
    const admit = admissionFor({ policy: 'priority', minSeverity: 1, reserve: 0.5 });
    const noEviction = (): never => {
      throw new Error('priority never evicts');
    };
    expect(admit(queue, makeRecord(0), undefined, 0, noEviction)).toBeUndefined();
    expect(admit(queue, makeRecord(1), undefined, 0, noEviction)).toBe('queue_full');
    expect(admit(queue, makeRecord(2), 1, 0, noEviction)).toBeUndefined();
  });

  it('priority keeps its reserve of bytes too', () => {
    const offered = [{ bytes: 60, severityNumber: 9 }, { bytes: 30, severityNumber: 9 }, { bytes: 30, severityNumber: 17 }];
    expect(overflow('priority', offered, { maxRecords: 10, maxBytes: 100 })).toEqual({ kept: [0, 2], refused: { queue_full: [1] }, evicted: 0 });
  });

  it.each([
    ['discard', RangeError, "onQueueFull must be one of 'drop', 'drop-newest', 'drop-oldest', 'sample', 'priority', 'block', received \"discard\""],
    [7, TypeError, 'onQueueFull must be an object, received 7'],
    [{ policy: 'sample', ratio: 1.5 }, RangeError, 'onQueueFull.ratio must be a number from 0 to 1, received 1.5'],
    [{ policy: 'sample', threshold: '1' }, TypeError, 'onQueueFull.threshold must be a number from 0 to 1, received "1"'],
    [{ policy: 'priority', minSeverity: 25 }, RangeError, 'onQueueFull.minSeverity must be an integer from 1 to 24, received 25'],
    [{ policy: 'priority', reserve: NaN }, RangeError, 'onQueueFull.reserve must be a number from 0 to 1, received NaN'],
    [{ policy: 'block', timeoutMillis: -1 }, RangeError, 'onQueueFull.timeoutMillis must be an integer of at least 0, received -1'],
    [{}, TypeError, 'onQueueFull.policy must be one of'],
  ])('refuses %j and says why', (value, type, message) => {
    const resolve = (): unknown => resolveOverflowPolicy('onQueueFull', value as OverflowPolicyName);
    expect(resolve).toThrow(type);
    expect(resolve).toThrow(message);
  });

  it('warns of an option that the policy does not have', () => {
    const warn = jest.spyOn(diag, 'warn').mockImplementation(() => undefined);
    resolveOverflowPolicy('onQueueFull', { policy: 'drop', ratio: 0.5 } as OverflowPolicyOptions);
    expect(warn).toHaveBeenCalledWith(expect.stringContaining("'ratio'"));
    warn.mockRestore();
  });

  it('takes the time-out of block from blockOnQueueFullTimeoutMillis unless it has its own', () => {
    expect(resolveOverflowPolicy('onQueueFull', 'block', 250)).toEqual({ policy: 'block', timeoutMillis: 250 });
    expect(resolveOverflowPolicy('onQueueFull', { policy: 'block', timeoutMillis: 5 }, 250)).toEqual({ policy: 'block', timeoutMillis: 5 });
  });
});
