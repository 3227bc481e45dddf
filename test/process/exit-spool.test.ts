import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { QueueStats } from '../../src';
import { runApplication } from '../support/application';
import { endOf } from '../support/child-end';
import { expectSettled } from '../support/conservation';
import { FaultServer, hang, reset, status, type FaultStep } from '../support/fault-server';
import { range } from '../support/records';
import { SequenceReceiver } from '../support/sequence-receiver';

const RECORDS = 1000;

jest.setTimeout(60_000);

let dead: FaultServer;
let directory: string;

beforeEach(async () => {
  dead = await FaultServer.start();
  directory = mkdtempSync(join(tmpdir(), 'otel-log-queue-exit-spool-'));
});

afterEach(async () => {
  await dead.close();
  rmSync(directory, { recursive: true, force: true });
});

/** A process that finds what the one before has left, delivers it and ends. */
async function deliverRest(worker: string): Promise<{ receiver: SequenceReceiver; stats: QueueStats }> {
  const receiver = await SequenceReceiver.start();
  const app = { url: receiver.url, rate: 1, seconds: 0, options: { worker, spool: { directory } } };
  const child = fork(join(__dirname, 'fixtures', 'steady-app.cjs'), { env: { ...process.env, APP: JSON.stringify(app) } });
  let stats: QueueStats | undefined;
  child.on('message', (message: { stats?: QueueStats }) => (stats = message.stats ?? stats));
  await endOf(child);
  await receiver.down();
  return { receiver, stats: stats as QueueStats };
}

const faults: Record<string, FaultStep> = { hang, reset, '503': status(503) };

describe.each(['thread', 'event-loop'])('a process that ends with a backend that cannot take its records, and a spool, %s', (worker) => {
  it.each([
    ['natural', 'hang'],
    ['natural', 'reset'],
    ['exit', 'hang'],
    ['exit', '503'],
    ['throw', 'hang'],
    ['reject', 'reset'],
    ['shutdown', '503'],
  ])('end by %s, backend: %s: the next process delivers every record', async (end, fault) => {
    dead.script(faults[fault] as FaultStep);
    const options = { worker, exitTimeoutMillis: 2000, shutdownTimeoutMillis: 5000, spool: { directory }, retry: { initialDelayMillis: 600_000, maxDelayMillis: 600_000, maxElapsedTimeMillis: 6_000_000 } };
    const { signal, stderr } = await runApplication({ script: join(__dirname, 'fixtures', 'service.cjs'), settings: { end, urls: { otlp: dead.url }, records: RECORDS, options } });
    expect(signal).toBeNull();
    expect(stderr).not.toContain('lost');

    const { receiver, stats } = await deliverRest(worker);
    expect([...receiver.counts.keys()].sort((a, b) => a - b)).toEqual(range(0, RECORDS));
    expect(receiver.duplicates).toBe(0);
    expectSettled(stats);
    expect(stats.lanes['otlp']).toMatchObject({ offered: RECORDS, replayed: RECORDS, delivered: RECORDS, spooled: 0, dropped: {} });
  });
});
