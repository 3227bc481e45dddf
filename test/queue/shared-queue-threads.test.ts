import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { compileSources } from '../support/compile-sources';
import type { Outcome, Scenario } from './fixtures/scenario';

// The producer is the main thread of a process of its own: under Jest each of its operations would cost many times as much, and no race would be close.

const KIB = 1024;
const NEARLY_WRAPPED = 2 ** 32 - 64 * KIB;
let folder: string;

beforeAll(() => {
  folder = compileSources([
    'src/check',
    'src/queue/overflow-policy',
    'src/queue/shared-queue',
    'src/queue/shared-queue-ring',
    'src/queue/shared-queue-producer',
    'src/queue/shared-queue-consumer',
    'test/queue/pattern-writer',
    'test/queue/fixtures/scenario',
    'test/queue/fixtures/consume',
    'test/queue/fixtures/produce',
  ]);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function run(scenario: Scenario): Promise<Outcome> {
  const { stdout } = await promisify(execFile)(process.execPath, [join(folder, 'test/queue/fixtures/produce.js'), JSON.stringify(scenario)], { timeout: 60_000 });
  return JSON.parse(stdout) as Outcome;
}

const scenario: Scenario = {
  seed: Math.floor(Math.random() * 2 ** 31),
  policy: { policy: 'block', timeoutMillis: 30_000 },
  capacity: 64 * KIB,
  startPosition: NEARLY_WRAPPED,
  records: 250_000,
  maxContent: 30,
  maxPieceBytes: 16 * KIB,
  consumerPauses: 500,
  producerPauses: 10,
};

/** Every record whole, in order and once. */
const lossless = (records: number): Partial<Outcome> => ({
  accepted: records,
  refused: 0,
  evicted: 0,
  taken: records,
  left: 0,
  received: records,
  nextSeq: records,
  torn: 0,
  outOfOrder: 0,
});

describe('the shared queue between two threads', () => {
  // A million records in all.
  it.each([
    { capacity: 32 * KIB, maxPieceBytes: 4 * KIB },
    { capacity: 64 * KIB, maxPieceBytes: 256 * KIB, maxContent: 60 },
    { capacity: 1024 * KIB, maxPieceBytes: 64 * KIB, maxRecords: 2048 },
    { capacity: 256 * KIB, maxPieceBytes: 1 * KIB, policy: { policy: 'drop' as const }, offersAgain: true },
  ])('carries each record whole, in order and once ($capacity bytes, pieces of $maxPieceBytes)', async (variant) => {
    const given = { ...scenario, ...variant };
    const outcome = await run(given);
    expect({ given, outcome }).toMatchObject({ given, outcome: lossless(given.records) });
    expect(outcome.mostBytes).toBeLessThanOrEqual(given.capacity);
    expect(outcome.mostRecords).toBeLessThanOrEqual(given.maxRecords ?? Infinity);
    expect(outcome.consumers).toBe(1);
  });

  it.each([
    { capacity: 32 * KIB, maxPieceBytes: 16 * KIB },
    { capacity: 64 * KIB, maxPieceBytes: 1 * KIB },
    { capacity: 1024 * KIB, maxPieceBytes: 256 * KIB },
    { capacity: 256 * KIB, maxPieceBytes: 64 * KIB, maxRecords: 500 },
  ])('tears nothing and counts exactly under constant overflow with drop-oldest ($capacity bytes, pieces of $maxPieceBytes)', async (variant) => {
    const given: Scenario = { ...scenario, consumerPauses: 10, producerPauses: 1000, ...variant, policy: { policy: 'drop-oldest' } };
    const outcome = await run(given);
    expect({ given, outcome }).toMatchObject({ given, outcome: { accepted: given.records, refused: 0, left: 0, nextSeq: given.records, torn: 0, outOfOrder: 0 } });
    expect(outcome.received + outcome.evicted).toBe(outcome.accepted);
    expect(outcome.taken).toBe(outcome.received);
    expect(outcome.evicted).toBeGreaterThan(0);
    expect(outcome.received).toBeGreaterThan(0);
  });

  it('waits for a slow consumer and loses nothing with block', async () => {
    const given = { ...scenario, capacity: 32 * KIB, records: 20_000, maxPieceBytes: 8 * KIB, consumerPauses: 1 };
    const outcome = await run(given);
    expect({ given, outcome }).toMatchObject({ given, outcome: lossless(given.records) });
    expect(outcome.mostBytes).toBeGreaterThan(given.capacity / 2);
  });

  it('goes on where a consumer died, without a record lost or twice', async () => {
    const given: Scenario = { ...scenario, policy: { policy: 'drop' }, records: 30_000, capacity: 256 * KIB, piecesPerConsumer: 100, offersAgain: true };
    const outcome = await run(given);
    expect({ given, outcome }).toMatchObject({ given, outcome: lossless(given.records) });
    expect(outcome.consumers).toBeGreaterThan(2);
  });
});
