import { join } from 'node:path';
import { runApplication, type ApplicationEnd } from '../support/application';
import { FaultServer } from '../support/fault-server';
import { nodeReleases, type NodeRelease } from '../support/node-releases';
import { runInPool } from '../support/pool';
import { otlpSequences } from '../support/received-sequences';
import { range } from '../support/records';

interface Exit {
  readonly node: NodeRelease;
  readonly sdk: 'LoggerProvider' | 'NodeSDK';
  readonly isWarm: boolean;
  readonly end: 'natural' | 'exit' | 'throw' | 'reject' | 'sigterm';
}

interface Outcome extends ApplicationEnd {
  readonly received: readonly number[];
}

const RECORDS = 1000;
const WARM_UP_RECORDS = 10;

const exits: Exit[] = nodeReleases.flatMap((node) =>
  (['LoggerProvider', 'NodeSDK'] as const).flatMap((sdk) => [false, true].flatMap((isWarm) => (['natural', 'exit', 'throw', 'reject', 'sigterm'] as const).map((end) => ({ node, sdk, isWarm, end })))),
);

async function runExit({ node, ...settings }: Exit): Promise<Outcome> {
  const server = await FaultServer.start();
  try {
    const ended = await runApplication({ program: node.program, script: join(__dirname, 'fixtures', 'service.cjs'), settings: { ...settings, records: RECORDS, urls: { otlp: server.url } } });
    return { ...ended, received: server.requests.flatMap(otlpSequences) };
  } finally {
    await server.close();
  }
}

// All at once, three at a time: a child process mostly waits for its modules to load.
let outcomes: readonly Promise<Outcome>[];
beforeAll(() => {
  outcomes = runInPool(3, exits, runExit);
});
afterAll(() => Promise.allSettled(outcomes));

jest.setTimeout(240_000);

it.each(exits.map((exit, index) => ({ ...exit, index, name: exit.node.name, start: exit.isWarm ? 'warm' : 'cold' })))('$name, $sdk, $start start, end by $end: every record is received once', async ({ index, end, isWarm }) => {
  const { code, signal, stderr, received } = await (outcomes[index] as Promise<Outcome>);
  expect({ code, signal }).toEqual({ code: end === 'throw' || end === 'reject' ? 1 : 0, signal: null });
  expect(received).toEqual(range(0, RECORDS + (isWarm ? WARM_UP_RECORDS : 0)));
  // Only what Node itself says about the error.
  expect(stderr).not.toContain('otel-log-queue:');
});
