import http from 'node:http';
import workerThreads, { type Worker } from 'node:worker_threads';
import { context } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { LoggerProvider } from '@opentelemetry/sdk-logs';
import { counting, otlp, QueueLogRecordProcessor, type QueueLogRecordProcessorOptions } from '../../src';
import { captureDiag } from '../support/capture-diag';
import { expectSettled } from '../support/conservation';
import { FaultServer, hang, status } from '../support/fault-server';
import { decodeLogsRequest } from '../support/otlp-decode';
import { range } from '../support/records';
import { endRigs, makeRig as makePlainRig, type Rig } from '../support/sdk';
import { until } from '../support/until';

let server: FaultServer;
let diagnostics: ReturnType<typeof captureDiag>;
const threads: Worker[] = [];

beforeEach(async () => {
  diagnostics = captureDiag();
  server = await FaultServer.start(status(200));
  const RealWorker = workerThreads.Worker;
  jest.spyOn(workerThreads, 'Worker').mockImplementation((...args: ConstructorParameters<typeof Worker>) => {
    const thread = new RealWorker(...args);
    threads.push(thread);
    return thread;
  });
});

afterEach(async () => {
  context.disable();
  await endRigs();
  jest.restoreAllMocks();
  threads.length = 0;
  await server.close();
  diagnostics.restore();
});

jest.setTimeout(30_000);

const makeRig = (options: Partial<QueueLogRecordProcessorOptions> = {}): Rig => makePlainRig({ exporter: otlp({ url: server.url }), ...options } as QueueLogRecordProcessorOptions);

const records = () => server.requests.flatMap((request) => decodeLogsRequest(request.body).resourceLogs);
const seqs = (): number[] =>
  records()
    .flatMap((resource) => resource.scopeLogs.flatMap((scope) => scope.logRecords))
    .map((record) => Number((record.attributes[0]?.value as { intValue: bigint }).intValue));

