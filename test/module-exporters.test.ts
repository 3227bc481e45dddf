import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { trace, ROOT_CONTEXT } from '@opentelemetry/api';
import { JsonLogsSerializer, ProtobufLogsSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { InMemoryLogRecordExporter, LoggerProvider, SimpleLogRecordProcessor } from '@opentelemetry/sdk-logs';
import { counting, QueueLogRecordProcessor } from '../src';
import { captureDiag } from './support/capture-diag';
import { expectConserved, expectSettled } from './support/conservation';
import { FaultServer, ok, status } from './support/fault-server';
import { decodeLogsRequest } from './support/otlp-decode';
import { range } from './support/records';
import { endRigs, makeRig } from './support/sdk';
import { until } from './support/until';

const MODULE = join(__dirname, 'exporters', 'fixtures', 'recording-exporter.mjs');

let diagnostics: ReturnType<typeof captureDiag>;
let folder: string;

beforeEach(() => {
  diagnostics = captureDiag();
  folder = mkdtempSync(join(tmpdir(), 'otel-log-queue-module-'));
});

afterEach(async () => {
  await endRigs();
  diagnostics.restore();
  rmSync(folder, { recursive: true, force: true });
});

jest.setTimeout(30_000);

describe.each(['event-loop', 'thread'] as const)('an exporter by module, %s', (worker) => {
  const errors = (): string[] => diagnostics.lines.filter((line) => line.startsWith('error'));
  // The thread cannot be asked: what its exporter was given stands in a file.
  const seqsIn = (path: string): number[] =>
    readFileSync(path, 'utf8')
      .split('\n')
      .flatMap((line) => /^(\d+) /.exec(line)?.[1] ?? [])
      .map(Number);

  it('gets every record once and in order, and is flushed and shut down', async () => {
    const path = join(folder, 'records');
    const { processor, emit } = makeRig({ exporter: { module: MODULE, options: { path } }, worker });
    emit(0, 1200);
    await processor.forceFlush();
    expect(processor.stats()).toMatchObject({ worker, lanes: { 'recording-exporter': { offered: 1200, delivered: 1200 } } });
    expect(seqsIn(path)).toEqual(range(0, 1200));
    await processor.shutdown();
    expect(readFileSync(path, 'utf8')).toMatch(/\nflushed\nshut down\n$/);
    expectSettled(processor.stats());
    expect(errors()).toEqual([]);
  });

  it('gets batches of an exporter object: at most maxExportBatchSize records', async () => {
    const server = await FaultServer.start(ok);
    const { processor, emit } = makeRig({ exporter: { module: '@opentelemetry/exporter-logs-otlp-proto', export: 'OTLPLogExporter', options: { url: server.url } }, worker });
    emit(0, 1200);
    await processor.forceFlush();
    const sizes = server.requests.map(({ body }) => decodeLogsRequest(body).resourceLogs.flatMap((resource) => resource.scopeLogs.flatMap((scope) => scope.logRecords)).length);
    expect(Math.max(...sizes)).toBe(512);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(1200);
    expect(Object.keys(processor.stats().lanes)).toEqual(['OTLPLogExporter']);
    await processor.shutdown();
    await server.close();
  });

  it.each([
    ['http', '@opentelemetry/exporter-logs-otlp-http', JsonLogsSerializer],
    ['proto', '@opentelemetry/exporter-logs-otlp-proto', ProtobufLogsSerializer],
  ] as const)('sends with the stock exporter what its serializer makes of the records of the SDK: %s', async (kind, module, serializer) => {
    const server = await FaultServer.start(ok);
    const processor = new QueueLogRecordProcessor({ exporter: { module, export: 'OTLPLogExporter', options: { url: server.url, headers: { 'x-tenant': 'shop' }, timeoutMillis: 5000 } }, worker });
    const plain = new InMemoryLogRecordExporter();
    const resource = resourceFromAttributes({ 'service.name': 'shop', 'host.id': Promise.resolve('abc'), 'process.pid': 7 }, { schemaUrl: 'https://opentelemetry.io/schemas/1.0' });
    const provider = new LoggerProvider({ resource, processors: [processor, new SimpleLogRecordProcessor({ exporter: plain })] });
    const context = trace.setSpanContext(ROOT_CONTEXT, { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', traceFlags: 1 });
    const body = { user: { name: 'Ada' }, tags: ['a', 1, true, null] };
    const attributes = { n: 1.5, big: 2 ** 40, text: 'Grüße 🎉', list: ['x', 'y'], bytes: new Uint8Array([1, 2, 3]) };
    const logger = provider.getLogger('cart', '1.2.3', { schemaUrl: 'https://opentelemetry.io/schemas/1.1' });
    logger.emit({ severityNumber: 17, severityText: 'ERROR', eventName: 'paid', timestamp: 1_700_000_000_123, observedTimestamp: 1_700_000_000_456, body, attributes, context });
    provider.getLogger('other').emit({ body: 'plain' });
    await provider.forceFlush();
    const expected = Buffer.from(serializer.serializeRequest(plain.getFinishedLogRecords()) ?? []);
    const read = (bytes: Buffer): unknown => (kind === 'proto' ? decodeLogsRequest(bytes) : JSON.parse(String(bytes)));
    expect(server.requests.map((request) => read(request.body))).toEqual([read(expected)]);
    expect(expected.length).toBeGreaterThan(300);
    expect(server.requests[0]?.headers).toMatchObject({ 'x-tenant': 'shop', 'content-type': kind === 'proto' ? 'application/x-protobuf' : 'application/json' });
    expect(processor.stats().worker).toBe(worker);
    await provider.shutdown();
    expectSettled(processor.stats());
    await server.close();
  });

  it('loses what the backend refuses, by the status that the exporter gives', async () => {
    const server = await FaultServer.start(status(400));
    const { processor, emit } = makeRig({ exporter: { module: '@opentelemetry/exporter-logs-otlp-proto', export: 'OTLPLogExporter', options: { url: server.url } }, worker });
    emit(0, 3);
    await expect(processor.forceFlush()).rejects.toThrow('3 rejected in lane OTLPLogExporter');
    server.script(ok);
    emit(3, 5);
    await processor.forceFlush();
    expect(processor.stats().lanes['OTLPLogExporter']).toMatchObject({ delivered: 2, dropped: { rejected: 3 } });
    expectSettled(processor.stats());
    await processor.shutdown();
    await server.close();
  });

  it.each([
    ['a module that is not there', { module: 'no-such-package', export: 'X' }, 'X', "export 'X' of module 'no-such-package' cannot be loaded: Cannot find package"],
    ['an export that is not there', { module: MODULE, export: 'Missing' }, 'Missing', "export 'Missing' of module"],
    ['a class whose constructor throws', { module: MODULE, export: 'ThrowingAtOnce' }, 'ThrowingAtOnce', 'cannot be constructed: no such region: mars'],
    ['a class that makes none', { module: MODULE, export: 'NoExporter' }, 'NoExporter', 'makes no LogRecordExporter'],
  ])('from %s fails its lane at once and for good, and no other one', async (_, exporter, lane, message) => {
    const path = join(folder, 'records');
    const { processor, emit } = makeRig({ exporters: [exporter, { module: MODULE, options: { path } }, counting()], worker, scheduledDelayMillis: 1_000_000 });
    emit(0, 100);
    await until(() => processor.stats().lanes[lane]?.state === 'failed');
    await until(() => errors().length > 0);
    expect(errors()).toEqual([expect.stringContaining(message)]);
    expect(errors()[0]).toContain(`lane ${lane} has no exporter`);
    emit(100, 200);
    await processor.forceFlush().catch(() => undefined);
    const { lanes } = processor.stats();
    expect(lanes[lane]).toMatchObject({ offered: 200, delivered: 0, retries: 0, queued: 0, inFlight: 0, dropped: { export_failed: 200 } });
    expect(lanes['counting']).toMatchObject({ delivered: 200, dropped: {} });
    expect(seqsIn(path)).toEqual(range(0, 200));
    expectConserved(processor.stats());
    await processor.shutdown();
    expectSettled(processor.stats());
    expect(errors()).toHaveLength(1);
  });
});
