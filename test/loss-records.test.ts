import { fork } from 'node:child_process';
import { join } from 'node:path';
import { InMemoryLogRecordExporter } from '@opentelemetry/sdk-logs';
import { counting, otlp, QueueLogRecordProcessor, type QueueLogRecordProcessorOptions } from '../src';
import { LossRecords } from '../src/loss-records';
import type { LogRecord } from '../src/record';
import type { QueueStats } from '../src/stats';
import { VERSION } from '../src/version';
import { captureDiag } from './support/capture-diag';
import { expectSettled } from './support/conservation';
import { FaultServer, ok } from './support/fault-server';
import { decodeLogsRequest } from './support/otlp-decode';
import { makeRecord } from './support/records';
import { endRigs, makeProvider, makeRig } from './support/sdk';

let server: FaultServer;
let diagnostics: ReturnType<typeof captureDiag>;

beforeEach(async () => {
  diagnostics = captureDiag();
  server = await FaultServer.start(ok);
});

afterEach(async () => {
  jest.useRealTimers();
  await endRigs();
  await server.close();
  diagnostics.restore();
});

jest.setTimeout(30_000);

interface Received {
  eventName: string | undefined;
  scope: string | undefined;
  attributes: Record<string, unknown>;
}

const received = (): Received[] =>
  server.requests
    .flatMap((request) => decodeLogsRequest(request.body).resourceLogs)
    .flatMap(({ scopeLogs }) => scopeLogs)
    .flatMap(({ scope, logRecords }) =>
      logRecords.map((record) => ({
        eventName: record.eventName,
        scope: scope?.name,
        attributes: Object.fromEntries(record.attributes.map(({ key, value }) => [key, Object.values(value ?? {})[0] as unknown])),
      })),
    );

const lossRecords = (): Received[] => received().filter(({ scope }) => scope === 'otel-log-queue');

describe('lossRecords, event loop', () => {
  it('one record when loss starts and one at the end, with window, places, reasons, severities and the resource', async () => {
    const exporter = new InMemoryLogRecordExporter();
    const kept: LogRecord[] = [];
    const exportAll = exporter.export.bind(exporter);
    exporter.export = (records, callback) => {
      kept.push(...records);
      exportAll(records, callback);
    };
    const processor = new QueueLogRecordProcessor({ exporter, worker: 'event-loop', maxQueueSize: 10, maxExportBatchSize: 5, lossRecords: true });
    const { provider, emit } = makeProvider(processor);
    emit(0, 14);
    provider.getLogger('test').emit({ severityNumber: 17, body: 'an error' });
    provider.getLogger('test').emit({ body: 'without a severity' });
    await processor.forceFlush();
    await new Promise(setImmediate);
    await provider.shutdown();

    const ended = kept.find((record) => record.eventName === 'otel_log_queue.loss.ended');
    const lostStart = (processor.stats().lanes['InMemoryLogRecordExporter']?.dropped.queue_full ?? 0) - 6;
    expect(ended).toMatchObject({ severityNumber: 13, severityText: 'WARN', instrumentationScope: { name: 'otel-log-queue', version: VERSION } });
    expect(ended?.resource).toBe(kept[0]?.resource);
    expect(ended?.attributes).toEqual({
      'otel_log_queue.loss.window.start': expect.stringMatching(/^\d{4}-.*Z$/) as string,
      'otel_log_queue.loss.window.end': expect.stringMatching(/^\d{4}-.*Z$/) as string,
      'otel_log_queue.loss.count': 6 + lostStart,
      'otel_log_queue.loss.lane.InMemoryLogRecordExporter.queue_full': 6 + lostStart,
      'otel_log_queue.loss.severity.info': 4,
      'otel_log_queue.loss.severity.error': 1,
      'otel_log_queue.loss.severity.unspecified': 1,
      ...(lostStart > 0 && { 'otel_log_queue.loss.severity.warn': lostStart }),
    });
    expect(processor.stats().emitted).toBe(16 + 2);
    expectSettled(processor.stats());
  });

  it('says what it cannot know: the severity of records that made room or were lost in a batch', async () => {
    const { processor, provider, emit } = makeRig({ exporter: otlp({ url: server.url }), worker: 'event-loop', maxQueueSize: 10, onQueueFull: 'drop-oldest', lossRecords: true });
    emit(0, 15);
    await processor.forceFlush().catch(() => undefined);
    await provider.shutdown();
    expect(lossRecords().at(-1)).toMatchObject({ eventName: 'otel_log_queue.loss.ended', attributes: { 'otel_log_queue.loss.severity.unknown': expect.anything() as unknown } });
    expectSettled(processor.stats());
    expect(received().length).toBe(processor.stats().emitted - processor.stats().lost);
  });

  it('a backend that loses everything, the records about it too, does not make them feed each other', async () => {
    jest.useFakeTimers();
    const { processor, emit } = makeRig({ exporter: counting({ failEvery: 1 }), worker: 'event-loop', retry: false, lossRecords: true });
    emit(0, 10);
    await jest.advanceTimersByTimeAsync(3_600_000);
    expect(processor.stats()).toMatchObject({ emitted: 12, lanes: { counting: { dropped: { export_failed: 12 } } } });
    // And the next real loss is told again.
    emit(10, 20);
    await jest.advanceTimersByTimeAsync(3_600_000);
    expect(processor.stats()).toMatchObject({ emitted: 24, lanes: { counting: { dropped: { export_failed: 24 } } } });
    jest.useRealTimers();
    await processor.shutdown().catch(() => undefined);
    expectSettled(processor.stats());
    expect(processor.stats().emitted).toBe(24);
  });

  it('is off unless asked for, and takes nothing but a boolean', async () => {
    const { processor, provider, emit } = makeRig({ exporter: otlp({ url: server.url }), worker: 'event-loop', maxQueueSize: 10 });
    emit(0, 20);
    await provider.shutdown();
    expect(processor.stats().emitted).toBe(20);
    expect(received().length).toBe(10);
    expect(() => new QueueLogRecordProcessor({ exporter: counting(), lossRecords: 1 } as never)).toThrow(new TypeError('lossRecords must be true or false, received 1'));
  });
});

