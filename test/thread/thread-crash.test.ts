import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import workerThreads, { type Worker } from 'node:worker_threads';
import { ROOT } from '../../scripts/load/build';
import { otlp, type QueueLogRecordProcessorOptions } from '../../src';
import type { QueueStats } from '../../src/stats';
import { captureDiag } from '../support/capture-diag';
import { expectConserved, expectSettled, totalOf } from '../support/conservation';
import { FaultServer, ok } from '../support/fault-server';
import { decodeLogsRequest } from '../support/otlp-decode';
import { endRigs, makeRig, type Rig } from '../support/sdk';
import { until } from '../support/until';

const RECORDS = 10_000;

let server: FaultServer;
let folder: string;
let diagnostics: ReturnType<typeof captureDiag>;
const threads: Worker[] = [];

beforeEach(async () => {
  diagnostics = captureDiag();
  server = await FaultServer.start(ok);
  folder = mkdtempSync(join(tmpdir(), 'otel-log-queue-crash-'));
  const RealWorker = workerThreads.Worker;
  jest.spyOn(workerThreads, 'Worker').mockImplementation((...args: ConstructorParameters<typeof Worker>) => {
    const thread = new RealWorker(...args);
    threads.push(thread);
    return thread;
  });
});

afterEach(async () => {
  await endRigs();
  jest.restoreAllMocks();
  threads.length = 0;
  await server.close();
  rmSync(folder, { recursive: true });
  diagnostics.restore();
});

jest.setTimeout(60_000);

/** The real thread, but its exporter calls `process.exit` from inside the given request; only the first thread does, or each one. */
function exitingThread(request: number, which: 'first' | 'each'): string {
  const path = join(folder, 'exiting.cjs');
  writeFileSync(
    path,
    `const fs = require('node:fs'), http = require('node:http');
     const mark = ${JSON.stringify(join(folder, 'mark'))};
     const { request } = http;
     let count = 0;
     http.request = (...args) => {
       if (++count === ${request} && (${which === 'each'} || !fs.existsSync(mark))) {
         fs.writeFileSync(mark, '');
         process.exit(1);
       }
       return request(...args);
     };
     require(${JSON.stringify(join(ROOT, 'dist', 'otel-log-queue-thread.cjs'))});`,
  );
  return path;
}

const makeCrashRig = (options: Partial<QueueLogRecordProcessorOptions>): Rig =>
  makeRig({ exporter: otlp({ url: server.url }), worker: 'thread', scheduledDelayMillis: 10, maxExportBatchSize: 100, ...options } as QueueLogRecordProcessorOptions);

/** As an application logs: a few, then the event loop has a turn; and not so fast that all is over before anything was delivered. */
async function emitAll({ emit, processor }: Rig, onTurn: (seq: number) => void = () => undefined): Promise<void> {
  const pending = (): number => {
    const { emitted, lost, lanes } = processor.stats();
    return emitted - lost - (lanes['otlp']?.delivered ?? 0);
  };
  for (let seq = 0; seq < RECORDS; seq += 20) {
    emit(seq, seq + 20);
    onTurn(seq);
    await until(() => pending() < 1000);
  }
}

/** All records, and the thread is killed when so many are delivered: the law holds at every moment. */
async function emitAndKill(rig: Rig, after: number): Promise<void> {
  let killed: Promise<number> | undefined;
  await emitAll(rig, (seq) => {
    if (killed === undefined && (rig.processor.stats().lanes['otlp']?.delivered ?? 0) >= after) {
      killed = threads[0]?.terminate();
    }
    if (seq % 400 === 0) {
      expectConserved(rig.processor.stats());
    }
  });
  await killed;
  await until(() => threads.length === 2);
}

const seqs = (): number[] =>
  server.requests
    .flatMap((request) => decodeLogsRequest(request.body).resourceLogs)
    .flatMap((resource) => resource.scopeLogs)
    .flatMap((scope) => scope.logRecords)
    .map((record) => Number((record.attributes[0]?.value as { intValue: bigint }).intValue));

