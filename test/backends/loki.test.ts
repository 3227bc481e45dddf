import type { LokiServer } from '../../scripts/backends/loki';
import { LokiQuery, type LokiEntry } from '../../scripts/backends/loki-query';
import { runCanary } from '../../scripts/canary/canary-run';
import { loki, LokiLogRecordExporter, otlp, QueueLogRecordProcessor } from '../../src';
import { captureDiag } from '../support/capture-diag';
import { captureRecords, type EmittedRecord } from '../support/captured-records';
import { expectSettled } from '../support/conservation';
import { ScenarioRig } from '../support/fault-scenario';
import { range } from '../support/records';
import { endRigs } from '../support/sdk';
import { TcpProxy } from '../support/tcp-proxy';
import { until } from '../support/until';
import { atEnd, cleanUpAll } from './at-end';
import { emitThrough } from './collector-rig';
import { countOf, emitToLoki, entriesOf, hrTimeOf, LOKI_WAYS, newTenant, nowNanos } from './loki-rig';
import { describeBackend, startLoki } from './real-backend';
import { RECORD_SHAPES } from './record-shapes';

const workers = ['event-loop', 'thread'] as const;
const SELECTOR = '{service_name="shop"}';

// What `LokiMapping` does otherwise on purpose, or what Loki's OTLP endpoint drops.
const NOT_THE_SAME = ['a dotted and a foreign key', 'text of 96 KB', 'more attributes than the SDK takes', 'no number', 'infinity', 'minus infinity', 'two times'];

jest.setTimeout(60_000);

