import fc from 'fast-check';
import { createSharedQueueMemory, capacityWithin, FRAME_HEADER_BYTES, type SharedQueueMemory } from '../../src/queue/shared-queue';
import { SharedQueueConsumer } from '../../src/queue/shared-queue-consumer';
import { SharedQueueProducer, type SharedQueueProducerOptions } from '../../src/queue/shared-queue-producer';
import type { RingWriter } from '../../src/queue/shared-queue-ring';
import type { ResolvedOverflowPolicy } from '../../src/queue/overflow-policy';
import type { LossReason } from '../../src/stats';
import { asLogRecord, PatternWriter, patternWord } from './pattern-writer';

const KIB = 1024;
const CAPACITY = 32 * KIB;
const MAX_CONTENT = CAPACITY / 2 - FRAME_HEADER_BYTES;

interface Ends {
  memory: SharedQueueMemory;
  producer: SharedQueueProducer;
  consumer: SharedQueueConsumer;
  writer: PatternWriter;
}

function makeEnds(options: Partial<SharedQueueProducerOptions> = {}, capacity = CAPACITY, startPosition = 0, maxPieceBytes?: number): Ends {
  const memory = createSharedQueueMemory(capacity, startPosition);
  const writer = new PatternWriter(memory);
  const producer = new SharedQueueProducer(memory, { writer, policy: { policy: 'drop' }, ...options });
  return { memory, writer, producer, consumer: new SharedQueueConsumer(memory, maxPieceBytes) };
}

/** The sequence numbers of the copied frames, each of which is whole. */
function readPiece(consumer: SharedQueueConsumer): number[] {
  const seqs: number[] = [];
  while (consumer.nextFrame()) {
    const words = new Int32Array(consumer.bytes.buffer, consumer.frameOffset, consumer.frameLength / 4);
    const seq = words[0] as number;
    for (let index = 0; index < words.length; index++) {
      if (words[index] !== patternWord(seq, index)) {
        throw new Error(`word ${index} of record ${seq} is wrong`);
      }
    }
    seqs.push(seq);
  }
  return seqs;
}

function takeAll(consumer: SharedQueueConsumer): number[] {
  const seqs: number[] = [];
  while (consumer.peek() > 0) {
    expect(consumer.commit()).toBe(true);
    seqs.push(...readPiece(consumer));
  }
  return seqs;
}

/** Offers records of that size until one is refused; says how many got in. */
function fill(producer: SharedQueueProducer, bytes: number, severityNumber = 9): number {
  for (let seq = 0; ; seq++) {
    if (producer.offer(asLogRecord({ seq, bytes }), severityNumber) !== undefined) {
      return seq;
    }
  }
}

interface ModelFrame {
  seq: number;
  bytes: number;
  /** With what was skipped in front of it. */
  taken: number;
}

/** The ring as a list of frames. Says what each offer must answer. */
class Model {
  frames: ModelFrame[] = [];
  evicted = 0;
  accepted = 0;
  isStalled = false;
  #offset = 0;

  constructor(
    readonly capacity: number,
    readonly policy: ResolvedOverflowPolicy,
    readonly maxRecords: number,
    readonly chance: number,
  ) {}

  get used(): number {
    return this.frames.reduce((sum, { taken }) => sum + taken, 0);
  }

  offer(seq: number, bytes: number, severityNumber: number | undefined): LossReason | undefined {
    const { policy, capacity } = this;
    const total = bytes + FRAME_HEADER_BYTES;
    let maxBytes = capacity;
    let maxRecords = this.maxRecords;
    if (policy.policy === 'sample' && this.chance >= policy.ratio) {
      if (this.used >= Math.floor((capacity * policy.threshold) / 8) * 8 || this.frames.length >= maxRecords * policy.threshold) {
        return 'sampled';
      }
    }
    if (policy.policy === 'priority' && !((severityNumber ?? 0) >= policy.minSeverity)) {
      maxBytes = Math.floor((capacity * (1 - policy.reserve)) / 8) * 8;
      maxRecords *= 1 - policy.reserve;
    }
    const makesRoom = policy.policy === 'drop-oldest' || (policy.policy === 'block' && !this.isStalled);
    if (total > capacity / 2) {
      const isMeasured = makesRoom || (maxBytes - this.used > capacity / 8 && this.frames.length + 1 <= maxRecords);
      return isMeasured ? 'too_large' : 'queue_full';
    }
    while (policy.policy === 'drop-oldest' && !this.#fits(total, maxBytes, maxRecords)) {
      this.frames.shift();
      this.evicted++;
    }
    if (!this.#fits(total, maxBytes, maxRecords)) {
      this.isStalled = true;
      return 'queue_full';
    }
    const needed = this.#needed(total);
    this.#offset = needed === total ? this.#offset + total : total;
    this.frames.push({ seq, bytes, taken: needed });
    this.accepted++;
    return undefined;
  }

