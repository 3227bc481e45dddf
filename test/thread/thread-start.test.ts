import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../../scripts/load/build';
import { expectSettled } from '../support/conservation';
import { FaultServer, ok } from '../support/fault-server';
import { decodeLogsRequest } from '../support/otlp-decode';
import { range } from '../support/records';
import { runStartApp, START_APP, type StartApp } from '../support/start-app';

let server: FaultServer;
let folder: string;

beforeEach(async () => {
  server = await FaultServer.start(ok);
  folder = mkdtempSync(join(tmpdir(), 'otel-log-queue-start-'));
});

afterEach(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

jest.setTimeout(60_000);

const received = (): number[] =>
  server.requests
    .flatMap((request) => decodeLogsRequest(request.body).resourceLogs)
    .flatMap((resource) => resource.scopeLogs)
    .flatMap((scope) => scope.logRecords)
    .map((record) => Number((record.attributes[0]?.value as { intValue: bigint }).intValue));

const app = (more: Partial<StartApp> = {}): StartApp => ({ url: server.url, records: 100, end: 'flush', ...more });

// Node 20 has the flag under its first name.
const PERMISSION = process.allowedNodeEnvironmentFlags.has('--permission') ? '--permission' : '--experimental-permission';
// From Node 25 on the network needs a permission too.
const ALLOW_NET = process.allowedNodeEnvironmentFlags.has('--allow-net') ? ['--allow-net'] : [];
const withPermission = { argv: [PERMISSION, '--allow-fs-read=*', ...ALLOW_NET, START_APP] };

function write(name: string, code: string): string {
  const path = join(folder, name);
  writeFileSync(path, code);
  return path;
}

describe('the thread', () => {
  it.each(['index.cjs', 'index.mjs'])('starts from the build %s', async (file) => {
    const outcome = await runStartApp(app({ entry: join(ROOT, 'dist', file) }));
    expect(outcome).toMatchObject({ code: 0, threads: 1, diag: [], stats: { worker: 'thread', lost: 0 } });
    expect(received()).toEqual(range(0, 100));
    expectSettled(outcome.stats);
  });

  it('starts under ts-node, from the sources', async () => {
    const argv = ['-r', 'ts-node/register/transpile-only', START_APP];
    const outcome = await runStartApp(app({ entry: join(ROOT, 'src', 'index.ts') }), { argv });
    expect(outcome).toMatchObject({ code: 0, threads: 1, diag: [], stats: { worker: 'thread', lost: 0 } });
    expect(received()).toEqual(range(0, 100));
  });

  it('starts from the file that the user names, by option or environment', async () => {
    const mark = join(folder, 'mark');
    const path = write('copy.cjs', `require('node:fs').appendFileSync(${JSON.stringify(mark)}, 'x'); require(${JSON.stringify(join(ROOT, 'dist', 'otel-log-queue-thread.cjs'))});`);
    for (const [options, env] of [
      [{ workerPath: path }, {}],
      [{}, { OTEL_LOG_QUEUE_WORKER_PATH: path }],
    ]) {
      const outcome = await runStartApp(app({ options: options ?? {} }), { env: env ?? {} });
      expect(outcome).toMatchObject({ threads: 1, diag: [], stats: { worker: 'thread', lost: 0 } });
    }
    expect(readFileSync(mark, 'utf8')).toBe('xx');
    expect(received()).toEqual([...range(0, 100), ...range(0, 100)]);
  });

  it.each([
    ['is missing', undefined],
    ['is no JavaScript', 'this is no JavaScript'],
    ['ends at once', 'process.exit(0)'],
    ['throws', 'throw new Error("not here")'],
    ['is of another version', `const t = require('node:worker_threads'); t.workerData.version = '0.0.0-other'; require(${JSON.stringify(join(ROOT, 'dist', 'otel-log-queue-thread.cjs'))});`],
  ])('goes on to the next way without loss where the file that the user names %s', async (_, code) => {
    const path = code === undefined ? join(folder, 'missing.cjs') : write('broken.cjs', code);
    const outcome = await runStartApp(app({ options: { workerPath: path } }));
    expect(outcome).toMatchObject({ code: 0, threads: 2, stats: { worker: 'thread', accepted: 100, lost: 0 } });
    expect(outcome.diag).toEqual([expect.stringContaining(`the worker thread does not start from ${path}: `)]);
    expect(received()).toEqual(range(0, 100));
    expectSettled(outcome.stats);
  });

  it('whose start fails while the application waits for its shutdown is replaced, too', async () => {
    const outcome = await runStartApp(app({ end: 'shutdown', options: { workerPath: join(folder, 'missing.cjs') } }));
    expect(outcome).toMatchObject({ code: 0, threads: 2, stats: { accepted: 100, lost: 0 } });
    expect(received()).toEqual(range(0, 100));
  });

  it('of its own is not started from inside such a thread', async () => {
    const path = write(
      'recursive.cjs',
      `const { QueueLogRecordProcessor, counting } = require(${JSON.stringify(join(ROOT, 'dist', 'index.cjs'))});
       const { worker } = new QueueLogRecordProcessor({ exporter: counting(), worker: 'thread' }).stats();
       require('node:fs').writeSync(1, 'warn inside: ' + worker + '\\n');
       require(${JSON.stringify(join(ROOT, 'dist', 'otel-log-queue-thread.cjs'))});`,
    );
    const outcome = await runStartApp(app({ options: { workerPath: path } }));
    expect(outcome).toMatchObject({ threads: 1, diag: ['warn inside: event-loop'], stats: { worker: 'thread', lost: 0 } });
  });
});

describe('where threads are not allowed, the event loop drains the ring:', () => {
  it.each(['natural', 'flush', 'shutdown'] as const)('%s delivers all, with a warning', async (end) => {
    const outcome = await runStartApp(app({ end, records: 10_000 }), withPermission);
    expect(outcome).toMatchObject({ code: 0, threads: 0, stats: { worker: 'event-loop', accepted: 10_000, lost: 0 } });
    expect(outcome.diag).toContainEqual(expect.stringContaining('no worker thread, the event loop is used instead: Access to this API has been restricted'));
    expect(received()).toEqual(range(0, 10_000));
    expectSettled(outcome.stats);
  });

  it('process.exit() loses what is queued, counted', async () => {
    const outcome = await runStartApp(app({ end: 'exit' }), withPermission);
    expect(outcome).toMatchObject({ code: 0, stats: { worker: 'event-loop', queued: 0, dropped: { shutdown_timeout: 100 }, lost: 100 } });
    expect(received()).toEqual([]);
    expectSettled(outcome.stats);
  });

  it('block does not block, and who awaits ready() loses nothing', async () => {
    const options = { maxQueueBytes: 32 * 1024, onQueueFull: { policy: 'block', timeoutMillis: 60_000 } };
    const outcome = await runStartApp(app({ end: 'ready', records: 2000, options }), withPermission);
    const lost = outcome.stats.dropped.queue_full ?? 0;
    expect(lost).toBeGreaterThan(0);
    expect(outcome.stats).toMatchObject({ worker: 'event-loop', emitted: 7000, accepted: 7000 - lost, lost });
    expect(received()).toEqual([...range(0, 2000 - lost), ...range(2000, 7000)]);
    expectSettled(outcome.stats);
  });

  it('not even without reading any file but its own', async () => {
    const outcome = await runStartApp(app({ end: 'natural', before: `require('node:fs').existsSync = () => { throw new Error('ERR_ACCESS_DENIED'); }` }), withPermission);
    expect(outcome).toMatchObject({ code: 0, stats: { worker: 'event-loop', lost: 0 } });
    expect(received()).toEqual(range(0, 100));
  });
});

it('without shared memory the event loop does all, with a warning', async () => {
  const outcome = await runStartApp(app({ before: 'delete globalThis.SharedArrayBuffer' }));
  expect(outcome).toMatchObject({ code: 0, threads: 0, stats: { worker: 'event-loop', lost: 0 } });
  expect(outcome.diag).toEqual(['warn otel-log-queue: no worker thread, the event loop is used instead: SharedArrayBuffer is not defined']);
  expect(received()).toEqual(range(0, 100));
  expectSettled(outcome.stats);
});

describe('a preload that sets a processor up starts one thread, and is not run in it:', () => {
  it.each([
    ['--require', ['--require', START_APP, '-e', '0'], undefined],
    ['--import', ['--import', START_APP, '-e', '0'], undefined],
    ['NODE_OPTIONS with --require', ['-e', '0'], `--require ${START_APP}`],
    ['NODE_OPTIONS with --import', ['-e', '0'], `--import ${START_APP}`],
  ])('%s', async (_, argv, nodeOptions) => {
    const outcome = await runStartApp(app({ end: 'natural' }), { argv, env: nodeOptions === undefined ? {} : { NODE_OPTIONS: nodeOptions } });
    expect(outcome).toMatchObject({ code: 0, runs: 1, threads: 1, diag: [], stats: { worker: 'thread', lost: 0 } });
    expect(received()).toEqual(range(0, 100));
  });
});