describeBackend('loki', (path) => {
  let server: LokiServer;
  let diagnostics: ReturnType<typeof captureDiag>;

  beforeAll(async () => {
    server = await startLoki(path);
  });

  afterAll(() => server.stop());

  beforeEach(() => {
    diagnostics = captureDiag();
  });

  afterEach(async () => {
    await endRigs();
    await cleanUpAll();
    diagnostics.restore();
  });

  const queryOf = (tenant: string): LokiQuery => new LokiQuery(server.url, { 'x-scope-orgid': tenant });

  describe.each(LOKI_WAYS)('by $way', ({ options }) => {
    it.each(workers)('is stored as by the OTLP endpoint of Loki: labels, structured metadata, line, time (%s)', async (worker) => {
      const from = nowNanos();
      const shapes = RECORD_SHAPES.filter(({ name }) => !NOT_THE_SAME.includes(name));
      const emitted = shapes.map((shape, index): EmittedRecord => ({ ...shape.emitted, timestamp: hrTimeOf(from + BigInt(index)), observedTimestamp: hrTimeOf(from + BigInt(index)) }));
      const [ours, theirs] = [newTenant(), newTenant()];
      const processors = [
        new QueueLogRecordProcessor({ exporter: loki({ url: server.url, tenantId: ours, ...options }), worker }),
        new QueueLogRecordProcessor({ exporter: otlp({ url: `${server.url}/otlp/v1/logs`, headers: { 'x-scope-orgid': theirs } }), worker }),
      ];
      for (const processor of processors) {
        await emitThrough(processor, emitted);
        expect(processor.stats().lost).toBe(0);
      }
      const stored = await entriesOf(queryOf(ours), SELECTOR, from, shapes.length);
      const reference = await entriesOf(queryOf(theirs), SELECTOR, from, shapes.length);
      expect(stored).toHaveLength(shapes.length);
      expect(stored.map((entry, index) => comparable(entry, reference[index]))).toEqual(reference);
    });

    it('keeps the escapes of a stack trace in structured metadata', async () => {
      const tenant = newTenant();
      const from = nowNanos();
      const stack = 'Error: "quoted" \\ and\n\tat f (/app/a.js:1:2)\n\tat g (C:\\b.js)';
      await emitToLoki({ url: server.url, tenantId: tenant, ...options }, [[{ body: 'failed', attributes: { 'exception.stacktrace': stack } }]]);
      const [entry] = await entriesOf(queryOf(tenant), SELECTOR, from, 1);
      expect(entry?.metadata).toMatchObject({ exception_stacktrace: stack });
    });

    it('names that Loki refuses cost no record', async () => {
      const tenant = newTenant();
      const from = nowNanos();
      const { lane } = await emitToLoki({ url: server.url, tenantId: tenant, ...options }, [[{ body: 'a', attributes: { '日本': 'x', _: 'y', $: 'z', good: 'kept' } }, { body: 'b' }]]);
      expect(lane).toMatchObject({ delivered: 2, retries: 0, dropped: {} });
      const entries = await entriesOf(queryOf(tenant), SELECTOR, from, 2);
      expect(entries.map(({ line }) => line).sort()).toEqual(['a', 'b']);
      expect(entries.find(({ line }) => line === 'a')?.metadata).toMatchObject({ good: 'kept' });
    });

    it('what is above a limit of an entry is cut, and the record arrives', async () => {
      const tenant = newTenant();
      const from = nowNanos();
      const attributes = Object.fromEntries(range(0, 127).map((index) => [`key${index}`, 'x'.repeat(1000)]));
      const { lane } = await emitToLoki({ url: server.url, tenantId: tenant, ...options }, [[{ body: 'y'.repeat(300_000) }, { body: 'many', attributes }, { body: 'large', attributes: { large: 'z'.repeat(100_000) } }]]);
      expect(lane).toMatchObject({ delivered: 3, dropped: {} });
      const entries = await entriesOf(queryOf(tenant), SELECTOR, from, 3);
      expect(entries.map(({ line }) => line.length).sort((a, b) => a - b)).toEqual([4, 5, 262_144]);
    });

    it('a batch that is larger than the messages inside Loki arrives whole', async () => {
      const tenant = newTenant();
      const lines = range(0, 3000).map((seq) => ({ body: `${seq} ${'x'.repeat(2000)}` }));
      const limits = { maxExportBatchSize: 10_000, maxExportBatchBytes: 32 * 1024 * 1024 };
      const { lane } = await emitToLoki({ url: server.url, tenantId: tenant, ...options }, [lines], { ...limits, retry: { initialDelayMillis: 500, maxElapsedTimeMillis: 30_000 } });
      // Loki's rate is 4 MB a second: some wait.
      expect(lane).toMatchObject({ delivered: 3000, dropped: {} });
      await expect(countOf(queryOf(tenant), SELECTOR, 3000)).resolves.toBe(3000);
    });

    it('a name of metadata that is a label comes back apart from it', async () => {
      const tenant = newTenant();
      const from = nowNanos();
      await emitToLoki({ url: server.url, tenantId: tenant, ...options }, [[{ body: 'a', attributes: { service_name: 'another' } }]]);
      const [entry] = await entriesOf(queryOf(tenant), SELECTOR, from, 1);
      expect(entry?.labels).toMatchObject({ service_name: 'shop' });
      expect(Object.values(entry?.metadata ?? {})).toContain('another');
    });

    it('what is too far behind its stream is counted, and only that', async () => {
      const tenant = newTenant();
      const behind = (seq: number): EmittedRecord => ({ body: `old ${seq}`, timestamp: hrTimeOf(nowNanos(-2 * 3_600_000) + BigInt(seq)) });
      const { lane } = await emitToLoki({ url: server.url, tenantId: tenant, ...options }, [[{ body: 'new' }], [behind(1), behind(2), { body: 'newer' }]]);
      expect(lane).toMatchObject({ delivered: 2, dropped: { rejected: 2 } });
      await expect(countOf(queryOf(tenant), SELECTOR, 2)).resolves.toBe(2);
    });

    it('what is too old or of tomorrow is counted, and only that', async () => {
      const tenant = newTenant();
      const at = (body: string, millis: number): EmittedRecord => ({ body, timestamp: hrTimeOf(nowNanos(millis)) });
      const { lane } = await emitToLoki({ url: server.url, tenantId: tenant, ...options }, [[at('good', 0), at('old', -8 * 86_400_000), at('new', 86_400_000), at('good too', 1)]]);
      expect(lane).toMatchObject({ delivered: 2, dropped: { rejected: 2 } });
      await expect(countOf(queryOf(tenant), SELECTOR, 2)).resolves.toBe(2);
    });

    it('a batch that is sent twice is stored once', async () => {
      const tenant = newTenant();
      const exporter = new LokiLogRecordExporter({ url: server.url, tenantId: tenant, ...options }, {});
      const records = captureRecords(range(0, 100).map((seq) => ({ body: `record ${seq}`, attributes: { seq } })), { resource: { 'service.name': 'shop' } });
      for (let time = 0; time < 2; time++) {
        expect(await exporter.exportOnce(records, new AbortController().signal)).not.toHaveProperty('lost');
      }
      await exporter.shutdown();
      await expect(countOf(queryOf(tenant), SELECTOR, 100)).resolves.toBe(100);
    });

    it.each(workers)('an outage: nothing is lost and nothing is there twice (%s)', async (worker) => {
      const tenant = newTenant();
      const from = nowNanos();
      const proxy = await TcpProxy.start(Number(new URL(server.url).port));
      atEnd(() => proxy.goDown());
      const rig = new ScenarioRig(loki({ url: proxy.url, tenantId: tenant, labels: { service_name: 'shop' }, ...options }), 'loki', worker);
      rig.emit(1000);
      await rig.settle();
      await proxy.goDown();
      rig.emit(1000);
      await until(() => rig.lane.retries >= 2);
      await proxy.goUp();
      rig.emit(1000);
      // Cut in the middle of a push: Loki has it or has not, and gets it again.
      proxy.setFault({ cutAfterBytes: 2000 });
      rig.emit(1000);
      await until(() => rig.lane.retries >= 4);
      proxy.setFault('none');
      await rig.settle();
      const { emitted, stats } = rig.end([]);
      expect(stats).toMatchObject({ lost: 0, lanes: { loki: { delivered: emitted } } });
      expectSettled(stats);
      const entries = await entriesOf(queryOf(tenant), SELECTOR, from, emitted);
      expect(entries.map(({ metadata }) => Number(metadata['seq'])).sort((a, b) => a - b)).toEqual(range(0, emitted));
    });
  });

  it('answers 204 although an entry of the first stream of a push is lost: why a push should have one stream', async () => {
    const tenant = newTenant();
    const push = (streams: unknown): Promise<Response> => fetch(`${server.url}/loki/api/v1/push`, { method: 'POST', headers: { 'content-type': 'application/json', 'x-scope-orgid': tenant }, body: JSON.stringify({ streams }) });
    const stream = (service: string, nanos: bigint): unknown => ({ stream: { service_name: service }, values: [[String(nanos), 'a line']] });
    expect((await push([stream('shop', nowNanos())])).status).toBe(204);
    expect((await push([stream('shop', nowNanos(-2 * 3_600_000)), stream('other', nowNanos())])).status).toBe(204);
    await expect(countOf(queryOf(tenant), SELECTOR, 1)).resolves.toBe(1);
  });

  it('the canary finds all that it has emitted, in order', async () => {
    const tenant = newTenant();
    const { stats, selector, ...findings } = await runCanary({
      loki: { url: server.url, tenantId: tenant },
      queryHeaders: { 'x-scope-orgid': tenant },
      durationMillis: 3000,
      rate: 2000,
      patienceMillis: 20_000,
    });
    expect(findings).toEqual({ emitted: 6000, found: 6000, missing: 0, duplicates: 0, outOfOrder: 0, unexpected: 0 });
    expect(selector).toContain('otel-log-queue-canary');
    expectSettled(stats);
  });
});

/** Ours without what is sent on purpose and not by Loki's own endpoint, as `LokiMapping` says. */
function comparable(entry: LokiEntry, reference: LokiEntry | undefined): LokiEntry {
  const { event_name: eventName, detected_level: level, ...metadata } = entry.metadata;
  const { event_name: theirEventName, detected_level: theirLevel } = reference?.metadata ?? {};
  // A severity text that is no level is kept as the level there.
  expect(entry.metadata['severity_text'] === 'FATAL4' ? level : theirLevel).toBe(entry.metadata['severity_text'] === 'FATAL4' ? 'fatal' : level);
  return {
    ...entry,
    metadata: {
      ...metadata,
      ...(theirEventName !== undefined && eventName !== undefined && { event_name: eventName }),
      ...(theirLevel !== undefined && { detected_level: theirLevel }),
    },
  };
}
