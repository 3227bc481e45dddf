import { VictoriaLogsServer } from '../../scripts/backends/victoria-logs';
import { loki, otlp, QueueLogRecordProcessor } from '../../src';
import { captureDiag } from '../support/capture-diag';
import { expectSettled } from '../support/conservation';
import { ScenarioRig } from '../support/fault-scenario';
import { range } from '../support/records';
import { endRigs } from '../support/sdk';
import { until } from '../support/until';
import { atEnd, cleanUpAll } from './at-end';
import { emitThrough } from './collector-rig';
import { describeBackend } from './real-backend';
import { RECORD_SHAPES } from './record-shapes';

// A second server for both protocols, which was written by others.
const exporters = [
  { name: 'OTLP protobuf', lane: 'otlp', describe: (url: string) => otlp({ url: `${url}/insert/opentelemetry/v1/logs` }) },
  { name: 'OTLP protobuf, gzip', lane: 'otlp', describe: (url: string) => otlp({ url: `${url}/insert/opentelemetry/v1/logs`, compression: 'gzip' }) },
  { name: 'Loki JSON', lane: 'loki', describe: (url: string) => loki({ url: `${url}/insert`, compression: 'none' }) },
  { name: 'Loki JSON, gzip', lane: 'loki', describe: (url: string) => loki({ url: `${url}/insert` }) },
  { name: 'Loki protobuf', lane: 'loki', describe: (url: string) => loki({ url: `${url}/insert`, encoding: 'protobuf', compression: 'none' }) },
];
const workers = ['event-loop', 'thread'] as const;
const ways = exporters.flatMap((exporter) => workers.map((worker) => ({ ...exporter, worker })));

jest.setTimeout(60_000);

describeBackend('victorialogs', (path) => {
  let diagnostics: ReturnType<typeof captureDiag>;

  beforeEach(() => {
    diagnostics = captureDiag();
  });

  afterEach(async () => {
    await endRigs();
    await cleanUpAll();
    diagnostics.restore();
  });

  async function start(): Promise<VictoriaLogsServer> {
    const server = await VictoriaLogsServer.start(path);
    atEnd(() => server.stop());
    return server;
  }

  /** All rows, once there are so many: they are visible about a second after they were taken. */
  async function rowsOf(server: VictoriaLogsServer, count: number): Promise<Record<string, string>[]> {
    const giveUp = Date.now() + 15_000;
    for (;;) {
      const rows = await server.query('_time:[2020-01-01, 2100-01-01]');
      if (rows.length >= count || Date.now() > giveUp) {
        return rows;
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  it('takes Loki protobuf without gzip only: what it refuses is counted', async () => {
    const server = await start();
    const processor = new QueueLogRecordProcessor({ exporter: loki({ url: `${server.url}/insert`, encoding: 'protobuf' }) });
    await emitThrough(processor, [{ body: 'a line' }]).catch(() => undefined);
    expect(processor.stats().lanes['loki']).toMatchObject({ delivered: 0, dropped: { rejected: 1 } });
    expectSettled(processor.stats());
  });

  describe.each(ways)('$name, $worker', ({ describe: describeExporter, lane, worker }) => {
    it('stores a record with all its fields', async () => {
      const server = await start();
      const time: [number, number] = [1_700_000_000, 123_456_789];
      const processor = new QueueLogRecordProcessor({ exporter: describeExporter(server.url), worker });
      await emitThrough(processor, [
        {
          body: 'hello "w"\n\tünï 😀',
          severityNumber: 17,
          severityText: 'ERROR',
          timestamp: time,
          observedTimestamp: time,
          attributes: { text: 'x"\\y', count: 7, list: ['a', 1] },
          spanContext: { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', traceFlags: 1 },
        },
      ]);
      expectSettled(processor.stats());
      const [row] = await rowsOf(server, 1);
      expect(row).toMatchObject({
        _msg: 'hello "w"\n\tünï 😀',
        _time: '2023-11-14T22:13:20.123456789Z',
        text: 'x"\\y',
        count: '7',
        list: '["a",1]',
        severity_number: '17',
        severity_text: 'ERROR',
        trace_id: '0af7651916cd43dd8448eb211c80319c',
        span_id: 'b7ad6b7169203331',
        ...(lane === 'loki' ? { service_name: 'shop', scope_name: 'checkout', detected_level: 'error', _stream: '{service_name="shop"}' } : { 'service.name': 'shop', 'scope.name': 'checkout' }),
      });
    });

    it('takes every shape of a record', async () => {
      const server = await start();
      const processor = new QueueLogRecordProcessor({ exporter: describeExporter(server.url), worker });
      // One that has neither text nor attributes is an empty row, and there is none.
      const shapes = RECORD_SHAPES.filter(({ name }) => name !== 'nothing but times' && name !== 'an empty text');
      await emitThrough(processor, shapes.map(({ emitted }, index) => ({ ...emitted, attributes: { seq: index, ...emitted.attributes } })));
      expect(processor.stats()).toMatchObject({ lost: 0, lanes: { [lane]: { delivered: shapes.length } } });
      const rows = await rowsOf(server, shapes.length);
      expect(rows.map(({ seq }) => Number(seq)).sort((a, b) => a - b)).toEqual(range(0, shapes.length));
    });

    it('stopped in the middle and started again: nothing is lost, by its own count', async () => {
      const server = await start();
      const rig = new ScenarioRig(describeExporter(server.url), lane, worker);
      rig.emit(1000);
      await rig.settle();
      await server.goDown();
      rig.emit(1000);
      await until(() => rig.lane.retries >= 2);
      await server.goUp();
      rig.emit(1000);
      await rig.settle();
      const rows = await rowsOf(server, 3000);
      const { emitted, received, stats } = rig.end(rows.map(({ seq }) => Number(seq)));
      expect(received).toEqual(range(0, emitted));
      expect(stats.lost).toBe(0);
      expectSettled(stats);
    });
  });
});