  #needed(total: number): number {
    if (this.frames.length === 0) {
      this.#offset = 0;
    }
    // Exactly at the end nothing is skipped.
    this.#offset %= this.capacity;
    const toEnd = this.capacity - this.#offset;
    return total <= toEnd ? total : toEnd + total;
  }

  #fits(total: number, maxBytes: number, maxRecords: number): boolean {
    return this.#needed(total) <= maxBytes - this.used && this.frames.length + 1 <= maxRecords;
  }
}

const content = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: 1, max: 40 }) },
  { weight: 5, arbitrary: fc.integer({ min: 1, max: MAX_CONTENT / 8 + 100 }) },
  { weight: 1, arbitrary: fc.constantFrom(MAX_CONTENT / 8, MAX_CONTENT / 8 + 1, CAPACITY / 8) },
);

const steps = fc.array(
  fc.oneof(
    { weight: 12, arbitrary: fc.record({ kind: fc.constant('offer' as const), bytes: content.map((words) => words * 8), severityNumber: fc.constantFrom(undefined, 9, 17) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('peek' as const), maxRecords: fc.constantFrom(1, 3, Infinity) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('commit' as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
  ),
  { minLength: 20, maxLength: 120 },
);

const setups = fc.record({
  capacity: fc.constantFrom(CAPACITY, 2 * CAPACITY),
  startPosition: fc.oneof(
    fc.constant(0),
    fc.integer({ min: 1, max: 20_000 }).map((words) => 2 ** 32 - 8 * words),
    fc.integer({ min: -10_000, max: 10_000 }).map((words) => 2 ** 31 + 8 * words),
  ),
  maxRecords: fc.option(fc.integer({ min: 1, max: 12 }), { nil: undefined }),
  maxPieceBytes: fc.constantFrom(8, 1024, 1024 * 1024),
  chance: fc.constantFrom(0.05, 0.5),
});

const policies: ResolvedOverflowPolicy[] = [
  { policy: 'drop' },
  { policy: 'drop-oldest' },
  { policy: 'sample', ratio: 0.1, threshold: 0.5 },
  { policy: 'priority', minSeverity: 13, reserve: 0.3 },
  { policy: 'block', timeoutMillis: 0 },
];

describe('the shared queue on one thread', () => {
  it.each(policies)('behaves as a list of frames, whatever the consumer does in between, with $policy', (policy) => {
    let evicted = 0;
    let lostRaces = 0;
    fc.assert(
      fc.property(steps, setups, (sequence, { capacity, startPosition, maxRecords, maxPieceBytes, chance }) => {
        const { memory, producer, consumer: first } = makeEnds({ policy, maxRecords, random: () => chance }, capacity, startPosition, maxPieceBytes);
        let consumer = first;
        const model = new Model(capacity, policy, maxRecords ?? Infinity, chance);
        let piece: { frames: ModelFrame[]; evicted: number } | undefined;
        let taken = 0;
        let seq = 0;
        for (const step of sequence) {
          switch (step.kind) {
            case 'offer': {
              const expected = model.offer(++seq, step.bytes, step.severityNumber);
              expect(producer.offer(asLogRecord({ seq, bytes: step.bytes }), step.severityNumber)).toBe(expected);
              break;
            }
            case 'peek': {
              const records = consumer.peek(step.maxRecords);
              expect(records > 0).toBe(model.frames.length > 0);
              expect(records).toBeLessThanOrEqual(Math.min(step.maxRecords, model.frames.length));
              piece = { frames: model.frames.slice(0, records), evicted: model.evicted };
              break;
            }
            case 'commit': {
              const isIntact = piece !== undefined && piece.frames.length > 0 && piece.evicted === model.evicted;
              expect(consumer.commit()).toBe(isIntact);
              if (piece !== undefined && isIntact) {
                expect(readPiece(consumer)).toEqual(piece.frames.map((frame) => frame.seq));
                model.frames.splice(0, piece.frames.length);
                model.isStalled = false;
                taken += piece.frames.length;
              } else if (piece !== undefined && piece.frames.length > 0) {
                lostRaces++;
                expect(consumer.nextFrame()).toBe(false);
              }
              piece = undefined;
              break;
            }
            case 'restart':
              consumer = new SharedQueueConsumer(memory, maxPieceBytes);
              piece = undefined;
              break;
          }
          const state = { used: producer.usedBytes, records: producer.records, accepted: producer.accepted, evicted: producer.evicted, taken: producer.taken };
          expect(state).toEqual({ used: model.used, records: model.frames.length, accepted: model.accepted, evicted: model.evicted, taken });
          expect(state.used <= capacity && state.records <= (maxRecords ?? Infinity) && consumer.waitingBytes === state.used).toBe(true);
        }
        evicted += model.evicted;
        expect(takeAll(consumer)).toEqual(model.frames.map((frame) => frame.seq));
        expect(producer.usedBytes).toBe(0);
      }),
      { numRuns: 100 },
    );
    // The runs reach what they are for.
    expect({ evicted: evicted > 0, lostRaces: lostRaces > 0 }).toEqual({ evicted: policy.policy === 'drop-oldest', lostRaces: policy.policy === 'drop-oldest' });
  });

  it('goes on across the wrap of 32-bit positions and keeps every record', () => {
    const { producer, consumer } = makeEnds({}, CAPACITY, 2 ** 32 - 8 * CAPACITY, 4 * KIB);
    const emitted: number[] = [];
    const received: number[] = [];
    for (let seq = 0; seq < 2000; seq++) {
      while (producer.offer(asLogRecord({ seq, bytes: 8 + 8 * ((seq * 7) % 300) }), 9) !== undefined) {
        expect(consumer.peek() > 0 && consumer.commit()).toBe(true);
        received.push(...readPiece(consumer));
      }
      emitted.push(seq);
    }
    received.push(...takeAll(consumer));
    expect(received).toEqual(emitted);
  });

  it('calls a frame above half the capacity too large, empty or not, and takes one of exactly half', () => {
    for (const policy of policies) {
      const { producer, consumer } = makeEnds({ policy: policy.policy === 'priority' ? { ...policy, reserve: 0 } : policy });
      for (const used of [0, 1, 3]) {
        for (let seq = 0; seq < used; seq++) {
          expect(producer.offer(asLogRecord({ seq, bytes: 1024 }), 9)).toBeUndefined();
        }
        expect(producer.offer(asLogRecord({ seq: 1, bytes: MAX_CONTENT + 8 }), 9)).toBe('too_large');
        expect(producer.records).toBe(used);
        expect(producer.offer(asLogRecord({ seq: 2, bytes: MAX_CONTENT }), 9)).toBeUndefined();
        takeAll(consumer);
      }
    }
  });

  it('evicts nothing for a record that is too large or has no valid form', () => {
    const { producer, consumer } = makeEnds({ policy: { policy: 'drop-oldest' } });
    for (let seq = 0; producer.evicted === 0; seq++) {
      producer.offer(asLogRecord({ seq, bytes: 1000 }), 9);
    }
    const { records } = producer;
    expect(producer.offer(asLogRecord({ seq: 1, bytes: CAPACITY }), 9)).toBe('too_large');
    expect(producer.offer(asLogRecord({ seq: 1, bytes: -1 }), 9)).toBe('invalid');
    expect({ records: producer.records, evicted: producer.evicted }).toEqual({ records, evicted: 1 });
    expect(takeAll(consumer)).toHaveLength(records);
  });

  it('evicts no more than it has to', () => {
    const { producer, consumer } = makeEnds({ policy: { policy: 'drop-oldest' }, maxRecords: 10 });
    for (let seq = 0; seq < 25; seq++) {
      expect(producer.offer(asLogRecord({ seq, bytes: 64 }), 9)).toBeUndefined();
      expect(producer.records).toBe(Math.min(seq + 1, 10));
    }
    expect(producer.evicted).toBe(15);
    expect(takeAll(consumer)).toEqual([15, 16, 17, 18, 19, 20, 21, 22, 23, 24]);
  });

  it('counts a record without a valid form as invalid and stays as it is', () => {
    for (const policy of policies) {
      const { producer } = makeEnds({ policy });
      expect(producer.offer(asLogRecord({ seq: 1, bytes: -1 }), 9)).toBe('invalid');
      expect({ records: producer.records, used: producer.usedBytes }).toEqual({ records: 0, used: 0 });
    }
  });

  it('takes no record that a getter emits while another one is written, and keeps that one whole', () => {
    const { memory, producer, consumer } = makeEnds();
    const inner = new PatternWriter(memory);
    const answers: unknown[] = [];
    const writer: RingWriter = {
      write: (record, offset, limit) => {
        answers.push(takeAll(consumer), nested.offer(asLogRecord({ seq: 77, bytes: 64 }), 9), nested.roomFor(16));
        return inner.write(record, offset, limit);
      },
    };
    const nested = new SharedQueueProducer(memory, { writer, policy: { policy: 'drop' } });
    expect(producer.accepted).toBe(0);
    expect(nested.offer(asLogRecord({ seq: 1, bytes: 64 }), 9)).toBeUndefined();
    expect(nested.offer(asLogRecord({ seq: 2, bytes: 64 }), 9)).toBeUndefined();
    expect(takeAll(consumer)).toEqual([2]);
    expect(answers).toEqual([[], 'invalid', CAPACITY / 16, [1], 'invalid', CAPACITY / 16]);
  });

  it('answers invalid if anything throws, and goes on', () => {
    const { producer, consumer } = makeEnds({ policy: { policy: 'sample', ratio: 0.5, threshold: 0 } });
    const record = { seq: 1, bytes: 64, get spanContext(): never { throw new Error('no'); } };
    expect(producer.offer(asLogRecord(record), 9)).toBe('invalid');
    expect(producer.offer(asLogRecord({ seq: 2, bytes: 64, spanContext: { traceId: '0'.repeat(32) } }), 9)).toBeUndefined();
    expect(takeAll(consumer)).toEqual([2]);
  });

  it('keeps the reserve for the important records', () => {
    const { producer } = makeEnds({ policy: { policy: 'priority', minSeverity: 13, reserve: 0.25 } });
    expect(fill(producer, 1016)).toBe(24);
    expect(producer.offer(asLogRecord({ seq: 1, bytes: 1016 }), undefined)).toBe('queue_full');
    expect(fill(producer, 1016, 13)).toBe(8);
  });

  it('samples whole traces above the threshold, by the position of the consumer as it is now', () => {
    const { producer, consumer } = makeEnds({ policy: { policy: 'sample', ratio: 0.5, threshold: 0.5 }, random: () => 0.4 });
    const low = { traceId: `${'0'.repeat(24)}00000001` };
    const high = { traceId: `${'0'.repeat(24)}ffffffff` };
    const offer = (spanContext: { traceId: string } | undefined): LossReason | undefined =>
      producer.offer(asLogRecord({ seq: 1, bytes: 1016, ...(spanContext && { spanContext }) }), 9);
    for (let count = 0; count < 16; count++) {
      expect(offer(high)).toBeUndefined();
    }
    expect([offer(high), offer(low), offer(undefined)]).toEqual(['sampled', undefined, undefined]);
    takeAll(consumer);
    expect(offer(high)).toBeUndefined();
    while (offer(low) === undefined);
    expect([offer(high), offer(low)]).toEqual(['sampled', 'queue_full']);
  });

  it('never holds more than maxRecords', () => {
    const { producer, consumer } = makeEnds({ maxRecords: 100 });
    expect(fill(producer, 8)).toBe(100);
    expect(consumer.peek(40)).toBe(40);
    expect(producer.offer(asLogRecord({ seq: 1, bytes: 8 }), 9)).toBe('queue_full');
    consumer.commit();
    expect({ records: producer.records, taken: producer.taken, more: fill(producer, 8) }).toEqual({ records: 60, taken: 40, more: 40 });
  });

  it('says exactly how many frames of a size fit', () => {
    for (const taken of [0, 1, 7]) {
      const { producer, consumer } = makeEnds();
      fill(producer, 2040);
      consumer.peek(taken);
      consumer.commit();
      for (const bytes of [8, 504, 3000, 8184]) {
        const { producer: other, consumer: itsConsumer } = makeEnds();
        fill(other, 2040);
        itsConsumer.peek(taken);
        itsConsumer.commit();
        expect(fill(other, bytes)).toBe(producer.roomFor(bytes + FRAME_HEADER_BYTES));
      }
      expect(producer.largestFrameBytes).toBe(2048);
    }
  });

  it('keeps a ring that is emptied now and then in the first part of its memory', () => {
    const { memory, producer, consumer } = makeEnds({}, 1024 * KIB);
    for (let seq = 0; seq < 10_000; seq++) {
      producer.offer(asLogRecord({ seq, bytes: 248 }), 9);
      if (seq % 50 === 49) {
        expect(takeAll(consumer)).toHaveLength(50);
      }
    }
    expect(new Int32Array(memory.data).findLastIndex((word) => word !== 0)).toBeLessThan((50 * 256) / 4);
  });

  it('takes one large frame whole however small its pieces are', () => {
    const { producer, consumer } = makeEnds({}, CAPACITY, 0, 64);
    producer.offer(asLogRecord({ seq: 1, bytes: 24 }), 9);
    producer.offer(asLogRecord({ seq: 2, bytes: MAX_CONTENT }), 9);
    producer.offer(asLogRecord({ seq: 3, bytes: 24 }), 9);
    expect(takeAll(consumer)).toEqual([1, 2, 3]);
    expect(consumer.bytes.length).toBe(64);
  });

  it('copies less after a lost race and more again after a won one', () => {
    const { producer, consumer } = makeEnds({ policy: { policy: 'drop-oldest' } });
    const copied: number[] = [];
    for (let seq = 0; producer.evicted === 0; seq++) {
      producer.offer(asLogRecord({ seq, bytes: 248 }), 9);
    }
    for (let round = 0; round < 10; round++) {
      copied.push(consumer.peek());
      producer.offer(asLogRecord({ seq: round, bytes: 248 }), 9);
      expect(consumer.commit()).toBe(false);
    }
    expect(copied.slice(-2)).toEqual([1, 1]);
    expect(copied).toEqual([...copied].sort((a, b) => b - a));
    consumer.peek();
    consumer.commit();
    expect(consumer.peek()).toBe(2);
  });

  it('throws on memory that no producer wrote instead of turning in circles', () => {
    for (const length of [0, 4, 24 + 2, -16, CAPACITY]) {
      const { memory, producer, consumer } = makeEnds();
      producer.offer(asLogRecord({ seq: 1, bytes: 16 }), 9);
      new Int32Array(memory.data)[0] = length;
      expect(() => consumer.peek()).toThrow('the shared queue is damaged at position 0');
    }
  });

  it.each([0, 1, 24 * KIB, 16 * KIB, 2 ** 31])('refuses the capacity %d', (capacity) => {
    expect(() => createSharedQueueMemory(capacity)).toThrow(RangeError);
  });

  it('finds the largest capacity within a bound', () => {
    expect([1, 32 * KIB, 100_000, 16 * KIB * KIB, 16 * KIB * KIB - 1, 2 ** 40].map(capacityWithin)).toEqual([2 ** 15, 2 ** 15, 2 ** 16, 2 ** 24, 2 ** 23, 2 ** 30]);
  });
});

describe('waking the consumer', () => {
  it.each([{ maxRecords: undefined }, { maxRecords: 32 }])('happens once each time the ring becomes half full ($maxRecords records at most)', ({ maxRecords }) => {
    const { producer, consumer } = makeEnds({ maxRecords });
    const { wakeCount } = consumer;
    const half = maxRecords === undefined ? 16 : maxRecords / 2;
    const offer = (count: number): void => {
      for (let seq = 0; seq < count; seq++) {
        producer.offer(asLogRecord({ seq, bytes: maxRecords === undefined ? 1016 : 8 }), 9);
      }
    };
    offer(half);
    expect(consumer.wakeCount - wakeCount).toBe(0);
    offer(1);
    expect(consumer.wakeCount - wakeCount).toBe(1);
    offer(half);
    expect(consumer.wakeCount - wakeCount).toBe(1);
    takeAll(consumer);
    offer(half + 1);
    expect(consumer.wakeCount - wakeCount).toBe(2);
  });

  it('is not missed by a consumer that looked before it', async () => {
    const { producer, consumer } = makeEnds();
    const { wakeCount } = consumer;
    producer.notify();
    expect(consumer.waitForWake(wakeCount, 60_000)).toBeUndefined();
    const wait = consumer.waitForWake(consumer.wakeCount, 60_000);
    producer.notify();
    expect(await wait).toBe('ok');
  });

  it('happens by time too', async () => {
    const { consumer } = makeEnds();
    expect(await consumer.waitForWake(consumer.wakeCount, 1)).toBe('timed-out');
    expect(consumer.waitForWake(consumer.wakeCount, 0)).toBeUndefined();
  });
});

describe('waiting for the consumer', () => {
  it('ends when it takes something', async () => {
    const { producer, consumer } = makeEnds();
    fill(producer, 1016);
    expect(producer.roomFor(1024)).toBe(0);
    let isOver = false;
    const wait = producer.waitForTake(60_000)?.then(() => (isOver = true));
    consumer.peek(1);
    await new Promise(setImmediate);
    expect(isOver).toBe(false);
    consumer.commit();
    await wait;
    expect(producer.roomFor(1024)).toBe(1);
  });

  it('is over before it begins if something was taken since the last look', () => {
    const { producer, consumer } = makeEnds();
    fill(producer, 1016);
    consumer.peek(1);
    consumer.commit();
    expect(producer.waitForTake(60_000)).toBeUndefined();
  });

  it('ends by time', async () => {
    const { producer } = makeEnds();
    await expect(producer.waitForTake(1)).resolves.toBeUndefined();
  });
});

describe('block without a consumer', () => {
  afterEach(() => jest.restoreAllMocks());

  it('waits once and not again before the head has moved', () => {
    const wait = jest.spyOn(Atomics, 'wait');
    const { producer, consumer } = makeEnds({ policy: { policy: 'block', timeoutMillis: 20 } });
    const { wakeCount } = consumer;
    expect(fill(producer, 1016)).toBe(32);
    expect(wait).toHaveBeenCalledTimes(1);
    for (let seq = 0; seq < 1000; seq++) {
      expect(producer.offer(asLogRecord({ seq, bytes: 1016 }), 9)).toBe('queue_full');
    }
    expect(wait).toHaveBeenCalledTimes(1);
    // Once at half a ring, once before it waited.
    expect(consumer.wakeCount - wakeCount).toBe(2);
    consumer.peek(2);
    consumer.commit();
    expect(fill(producer, 1016)).toBe(2);
    expect(wait).toHaveBeenCalledTimes(2);
    expect(producer.records).toBe(32);
  });

  it('does not wait for a record that is too large', () => {
    const wait = jest.spyOn(Atomics, 'wait');
    const { producer } = makeEnds({ policy: { policy: 'block', timeoutMillis: 60_000 } });
    for (let seq = 0; seq < 32; seq++) {
      producer.offer(asLogRecord({ seq, bytes: 1016 }), 9);
    }
    expect(producer.offer(asLogRecord({ seq: 1, bytes: CAPACITY }), 9)).toBe('too_large');
    expect(wait).not.toHaveBeenCalled();
  });

  it('loses the record where a thread must not wait', () => {
    const wait = jest.spyOn(Atomics, 'wait').mockImplementation(() => {
      throw new TypeError('Atomics.wait cannot be called in this context');
    });
    const { producer } = makeEnds({ policy: { policy: 'block', timeoutMillis: 60_000 } });
    expect(fill(producer, 1016)).toBe(32);
    expect(fill(producer, 1016)).toBe(0);
    expect(wait).toHaveBeenCalledTimes(1);
  });

  it('ends although the clock stands still', () => {
    jest.spyOn(performance, 'now').mockReturnValue(1);
    const { producer } = makeEnds({ policy: { policy: 'block', timeoutMillis: 5 } });
    expect(fill(producer, 1016)).toBe(32);
  });
});