const crashedOf = ({ dropped, lanes }: QueueStats): number => (dropped.worker_crashed ?? 0) + (lanes['otlp']?.dropped.worker_crashed ?? 0);

/** No record twice, and none without a trace: what a dead thread held may have arrived before it died, but was never said to be delivered. */
function expectAccounted(stats: QueueStats): void {
  const received = seqs();
  const { delivered = 0, dropped = {} } = stats.lanes['otlp'] ?? {};
  expectSettled(stats);
  expect(stats.emitted).toBe(RECORDS);
  expect(delivered + totalOf(stats.dropped) + totalOf(dropped)).toBe(RECORDS);
  expect(stats.lost).toBe(crashedOf(stats));
  expect(new Set(received).size).toBe(received.length);
  expect(received.length).toBeGreaterThanOrEqual(delivered);
  expect(received.length).toBeLessThanOrEqual(delivered + crashedOf(stats));
}

describe('a thread that dies', () => {
  it('because an exporter calls process.exit in the middle of a batch loses what it held, and the next one goes on', async () => {
    const rig = makeCrashRig({ workerPath: exitingThread(3, 'first') });
    await emitAll(rig);
    await until(() => threads.length === 2);
    await rig.processor.forceFlush();
    const stats = rig.processor.stats();
    expectAccounted(stats);
    // The batch, at least; and not all of the rest, which was in the ring or not yet emitted.
    expect(crashedOf(stats)).toBeGreaterThan(0);
    expect(seqs()).toContain(RECORDS - 1);
    expect(diagnostics.lines).toContainEqual('error otel-log-queue: the worker thread has ended');
    expect(diagnostics.lines.filter((line) => line.includes('does not start'))).toEqual([]);
  });

  it.each([1, 3000, 7000])('when it is killed after it has delivered %d of 10,000 records: the law holds at every moment', async (after) => {
    const rig = makeCrashRig({});
    await emitAndKill(rig, after);
    await rig.processor.forceFlush();
    expectAccounted(rig.processor.stats());
    expect(seqs()).toContain(RECORDS - 1);
  });

  it.each([1, 3000, 7000])('with a journal, when it is killed after it has delivered %d of 10,000 records: what was on disk is delivered by the next one', async (after) => {
    const spool = { directory: join(folder, 'spool'), mode: 'journal' as const };
    const rig = makeCrashRig({ spool });
    await emitAndKill(rig, after);
    await until(() => {
      void rig.processor.forceFlush().catch(() => undefined);
      const { queued, lanes } = rig.processor.stats();
      return queued === 0 && lanes['otlp']?.offered !== 0 && lanes['otlp']?.spooled === 0 && lanes['otlp'].queued + lanes['otlp'].inFlight === 0;
    });
    const stats = rig.processor.stats();
    expectSettled(stats);
    const received = seqs();
    const unique = new Set(received);
    // What was not on disk yet is lost; at most one batch has arrived and was not marked when the thread died.
    expect(unique.size).toBeGreaterThanOrEqual(RECORDS - crashedOf(stats));
    expect(received.length - unique.size).toBeLessThanOrEqual(100);
    expect(stats.lost).toBe(crashedOf(stats));
    expect(stats.lanes['otlp']?.delivered).toBeGreaterThanOrEqual(RECORDS - crashedOf(stats));
  });

  it('five times from inside its exporter is given up, and every record is accounted for', async () => {
    const rig = makeCrashRig({ workerPath: exitingThread(2, 'each') });
    const isGivenUp = (): boolean => diagnostics.lines.some((line) => line.includes('not started again'));
    for (let death = 1; death <= 5; death++) {
      rig.emit(((death - 1) * RECORDS) / 5, (death * RECORDS) / 5);
      await until(() => threads.length > death || isGivenUp());
    }
    expect(isGivenUp()).toBe(true);
    expect(threads).toHaveLength(5);
    expectAccounted(rig.processor.stats());
    const { lost } = rig.processor.stats();
    rig.emit(0, 1);
    expect(rig.processor.stats()).toMatchObject({ emitted: RECORDS + 1, queued: 0, lost: lost + 1 });
    expectConserved(rig.processor.stats());
  });
});
