import { CollectorServer } from '../../scripts/backends/collector';
import type { LokiServer } from '../../scripts/backends/loki';
import { LokiQuery } from '../../scripts/backends/loki-query';
import { answerOf } from '../support/contract';
import { collector as fakeCollector, collectorFailure } from '../support/fake-collector';
import { FakeLoki } from '../support/fake-loki';
import { FaultServer, status as answerStatus } from '../support/fault-server';
import { lokiContract } from '../support/loki-contract';
import { OTLP_CONTRACT, OTLP_FAILURE_SHAPES, OTLP_FAILURES, OTLP_REQUESTS } from '../support/otlp-contract';
import { countOf } from './loki-rig';
import { describeBackend, startLoki } from './real-backend';

// The same requests to the fakes of the fast suite and to the real servers: the same status, and a body of the same shape.
jest.setTimeout(60_000);

describeBackend('collector', (path) => {
  let real: CollectorServer;
  let sink: FaultServer;
  let fake: FaultServer;

  beforeAll(async () => {
    sink = await FaultServer.start();
    fake = await FaultServer.start();
    real = await CollectorServer.start(path, { sinkUrl: sink.url });
  });

  afterAll(async () => {
    await real.stop();
    await Promise.all([sink.close(), fake.close()]);
  });

  describe('contract', () => {
    it.each(OTLP_CONTRACT.map(({ request, expected }) => ({ ...request, request, expected })))('$name', async ({ request, expected }) => {
      sink.script();
      fake.script(fakeCollector);
      const { shape } = await answerOf(real.url, request);
      expect(shape).toEqual(expected);
      expect((await answerOf(fake.url, request)).shape).toEqual(shape);
    });

    it.each(OTLP_FAILURES)('$behind behind it', async ({ behind, status }) => {
      // A Collector does not forward it.
      sink.script(answerStatus(behind, { retryAfter: '7' }));
      fake.script(collectorFailure(behind, status));
      for (const format of ['protobuf', 'json'] as const) {
        const { shape } = await answerOf(real.url, OTLP_REQUESTS[format]);
        expect(shape).toEqual(OTLP_FAILURE_SHAPES[format](status));
        expect((await answerOf(fake.url, OTLP_REQUESTS[format])).shape).toEqual(shape);
      }
      const { headers } = await fetch(real.url + OTLP_REQUESTS.json.path, { method: 'POST', headers: OTLP_REQUESTS.json.headers, body: OTLP_REQUESTS.json.body });
      expect(headers.get('retry-after')).toBeNull();
    });
  });
});

describeBackend('loki', (path) => {
  const tenant = { 'x-scope-orgid': `contract-${Date.now()}` };
  const rows = lokiContract('contract').map(({ request }, index) => ({ name: request.name, index }));
  let real: LokiServer;

  beforeAll(async () => {
    real = await startLoki(path);
  });

  afterAll(() => real.stop());

  it.each(rows)('contract: $name', async ({ index }) => {
    const job = `row-${index}`;
    // Made anew: its times are of now, and a stream of its own is found by its label.
    const { request, expected, says = '', stored } = lokiContract(job)[index] as ReturnType<typeof lokiContract>[number];
    const { shape, text } = await answerOf(real.url, { ...request, headers: { ...request.headers, ...tenant } });
    expect(shape).toEqual(expected);
    expect(text).toContain(says);
    expect(await countOf(new LokiQuery(real.url, tenant), `{job="${job}"}`, stored)).toBe(stored);
    const fake = await FakeLoki.start({ checksTime: true });
    expect((await answerOf(fake.url, request)).shape).toEqual(shape);
    await fake.close();
  });
});
