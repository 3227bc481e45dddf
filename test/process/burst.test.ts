import { join } from 'node:path';
import { runApplication } from '../support/application';
import { after, FaultServer, ok } from '../support/fault-server';
import { nodeReleases } from '../support/node-releases';
import { otlpSequences } from '../support/received-sequences';
import { range } from '../support/records';

const BURST = 100_000;

let server: FaultServer;

beforeEach(async () => {
  server = await FaultServer.start();
});

afterEach(() => server.close());

jest.setTimeout(120_000);

const script = join(__dirname, 'fixtures', 'service.cjs');
const received = (): number[] => server.requests.flatMap(otlpSequences);

describe.each(nodeReleases)('with a thread, $name', ({ program }) => {
  it('a burst of 100,000 records on a cold start is received whole, where the stock processor keeps its queue and a batch', async () => {
    expect(await runApplication({ program, script, settings: { end: 'shutdown', urls: { otlp: server.url }, records: BURST } })).toMatchObject({ code: 0, stderr: '' });
    expect(received()).toEqual(range(0, BURST));

    server.requests.length = 0;
    expect(await runApplication({ program, script, settings: { end: 'shutdown', urls: { otlp: server.url }, records: BURST, isStock: true } })).toMatchObject({ code: 0, stderr: '' });
    expect(received().length).toBeGreaterThanOrEqual(2048);
    expect(received().length).toBeLessThanOrEqual(2048 + 512);
  });

  it('a main thread that is busy for 3 s while it logs: records arrive during it, none is lost', async () => {
    const arrivals: { readonly millis: number; readonly records: number }[] = [];
    server.script({
      answer: (response, request, recorded) => {
        arrivals.push({ millis: Date.now(), records: otlpSequences(recorded).length });
        ok.answer(response, request, recorded);
      },
    });
    const { code, stdout } = await runApplication({ program, script, settings: { end: 'busy', urls: { otlp: server.url }, records: 0, options: { scheduledDelayMillis: 100 } } });
    expect(code).toBe(0);
    const { endMillis, emitted } = JSON.parse(stdout) as { endMillis: number; emitted: number };
    expect(received()).toEqual(range(0, emitted));
    const meanwhile = arrivals.filter(({ millis }) => millis < endMillis).reduce((sum, { records }) => sum + records, 0);
    expect(meanwhile).toBeGreaterThan(emitted / 2);
  });

  it('block, with a receiver far slower than the application and bounds of a fraction of what it logs, loses nothing', async () => {
    server.script(after(50, ok));
    const options = { maxQueueBytes: 64 * 1024, onQueueFull: { policy: 'block', timeoutMillis: 30_000 } };
    const ended = await runApplication({ program, script, settings: { end: 'exit', urls: { otlp: server.url }, records: 20_000, lane: { maxQueueSize: 1000 }, options } });
    expect(ended).toMatchObject({ code: 0, signal: null, stderr: '' });
    expect(received()).toEqual(range(0, 20_000));
    // A lane of 1,000 records: were it not bounded, two or three requests would have done.
    expect(server.requests.length).toBeGreaterThanOrEqual(20);
  });
});
