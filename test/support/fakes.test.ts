import { otlp, loki } from '../../src';
import { captureDiag } from './capture-diag';
import { answerOf } from './contract';
import { collector, collectorFailure } from './fake-collector';
import { FakeLoki } from './fake-loki';
import { ScenarioRig } from './fault-scenario';
import { FaultServer } from './fault-server';
import { lokiContract } from './loki-contract';
import { OTLP_CONTRACT, OTLP_FAILURE_SHAPES, OTLP_FAILURES, OTLP_REQUESTS } from './otlp-contract';
import { endRigs } from './sdk';
import { until } from './until';

// The fakes answer as the real servers did; test/backends/contract.test.ts asks the real ones the same.
let diagnostics: ReturnType<typeof captureDiag>;

beforeEach(() => {
  diagnostics = captureDiag();
});

afterEach(() => diagnostics.restore());

describe('the fake Collector', () => {
  let server: FaultServer;

  beforeAll(async () => {
    server = await FaultServer.start();
  });

  afterEach(endRigs);
  afterAll(() => server.close());

  it.each(OTLP_CONTRACT.map(({ request, expected }) => ({ ...request, request, expected })))('answers to $name', async ({ request, expected }) => {
    server.script(collector);
    expect((await answerOf(server.url, request)).shape).toEqual(expected);
  });

  it.each(OTLP_FAILURES)('passes $behind on as $status', async ({ behind, status }) => {
    server.script(collectorFailure(behind, status));
    for (const format of ['protobuf', 'json'] as const) {
      expect((await answerOf(server.url, OTLP_REQUESTS[format])).shape).toEqual(OTLP_FAILURE_SHAPES[format](status));
    }
  });

  it.each(['event-loop', 'thread'] as const)('is delivered to by otlp(), which repeats its words (%s)', async (worker) => {
    for (const protocol of ['http/protobuf', 'http/json'] as const) {
      server.script(collectorFailure(503, 503), collector, collectorFailure(403, 403));
      const rig = new ScenarioRig(otlp({ url: `${server.url}/v1/logs`, protocol }), 'otlp', worker);
      rig.emit(100);
      await rig.settle();
      expect(rig.lane).toMatchObject({ delivered: 100, retries: 1 });
      rig.emit(10);
      await rig.settle();
      expect(rig.lane).toMatchObject({ delivered: 100, dropped: { export_failed: 10 } });
      await until(() => diagnostics.lines.join().includes('responded with HTTP Status Code 403'));
    }
  });
});

describe('the fake Loki', () => {
  it.each(lokiContract('contract').map((row) => ({ ...row.request, ...row })))('answers to $name', async ({ request, expected, says = '', stored }) => {
    const fake = await FakeLoki.start({ checksTime: true });
    const { shape, text } = await answerOf(fake.url, request);
    await fake.close();
    expect(shape).toEqual(expected);
    expect(text).toContain(says);
    expect(fake.entries).toHaveLength(stored);
  });

  it.each(['event-loop', 'thread'] as const)('is delivered to by loki() (%s)', async (worker) => {
    const fake = await FakeLoki.start({ checksTime: true });
    const rig = new ScenarioRig(loki({ url: fake.url }), 'loki', worker);
    rig.emit(100);
    await rig.settle();
    await endRigs();
    await fake.close();
    expect(rig.lane).toMatchObject({ delivered: 100, dropped: {} });
    expect(fake.entries).toHaveLength(100);
  });
});