describe('a worker thread', () => {
  it('delivers what was emitted before a flush, in order and once, and shows it in stats()', async () => {
    const { processor, provider, emit } = makeRig();
    emit(0, 500);
    expect(processor.stats()).toMatchObject({ worker: 'thread', emitted: 500, accepted: 500, capacity: { bytes: 16 * 1024 * 1024 } });
    await provider.forceFlush();
    expect(seqs()).toEqual(range(0, 500));
    emit(500, 1000);
    await Promise.all([processor.forceFlush(), processor.forceFlush()]);
    expect(seqs()).toEqual(range(0, 1000));
    expect(processor.stats()).toMatchObject({ queued: 0, lost: 0, lanes: { otlp: { offered: 1000, delivered: 1000, queued: 0, inFlight: 0 } } });
    expectSettled(processor.stats());
  });

  it('delivers without a flush after scheduledDelayMillis', async () => {
    const { emit } = makeRig({ scheduledDelayMillis: 20 });
    emit(0, 10);
    await until(() => seqs().length === 10);
  });

  it('tells a flush that ran out of time what is left, wherever it is', async () => {
    server.script(hang);
    const { processor, emit } = makeRig();
    emit(0, 50);
    await expect(processor.forceFlush({ timeoutMillis: 1 })).rejects.toThrow('50 still queued in lane (in front of the lanes)');
    await until(() => processor.stats().lanes['otlp']?.inFlight === 50);
    emit(50, 60);
    await expect(processor.forceFlush({ timeoutMillis: 50 })).rejects.toThrow('60 still queued in lane otlp');
    expect(processor.stats()).toMatchObject({ queued: 0, lanes: { otlp: { offered: 60, delivered: 0 } } });
  });

  it('connects when it starts, and asks the backend for nothing before there is a record', async () => {
    const { emit, provider } = makeRig();
    await until(() => server.openSockets() === 1);
    expect(server.requests).toHaveLength(0);
    emit(0, 10);
    await provider.forceFlush();
    expect(seqs()).toEqual(range(0, 10));
    expect(server.connections).toBe(1);
  });

  it('takes a burst of 100,000 records in one loop while it is still starting', async () => {
    const { processor, provider, emit } = makeRig();
    emit(0, 100_000);
    await provider.shutdown();
    expect(seqs()).toEqual(range(0, 100_000));
    expectSettled(processor.stats());
  });

  it('sends each record as it was at emit, with the resource as it has settled', async () => {
    let settle: (value: string) => void = () => undefined;
    const resource = resourceFromAttributes({ 'service.name': 'shop', 'host.id': new Promise<string>((resolve) => (settle = resolve)) });
    const processor = new QueueLogRecordProcessor({ exporter: otlp({ url: server.url }), scheduledDelayMillis: 10 });
    const provider = new LoggerProvider({ resource, processors: [processor] });
    const body = { user: 'Ada' };
    provider.getLogger('test').emit({ body, attributes: { seq: 1 } });
    body.user = 'changed';
    await until(() => processor.stats().lanes['otlp']?.inFlight === 1);
    expect(server.requests).toHaveLength(0);
    settle('abc');
    await until(() => server.requests.length === 1);
    const [resourceLogs] = records();
    expect(resourceLogs?.resource.attributes).toEqual([
      { key: 'service.name', value: { stringValue: 'shop' } },
      { key: 'host.id', value: { stringValue: 'abc' } },
    ]);
    expect(resourceLogs?.scopeLogs[0]?.logRecords[0]?.body).toEqual({ kvlistValue: [{ key: 'user', value: { stringValue: 'Ada' } }] });
    expect(diagnostics.lines).toEqual([]);
    await provider.shutdown();
  });

  it('that dies loses what it held, counted, and another one goes on with the ring', async () => {
    server.script(hang);
    const { processor, emit } = makeRig({ scheduledDelayMillis: 10 });
    emit(0, 100);
    await until(() => processor.stats().lanes['otlp']?.inFlight === 100);
    emit(100, 150);
    server.script(status(200));
    server.requests.length = 0;
    await threads[0]?.terminate();
    await until(() => threads.length === 2);
    await processor.forceFlush();
    const stats = processor.stats();
    expectSettled(stats);
    // Those of the second burst that the first thread had taken are lost with it.
    const crashed = (stats.lanes['otlp']?.dropped.worker_crashed ?? 0) + (stats.dropped.worker_crashed ?? 0);
    expect(crashed).toBeGreaterThanOrEqual(100);
    expect(seqs()).toEqual(range(crashed, 150));
    expect(diagnostics.lines.some((line) => line.startsWith('error') && line.includes('worker thread has ended'))).toBe(true);
  });

  it('that dies again and again is not started for ever, and what is emitted then is counted', async () => {
    const { processor, emit } = makeRig();
    for (let death = 0; death < 5; death++) {
      await until(() => threads.length === death + 1);
      emit(0, 1);
      if (death === 0) {
        // It has run: from here on its end is a death, however early.
        await processor.forceFlush();
      }
      await threads[death]?.terminate();
    }
    await until(() => diagnostics.lines.some((line) => line.includes('not started again')));
    emit(0, 10);
    const stats = processor.stats();
    expect(stats.dropped.worker_crashed).toBeGreaterThanOrEqual(10);
    expectSettled(stats);
    await expect(processor.ready()).resolves.toBeUndefined();
    expect(threads).toHaveLength(5);
  });

  it('lets producers wait for room in the ring without losing a record', async () => {
    const { processor, emit } = makeRig({ maxQueueBytes: 32 * 1024, onQueueFull: 'block' });
    for (let seq = 0; seq < 3000; seq++) {
      await processor.ready();
      emit(seq, seq + 1);
    }
    await processor.forceFlush();
    expect(seqs()).toEqual(range(0, 3000));
    expect(processor.stats().lost).toBe(0);
  });

  it('is not held up by a lane that cannot deliver, beyond the first second in which it is full', async () => {
    const broken = await FaultServer.start(hang);
    const { processor, emit } = makeRig({
      exporters: [{ exporter: otlp({ url: broken.url }), name: 'broken', maxQueueSize: 10 }, { exporter: otlp({ url: server.url }), name: 'working' }],
      exporter: undefined,
      scheduledDelayMillis: 10,
    });
    emit(0, 500);
    await until(() => seqs().length === 500);
    expect(processor.stats().lanes['broken']?.dropped.queue_full).toBeGreaterThan(0);
    await processor.shutdown({ timeoutMillis: 100 }).catch(() => undefined);
    expectSettled(processor.stats());
    await broken.close();
  });

  it('says through diag and onLoss on the main thread what it lost', async () => {
    server.script(status(401, { body: 'no such token' }));
    const losses: unknown[] = [];
    const { processor, emit } = makeRig({ onLoss: (batch) => void losses.push(...batch) });
    emit(0, 7);
    await expect(processor.forceFlush()).rejects.toThrow('7 export_failed in lane otlp');
    await until(() => diagnostics.lines.some((line) => line.includes('7 export_failed in lane otlp') && line.includes('no such token')));
    expect(losses).toEqual([{ lane: 'otlp', reason: 'export_failed', count: 7 }]);
  });

  it('leaves nothing behind after shutdown: twenty processors, started and stopped', async () => {
    const ports = (): number => process.getActiveResourcesInfo().filter((resource) => resource.includes('MessagePort') || resource.includes('Worker')).length;
    const before = ports();
    const listeners = process.listenerCount('exit');
    for (let count = 0; count < 20; count++) {
      const processor = new QueueLogRecordProcessor({ exporter: counting(), worker: 'thread' });
      await processor.shutdown();
    }
    expect(process.listenerCount('exit')).toBeLessThanOrEqual(listeners + 1);
    // What has ended has this number.
    expect(threads.map(({ threadId }) => threadId)).toEqual(Array.from({ length: 20 }, () => -1));
    await until(() => ports() <= before);
  });

  it('that cannot be had is replaced by the event loop, with a warning', async () => {
    jest.spyOn(workerThreads, 'Worker').mockImplementation(() => {
      throw new Error('ERR_ACCESS_DENIED');
    });
    const { processor, emit } = makeRig();
    emit(0, 5);
    await processor.forceFlush();
    expect(processor.stats().worker).toBe('event-loop');
    expect(seqs()).toEqual(range(0, 5));
    expect(diagnostics.lines).toContainEqual(expect.stringContaining('no worker thread, the event loop is used instead: ERR_ACCESS_DENIED'));
  });

  it('that is replaced by the event loop does not feed itself with what is logged from inside an export', async () => {
    jest.spyOn(workerThreads, 'Worker').mockImplementation(() => {
      throw new Error('ERR_ACCESS_DENIED');
    });
    const { processor, emit } = makeRig();
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    // As an instrumentation of `http` does that logs each request.
    const end = Reflect.get(http.OutgoingMessage.prototype, 'end') as (...args: unknown[]) => http.OutgoingMessage;
    jest.spyOn(http.OutgoingMessage.prototype, 'end').mockImplementation(function (this: http.OutgoingMessage, ...args: unknown[]) {
      // The server of this test ends its answers, too.
      if (this instanceof http.ClientRequest) {
        emit(100, 101);
      }
      return end.apply(this, args);
    });
    emit(0, 5);
    await processor.forceFlush();
    expect(seqs()).toEqual(range(0, 5));
    expect(processor.stats()).toMatchObject({ emitted: 6, accepted: 5, dropped: { suppressed: 1 } });
    expectSettled(processor.stats());
  });
});
