import { fork } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { QueueLogRecordProcessorOptions, QueueStats } from '../../src';
import { endOf } from '../support/child-end';
import { expectSettled, totalOf } from '../support/conservation';
import { range } from '../support/records';
import { SequenceReceiver } from '../support/sequence-receiver';

const RATE = 1000;
const SECONDS = 60;
const DOWN_FROM_SECONDS = 10;
const DOWN_TO_SECONDS = 40;
// From recovery to the first record that was emitted after it.
const MAX_FRESH_MILLIS = 2000;

interface Message {
  emitted: number;
  stats?: QueueStats;
}

const folder = mkdtempSync(join(tmpdir(), 'otel-log-queue-outage-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function run(options: Partial<QueueLogRecordProcessorOptions>): Promise<{ receiver: SequenceReceiver; stats: QueueStats; freshMillis: number; code: number | null }> {
  const receiver = await SequenceReceiver.start();
  const app = { url: receiver.url, rate: RATE, seconds: SECONDS, options };
  const child = fork(join(__dirname, 'fixtures', 'steady-app.cjs'), { env: { ...process.env, APP: JSON.stringify(app) } });
  let last: Message = { emitted: 0 };
  const begun = new Promise((resolve) => child.once('message', resolve));
  child.on('message', (message) => (last = message as Message));
  const ended = endOf(child);
  await begun;
  await sleep(DOWN_FROM_SECONDS * 1000);
  await receiver.down();
  await sleep((DOWN_TO_SECONDS - DOWN_FROM_SECONDS) * 1000);
  await receiver.up();
  const recovered = performance.now();
  const firstFresh = last.emitted;
  const code = await ended;
  await receiver.down();
  const arrivals = [...receiver.arrivedMillis].filter(([seq]) => seq >= firstFresh).map(([, millis]) => millis);
  return { receiver, stats: last.stats as QueueStats, freshMillis: Math.min(...arrivals) - recovered, code };
}

const retry = { initialDelayMillis: 100, maxDelayMillis: 1000 };

describe.each(['event-loop', 'thread'] as const)('an outage of 30 s at 1,000 records/s, %s', (worker) => {
  jest.setTimeout(150_000);

  it('costs no record with a spool, and fresh records do not wait for the backlog; without one it costs what stats() says', async () => {
    const spool = { directory: join(folder, worker), maxBytes: 256 * 1024 * 1024 };
    // A memory that cannot hold the outage.
    const small = worker === 'thread' ? { maxQueueBytes: 1024 * 1024 } : { maxQueueSize: 5000 };
    const [spooled, unspooled] = await Promise.all([run({ worker, retry, spool }), run({ worker, retry: { ...retry, maxElapsedTimeMillis: 5000 }, ...small })]);

    expect(spooled.code).toBe(0);
    expect([...spooled.receiver.counts.keys()].sort((a, b) => a - b)).toEqual(range(0, RATE * SECONDS));
    expect(spooled.stats.lost).toBe(0);
    expectSettled(spooled.stats);
    expect(spooled.stats.lanes['otlp']).toMatchObject({ offered: RATE * SECONDS, delivered: RATE * SECONDS, spooled: 0 });
    expect(spooled.freshMillis).toBeLessThan(MAX_FRESH_MILLIS);
    expect(readdirSync(spool.directory, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.jsonl'))).toEqual([]);

    expect(unspooled.code).toBe(0);
    expectSettled(unspooled.stats);
    const lost = totalOf(unspooled.stats.dropped) + totalOf(unspooled.stats.lanes['otlp']?.dropped ?? {});
    expect(lost).toBeGreaterThan(0);
    expect(unspooled.receiver.unique + lost).toBe(RATE * SECONDS);
  });
});
