import { fork, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../../scripts/soak/random';
import type { QueueStats } from '../../src';
import { endOf } from '../support/child-end';
import { expectSettled } from '../support/conservation';
import { range } from '../support/records';
import { SequenceReceiver } from '../support/sequence-receiver';

const RATE = 5000;
const KILLS = 20;
const AT_ONCE = 4;
const MIN_LIFE_MILLIS = 100;
const MAX_LIFE_MILLIS = 1500;
const BATCH = 256;

interface Message {
  emitted: number;
  journaled?: number;
  stats?: QueueStats;
}

const folder = mkdtempSync(join(tmpdir(), 'otel-log-queue-journal-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function start(url: string, directory: string, worker: string, seconds: number): ChildProcess {
  const spool = { directory, mode: 'journal', fsync: true };
  const options = { worker, spool, scheduledDelayMillis: 20, maxExportBatchSize: BATCH, maxQueueSize: 20_000 };
  return fork(join(__dirname, 'fixtures', 'steady-app.cjs'), { env: { ...process.env, APP: JSON.stringify({ url, rate: RATE, seconds, options }) } });
}

describe.each(['event-loop', 'thread'] as const)('a journal and SIGKILL, %s', (worker) => {
  jest.setTimeout(180_000);

  it(`keeps every record that it had reported, at ${KILLS} random moments`, async () => {
    const seed = Math.floor(Math.random() * 2 ** 32);
    const random = new Random(seed);
    const lives = Array.from({ length: KILLS }, () => random.integer(MIN_LIFE_MILLIS, MAX_LIFE_MILLIS));
    const results: object[] = [];
    const killOne = async (life: number, index: number): Promise<void> => {
      const directory = join(folder, worker, String(index));
      const receiver = await SequenceReceiver.start();
      const child = start(receiver.url, directory, worker, 3600);
      let journaled = 0;
      child.on('message', (message: Message) => (journaled = message.journaled ?? 0));
      const gone = endOf(child);
      await new Promise((resolve) => child.once('message', resolve));
      await sleep(life);
      child.kill('SIGKILL');
      await gone;

      const next = start(receiver.url, directory, worker, 0);
      let stats: QueueStats | undefined;
      next.on('message', (message: Message) => (stats = message.stats ?? stats));
      await endOf(next);
      await receiver.down();
      expectSettled(stats as QueueStats);
      const lane = (stats as QueueStats).lanes['otlp'];
      results.push({
        index,
        missing: range(0, journaled).filter((seq) => !receiver.counts.has(seq)).length,
        duplicatesAreBounded: receiver.duplicates <= BATCH,
        left: lane?.spooled,
        replayed: lane?.replayed === lane?.delivered,
      });
    };
    const todo = lives.map((life, index) => () => killOne(life, index));
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        for (let job = todo.shift(); job !== undefined; job = todo.shift()) {
          await job();
        }
      }),
    );
    // The seed is in the message of a failure.
    expect({ seed, failed: results.filter((each) => JSON.stringify({ ...each, index: 0 }) !== JSON.stringify({ index: 0, missing: 0, duplicatesAreBounded: true, left: 0, replayed: true })) }).toEqual({ seed, failed: [] });
    expect(results).toHaveLength(KILLS);
  });
});
