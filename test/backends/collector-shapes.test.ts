import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { CollectorServer } from '../../scripts/backends/collector';
import { file, otlp, OtlpLogRecordExporter, QueueLogRecordProcessor } from '../../src';
import { captureDiag } from '../support/capture-diag';
import { captureRecords } from '../support/captured-records';
import { expectSettled } from '../support/conservation';
import { FaultServer } from '../support/fault-server';
import { anyEmittedRecord, anyProvider } from '../support/otlp-arbitraries';
import { decodeLogsRequest, logRecordsOf, type DecodedLogRecord } from '../support/otlp-decode';
import { until } from '../support/until';
import { atEnd, cleanUpAll } from './at-end';
import { DECODED_ENVELOPE, decodedBy, emitThrough, recordsAt, withoutEmptyBody } from './collector-rig';
import { describeBackend } from './real-backend';
import { RECORD_SHAPES } from './record-shapes';

// What a real Collector has decoded is what was emitted, field by field.
const protocols = ['http/protobuf', 'http/json'] as const;
const compressions = ['none', 'gzip'] as const;
const workers = ['event-loop', 'thread'] as const;
const ways = protocols.flatMap((protocol) => compressions.flatMap((compression) => workers.map((worker) => ({ protocol, compression, worker }))));

jest.setTimeout(60_000);

const emittedShapes = RECORD_SHAPES.map(({ emitted }) => emitted);

describeBackend('collector', (path) => {
  let collector: CollectorServer;
  let sink: FaultServer;
  let diagnostics: ReturnType<typeof captureDiag>;

  beforeAll(async () => {
    sink = await FaultServer.start();
    collector = await CollectorServer.start(path, { sinkUrl: sink.url });
  });

  afterAll(async () => {
    await collector.stop();
    await sink.close();
  });

  beforeEach(() => {
    diagnostics = captureDiag();
  });

  afterEach(async () => {
    await cleanUpAll();
    diagnostics.restore();
  });

  describe.each(ways)('by $protocol, $compression, $worker', ({ protocol, compression, worker }) => {
    const received: DecodedLogRecord[] = [];

    beforeAll(async () => {
      sink.requests.length = 0;
      const processor = new QueueLogRecordProcessor({ exporter: otlp({ url: `${collector.url}/v1/logs`, protocol, compression }), worker });
      await emitThrough(processor, emittedShapes);
      expect(processor.stats()).toMatchObject({ worker, emitted: RECORD_SHAPES.length, lost: 0, lanes: { otlp: { delivered: RECORD_SHAPES.length } } });
      expectSettled(processor.stats());
      received.push(...recordsAt(sink));
    });

    it('as many records as were emitted, in one envelope', () => {
      expect(received).toHaveLength(RECORD_SHAPES.length);
      for (const { resourceLogs } of decodedBy(sink)) {
        expect(resourceLogs).toHaveLength(1);
        expect(resourceLogs[0]).toMatchObject(DECODED_ENVELOPE);
        expect(resourceLogs[0]?.scopeLogs).toHaveLength(1);
      }
    });

    it.each(RECORD_SHAPES.map(({ name, expected }, index) => ({ name, expected, index })))('$name', ({ expected, index }) => {
      expect(received[index]).toEqual(expected);
    });
  });

  it.each([
    ['protobuf', 'proto', RECORD_SHAPES],
    // The Collector answers 400 to the others.
    ['JSON', 'http', RECORD_SHAPES.filter(({ isStockJson }) => isStockJson)],
  ])('the same as by the stock %s exporter, in the thread', async (_name, kind, taken) => {
    sink.requests.length = 0;
    const exporter = { module: `@opentelemetry/exporter-logs-otlp-${kind}`, export: 'OTLPLogExporter', options: { url: `${collector.url}/v1/logs` } };
    const processor = new QueueLogRecordProcessor({ exporter });
    await emitThrough(processor, emittedShapes).catch(() => undefined);
    expectSettled(processor.stats());
    expect(processor.stats()).toMatchObject({ worker: 'thread', lost: RECORD_SHAPES.length - taken.length, lanes: { OTLPLogExporter: { delivered: taken.length } } });
    expect(recordsAt(sink)).toEqual(taken.map(({ expected }) => expected));
    expect(decodedBy(sink)[0]?.resourceLogs[0]).toMatchObject(DECODED_ENVELOPE);
  });

  it('any records of any resources and scopes, the same by protobuf and by JSON', async () => {
    const exporters = protocols.map((protocol) => new OtlpLogRecordExporter({ url: `${collector.url}/v1/logs`, protocol }, {}));
    // What is sent, by a decoder of our own, which the fast suite holds against the stock serializer.
    const proxy = await FaultServer.start();
    const own = new OtlpLogRecordExporter({ url: proxy.url }, {});
    atEnd(() => proxy.close());
    atEnd(() => Promise.all([...exporters, own].map((exporter) => exporter.shutdown())));
    const property = fc.asyncProperty(fc.array(anyEmittedRecord, { minLength: 1, maxLength: 8 }), anyProvider, async (emitted, provider) => {
      sink.requests.length = 0;
      proxy.requests.length = 0;
      const records = captureRecords(emitted, provider);
      for (const exporter of [...exporters, own]) {
        expect(await exporter.exportOnce(records, new AbortController().signal)).not.toHaveProperty('lost');
      }
      const sent = logRecordsOf(decodeLogsRequest((proxy.requests[0] as { body: Buffer }).body)).map(withoutEmptyBody);
      expect(recordsAt(sink)).toEqual([...sent, ...sent]);
      expect(decodedBy(sink)[1]).toEqual(decodedBy(sink)[0]);
    });
    await fc.assert(property, { numRuns: 150 });
  });

  it.each(workers)('a file of file() from the %s, read by the otlpjsonfile receiver', async (worker) => {
    const folder = mkdtempSync(join(tmpdir(), 'otel-log-queue-collector-'));
    atEnd(() => rmSync(folder, { recursive: true }));
    const processor = new QueueLogRecordProcessor({ exporter: file({ path: join(folder, 'app.jsonl'), format: 'otlp' }), worker });
    await emitThrough(processor, emittedShapes);
    expect(processor.stats()).toMatchObject({ lost: 0, lanes: { file: { delivered: RECORD_SHAPES.length } } });
    const fileSink = await FaultServer.start();
    atEnd(() => fileSink.close());
    const reader = await CollectorServer.start(path, { sinkUrl: fileSink.url, jsonFiles: join(folder, '*.jsonl') });
    atEnd(() => reader.stop());
    await until(() => recordsAt(fileSink).length >= RECORD_SHAPES.length);
    expect(recordsAt(fileSink)).toEqual(RECORD_SHAPES.map(({ expected }) => expected));
    for (const { resourceLogs } of decodedBy(fileSink)) {
      expect(resourceLogs).toMatchObject([DECODED_ENVELOPE]);
    }
  });
});
