import { join } from 'node:path';
import { runApplication } from '../support/application';
import { FaultServer } from '../support/fault-server';
import { nodeReleases } from '../support/node-releases';
import { otlpSequences } from '../support/received-sequences';
import { range } from '../support/records';

// Node ends a process with code 13 when nothing that is referenced is left while a module awaits.
const callSequences = [['forceFlush'], ['shutdown'], ['forceFlush', 'forceFlush', 'shutdown']];

let server: FaultServer;

beforeEach(async () => {
  server = await FaultServer.start();
});

afterEach(() => server.close());

jest.setTimeout(60_000);

describe.each(nodeReleases.flatMap((node) => (['thread', 'event-loop'] as const).map((worker) => ({ ...node, worker }))))('an ESM application, $name, $worker', ({ program, worker }) => {
  it.each(callSequences.map((calls) => ({ calls })))('that awaits $calls at its top level ends with code 0 and everything delivered', async ({ calls }) => {
    const { code, stdout, stderr } = await runApplication({ program, script: join(__dirname, 'fixtures', 'top-level-await.mjs'), settings: { url: server.url, worker, calls } });
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: calls.map((call) => `${call}\n`).join(''), stderr: '' });
    expect(server.requests.flatMap(otlpSequences)).toEqual(range(0, 100 * calls.length));
  });
});