describe('lossRecords, thread', () => {
  const options = (): QueueLogRecordProcessorOptions => ({ exporter: otlp({ url: server.url }), worker: 'thread', maxQueueBytes: 64 * 1024, lossRecords: true });

  it('tells what the ring had no room for', async () => {
    const { processor, provider, emit } = makeRig(options());
    emit(0, 20_000);
    await provider.shutdown();
    const stats = processor.stats();
    const ended = lossRecords().at(-1);
    const lost = stats.dropped.queue_full ?? 0;
    expect(lost).toBeGreaterThan(0);
    expect(ended?.eventName).toBe('otel_log_queue.loss.ended');
    expect(ended?.attributes['otel_log_queue.loss.front.queue_full']).toBe(ended?.attributes['otel_log_queue.loss.count']);
    // The record of the start may itself have found no room; it is a loss like the others.
    const startWasLost = lossRecords().length === 1;
    expect(ended?.attributes['otel_log_queue.loss.count']).toBe(BigInt(lost));
    expect(Number(ended?.attributes['otel_log_queue.loss.severity.info'])).toBe(lost - (startWasLost ? 1 : 0));
    expect(stats.emitted).toBe(20_002);
    expect(received().length).toBe(stats.emitted - stats.lost);
    expectSettled(stats);
  });

  it('at process.exit() too', async () => {
    const app = { url: server.url, records: 20_000, end: 'exit', options: { worker: 'thread', maxQueueBytes: 64 * 1024, lossRecords: true, onQueueFull: 'drop-oldest' } };
    const child = fork(join(__dirname, 'process', 'fixtures', 'app.cjs'), { env: { ...process.env, APP: JSON.stringify(app) }, silent: true });
    let stderr = '';
    child.stderr?.on('data', (chunk) => (stderr += String(chunk)));
    await new Promise((resolve) => child.on('close', resolve));
    expect(lossRecords().map(({ eventName }) => eventName)).toEqual(['otel_log_queue.loss.started', 'otel_log_queue.loss.ended']);
    const lost = Number(/lost in all: (\d+) queue_full\n/.exec(stderr)?.[1]);
    expect(received().length + lost).toBe(20_002);
    // The last record itself may have taken the place of some.
    expect(lost - Number(lossRecords()[1]?.attributes['otel_log_queue.loss.count'])).toBeLessThan(20);
  });
});

describe('LossRecords', () => {
  it('ends a window when nothing has been lost for 30 s, and begins another one with the next loss', () => {
    jest.useFakeTimers({ now: Date.parse('2026-11-24T00:00:00Z') });
    const emitted: LogRecord[] = [];
    let stats = { accepted: 0, queued: 0, dropped: {}, lanes: {} } as unknown as QueueStats;
    const records = new LossRecords({ stats: () => stats, emit: (record) => emitted.push(record) > 0 }, []);
    const { resource } = makeRecord(0);
    records.resource = resource;
    const lose = (count: number): void => {
      stats = { ...stats, dropped: { sampled: (stats.dropped.sampled ?? 0) + count } };
      records.look();
    };
    lose(2);
    jest.advanceTimersByTime(20_000);
    lose(3);
    jest.advanceTimersByTime(39_999);
    expect(emitted.map(({ eventName }) => eventName)).toEqual(['otel_log_queue.loss.started']);
    jest.advanceTimersByTime(1);
    expect(emitted[1]).toMatchObject({
      eventName: 'otel_log_queue.loss.ended',
      body: 'otel-log-queue: no log record is lost any more, lost since the start: 5 sampled',
      resource,
      attributes: {
        'otel_log_queue.loss.window.start': '2026-11-24T00:00:00.000Z',
        'otel_log_queue.loss.window.end': '2026-11-24T00:00:20.000Z',
        'otel_log_queue.loss.count': 5,
        'otel_log_queue.loss.front.sampled': 5,
        'otel_log_queue.loss.severity.unknown': 5,
      },
    });
    jest.advanceTimersByTime(3_600_000);
    expect(emitted).toHaveLength(2);
    lose(1);
    records.end();
    expect(emitted.slice(2).map(({ eventName, attributes }) => [eventName, attributes['otel_log_queue.loss.count']])).toEqual([
      ['otel_log_queue.loss.started', 1],
      ['otel_log_queue.loss.ended', 1],
    ]);
    expect(jest.getTimerCount()).toBe(0);
    lose(1);
    expect(emitted).toHaveLength(4);
  });
});
