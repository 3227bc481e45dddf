import { join } from 'node:path';
import { runApplication, type ApplicationEnd } from '../support/application';
import { FaultServer, hang, reset } from '../support/fault-server';
import { nodeReleases } from '../support/node-releases';
import { otlpSequences } from '../support/received-sequences';
import { range } from '../support/records';

// A worker that waited for a back-off of minutes, or for a time-out of one, would be ended by the runner, and the signal would show it.
const options = { shutdownTimeoutMillis: 60_000, retry: { initialDelayMillis: 600_000, maxDelayMillis: 600_000, maxElapsedTimeMillis: 6_000_000 } };

jest.setTimeout(120_000);

let live: FaultServer;
let dead: FaultServer;

beforeEach(async () => {
  live = await FaultServer.start();
  dead = await FaultServer.start();
});

afterEach(async () => {
  await live.close();
  await dead.close();
});

describe.each(nodeReleases)('at an exit with a dead backend, $name', ({ program }) => {
  const run = (end: string, urls: Record<string, string>, more: object = {}): Promise<ApplicationEnd> =>
    runApplication({ program, script: join(__dirname, 'fixtures', 'service.cjs'), settings: { end, urls, records: 1000, options: { ...options, ...more } } });

  it.each(['natural', 'exit', 'throw', 'reject'])('end by %s, connection refused: nothing is waited for, and every loss is said', async (end) => {
    const { url } = dead;
    await dead.close();
    const { code, signal, stderr } = await run(end, { otlp: url });
    expect({ code, signal }).toEqual({ code: end === 'natural' || end === 'exit' ? 0 : 1, signal: null });
    expect(stderr).toContain('lost in all: 1000 shutdown_timeout in lane otlp');
    expect(stderr).toContain('ECONNREFUSED');
  });

  it.each(['exit', 'throw'])('end by %s, an attempt that is reset: one attempt, and every loss is said', async (end) => {
    dead.script(reset);
    const { signal, stderr } = await run(end, { otlp: dead.url });
    expect(signal).toBeNull();
    expect(stderr).toContain('lost in all: 1000 shutdown_timeout in lane otlp');
    // Repeated at once where the connection was opened ahead, and one more if the thread had begun one by itself before the end.
    expect([1, 2, 3]).toContain(dead.requests.length);
  });

  it.each(['exit', 'throw'])('end by %s, no answer: held for exitTimeoutMillis, and every loss is said', async (end) => {
    dead.script(hang);
    const { signal, stderr } = await run(end, { otlp: dead.url }, { exitTimeoutMillis: 1500 });
    expect(signal).toBeNull();
    expect(stderr).toContain('lost in all: 1000 shutdown_timeout in lane otlp');
    expect(dead.requests).toHaveLength(1);
  });

  it.each(['refused', 'hang', 'reset'])('of two lanes the one with a backend delivers all, the other one counts all: %s', async (fault) => {
    const { url } = dead;
    dead.script(fault === 'hang' ? hang : reset);
    if (fault === 'refused') {
      await dead.close();
    }
    const { code, signal, stderr } = await run('exit', { live: live.url, dead: url }, { exitTimeoutMillis: 1500 });
    expect({ code, signal }).toEqual({ code: 0, signal: null });
    expect(live.requests.flatMap(otlpSequences)).toEqual(range(0, 1000));
    expect(stderr).toContain('lost in all: 1000 shutdown_timeout in lane dead');
    expect(stderr).not.toContain('in lane live');
  });
});
