import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CollectorServer } from '../../scripts/backends/collector';
import { ExportError, otlp, OtlpLogRecordExporter, QueueLogRecordProcessor } from '../../src';
import { captureDiag } from '../support/capture-diag';
import { expectSettled } from '../support/conservation';
import { ScenarioRig } from '../support/fault-scenario';
import { FaultServer, status } from '../support/fault-server';
import { makeRecord, range } from '../support/records';
import { endRigs, makeProvider } from '../support/sdk';
import { until } from '../support/until';
import { atEnd, cleanUpAll } from './at-end';
import { recordsAt, sequencesAt } from './collector-rig';
import { describeBackend } from './real-backend';

// A real Collector that refuses, fails, dies and comes back: emitted = received + counted, by the count of what stands behind it.
const workers = ['event-loop', 'thread'] as const;
const NEVER = new AbortController().signal;

// What the Collector makes of the status that it gets itself.
const permanent = [
  { answered: 401, seen: 401, reason: 'export_failed' },
  { answered: 403, seen: 403, reason: 'export_failed' },
  { answered: 404, seen: 404, reason: 'export_failed' },
  { answered: 413, seen: 500, reason: 'export_failed' },
  { answered: 500, seen: 500, reason: 'export_failed' },
  { answered: 400, seen: 400, reason: 'rejected' },
] as const;
const passing = [
  { answered: 429, seen: 429 },
  { answered: 502, seen: 503 },
  { answered: 503, seen: 503 },
  { answered: 504, seen: 503 },
] as const;

jest.setTimeout(60_000);

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
    sink.script();
    sink.requests.length = 0;
  });

  afterEach(async () => {
    await endRigs();
    await cleanUpAll();
    diagnostics.restore();
  });

  const describeOtlp = (options: Parameters<typeof otlp>[0] = {}): ReturnType<typeof otlp> => otlp({ url: `${collector.url}/v1/logs`, ...options });

  async function failureOf(options: ConstructorParameters<typeof OtlpLogRecordExporter>[0], records = [makeRecord(0)]): Promise<ExportError> {
    const exporter = new OtlpLogRecordExporter(options, {});
    const error: unknown = await exporter.exportOnce(records, NEVER).catch((reason: unknown) => reason);
    await exporter.shutdown();
    expect(error).toBeInstanceOf(ExportError);
    return error as ExportError;
  }

  it.each([...permanent, ...passing])('the status $answered is seen as $seen, with the words of the Collector', async ({ answered, seen }) => {
    for (const protocol of ['http/protobuf', 'http/json'] as const) {
      sink.script(status(answered, { body: 'for a test' }));
      const { message, status: seenStatus, retryable } = await failureOf({ url: `${collector.url}/v1/logs`, protocol });
      expect({ seenStatus, retryable }).toEqual({ seenStatus: seen, retryable: passing.some((each) => each.answered === answered) });
      // Read from google.rpc.Status, in the format of the request.
      expect(message).toContain(`HTTP Status Code ${answered}`);
    }
  });

  describe.each(workers)('%s', (worker) => {
    it.each(permanent)('a lasting $answered: all is lost and counted as $reason', async ({ answered, reason }) => {
      sink.script(status(answered));
      const rig = new ScenarioRig(describeOtlp(), 'otlp', worker);
      rig.emit(20);
      await rig.settle();
      expect(rig.end([]).lane).toMatchObject({ delivered: 0, dropped: { [reason]: 20 } });
    });

    it.each(passing)('a $answered that passes: nothing is lost', async ({ answered }) => {
      const accept = status(200);
      sink.script(status(answered), status(answered), accept);
      const rig = new ScenarioRig(describeOtlp({ compression: 'gzip' }), 'otlp', worker);
      rig.emit(500);
      await rig.settle();
      expect(rig.lane).toMatchObject({ delivered: 500, retries: 2, dropped: {} });
      // The Collector holds nothing back, so what came with a refusal stands in the two requests before.
      expect(sequencesAt(sink).slice(-500)).toEqual(range(0, 500));
      expect(sink.requests.length).toBeGreaterThanOrEqual(3);
    });

    it('a record that is refused: it alone is lost', async () => {
      const taken: number[] = [];
      sink.script({
        answer: (response, _request, { body }) => {
          const text = String(body);
          const isPoison = text.includes('record 133"');
          if (!isPoison) {
            taken.push(...[...text.matchAll(/"record (\d+)"/g)].map(([, seq]) => Number(seq)));
          }
          response.writeHead(isPoison ? 400 : 200);
          response.end();
        },
      });
      const rig = new ScenarioRig(describeOtlp(), 'otlp', worker);
      rig.emit(500);
      await rig.settle();
      expect(rig.lane).toMatchObject({ delivered: 499, dropped: { rejected: 1 } });
      expect(taken.sort((a, b) => a - b)).toEqual(range(0, 500).filter((seq) => seq !== 133));
    });

    it('a record above the 20 MiB that a Collector takes: it alone is lost', async () => {
      const maxQueueBytes = 64 * 1024 * 1024;
      const processor = new QueueLogRecordProcessor({ exporters: [{ exporter: describeOtlp(), maxQueueBytes, maxExportBatchBytes: maxQueueBytes }], worker, maxQueueBytes });
      const { provider } = makeProvider(processor);
      const logger = provider.getLogger('large');
      for (const seq of range(0, 5)) {
        logger.emit({ body: seq === 2 ? 'x'.repeat(21 * 1024 * 1024) : 'small', attributes: { seq } });
      }
      await provider.forceFlush().catch(() => undefined);
      expect(processor.stats().lanes['otlp']).toMatchObject({ delivered: 4, dropped: { rejected: 1 } });
      expect(diagnostics.lines.join('\n')).toContain('request body too large');
      expectSettled(processor.stats());
      await provider.shutdown();
      expect(sequencesAt(sink)).toEqual([0, 1, 3, 4]);
    });

    it('killed in the middle and started again: nothing is lost, by the count of the sink', async () => {
      const own = await CollectorServer.start(path, { sinkUrl: sink.url });
      atEnd(() => own.stop());
      const rig = new ScenarioRig(otlp({ url: `${own.url}/v1/logs` }), 'otlp', worker);
      rig.emit(1000);
      await rig.settle();
      await own.kill();
      rig.emit(1000);
      await until(() => rig.lane.retries >= 2);
      rig.emit(1000);
      await own.restart();
      rig.emit(1000);
      await rig.settle();
      const { emitted, received, stats } = rig.end(sequencesAt(sink));
      expect(received).toEqual(range(0, emitted));
      expect(stats.lost).toBe(0);
      expectSettled(stats);
    });

    it('a Collector in front of a sink that is gone: held, then delivered', async () => {
      const own = await FaultServer.start();
      const through = await CollectorServer.start(path, { sinkUrl: own.url });
      atEnd(() => through.stop());
      const { port } = own;
      await own.close();
      const rig = new ScenarioRig(otlp({ url: `${through.url}/v1/logs` }), 'otlp', worker);
      rig.emit(1000);
      await until(() => rig.lane.retries >= 2);
      const back = await FaultServer.startAt(port);
      atEnd(() => back.close());
      await rig.settle();
      expect(rig.lane).toMatchObject({ delivered: 1000, dropped: {} });
      expect(sequencesAt(back)).toEqual(range(0, 1000));
    });

    it('a spool that was left behind, read by the otlpjsonfile receiver', async () => {
      const directory = mkdtempSync(join(tmpdir(), 'otel-log-queue-collector-'));
      atEnd(() => rmSync(directory, { recursive: true }));
      const processor = new QueueLogRecordProcessor({ exporter: otlp({ url: 'http://127.0.0.1:9/v1/logs' }), worker, spool: { directory } });
      const { provider, emit } = makeProvider(processor);
      emit(0, 2000);
      await provider.shutdown();
      expect(processor.stats().lanes['otlp']).toMatchObject({ spooled: 2000, dropped: {} });
      const segments = readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.jsonl'));
      expect(segments).not.toEqual([]);
      const reader = await CollectorServer.start(path, { sinkUrl: sink.url, jsonFiles: join(directory, '**', '*.jsonl') });
      atEnd(() => reader.stop());
      await until(() => recordsAt(sink).length >= 2000);
      expect(sequencesAt(sink).sort((a, b) => a - b)).toEqual(range(0, 2000));
      expect(recordsAt(sink)[7]).toMatchObject({ severityNumber: 9, severityText: 'INFO', attributes: [{ key: 'seq' }] });
    });
  });
});
