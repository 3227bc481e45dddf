import { fork, spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import type { QueueLogRecordProcessorOptions } from '../../src';
import { FaultServer, hang, ok, reset, status } from '../support/fault-server';
import { decodeLogsRequest } from '../support/otlp-decode';
import { range } from '../support/records';

interface App {
  url: string;
  records: number;
  end: 'natural' | 'busy' | 'exit' | 'throw' | 'reject' | 'log-in-exit' | 'log-in-beforeExit' | 'sigterm' | 'flush' | 'shutdown';
  stock?: boolean;
  options?: Partial<QueueLogRecordProcessorOptions>;
}

interface Ended {
  code: number | null;
  stderr: string;
}

let server: FaultServer;

beforeEach(async () => {
  server = await FaultServer.start(ok);
});

afterEach(() => server.close());

function start(app: App): { child: ChildProcess; ended: Promise<Ended> } {
  const child = fork(join(__dirname, 'fixtures', 'app.cjs'), { env: { ...process.env, APP: JSON.stringify(app) }, silent: true });
  let stderr = '';
  child.stderr?.on('data', (chunk) => (stderr += String(chunk)));
  return { child, ended: new Promise((resolve) => child.on('close', (code) => resolve({ code, stderr }))) };
}

function received(): number[] {
  return server.requests
    .flatMap((request) => decodeLogsRequest(request.body).resourceLogs)
    .flatMap((resource) => resource.scopeLogs)
    .flatMap((scope) => scope.logRecords)
    .map((record) => Number((record.attributes[0]?.value as { intValue: bigint }).intValue));
}

// Two requests of a child, and its start, take a while on a busy machine.
jest.setTimeout(60_000);

describe('at the end of the process, with the event loop as worker', () => {
  const options = { worker: 'event-loop' } as const;

  it('a natural end loses nothing, where the stock processor loses all (W8)', async () => {
    expect(await start({ url: server.url, records: 1000, end: 'natural', options }).ended).toMatchObject({ code: 0, stderr: '' });
    expect(received()).toEqual(range(0, 1000));

    server.requests.length = 0;
    await start({ url: server.url, records: 100, end: 'natural', stock: true }).ended;
    expect(received()).toHaveLength(0);
  });

  it('a natural end with a backend that is down makes one attempt, ends and says what was lost', async () => {
    server.script(reset);
    const { url } = server;
    const { code, stderr } = await start({ url, records: 10, end: 'natural', options }).ended;
    expect(code).toBe(0);
    expect(stderr).toContain('lost in all: 10 shutdown_timeout in lane otlp');
    expect(server.requests).toHaveLength(1);
  });

  it('a natural end with a backend that never answers is held until exitTimeoutMillis have passed without progress', async () => {
    server.script(hang);
    const { code, stderr } = await start({ url: server.url, records: 10, end: 'natural', options: { ...options, exitTimeoutMillis: 1000 } }).ended;
    expect(code).toBe(0);
    expect(stderr).toContain('lost in all: 10 shutdown_timeout in lane otlp');
    expect(server.requests).toHaveLength(1);
  });

  it('a natural end during a back-off makes one more attempt at once', async () => {
    server.script(status(503), ok);
    const { stderr } = await start({ url: server.url, records: 10, end: 'natural', options: { ...options, scheduledDelayMillis: 1, retry: { initialDelayMillis: 100_000_000, maxDelayMillis: 100_000_000, maxElapsedTimeMillis: 1_000_000_000 } } }).ended;
    expect(server.requests).toHaveLength(2);
    expect(stderr).not.toContain('lost');
  });

  it('comes, although the application logs in each beforeExit', async () => {
    const { code } = await start({ url: server.url, records: 5, end: 'log-in-beforeExit', options }).ended;
    expect(code).toBe(0);
    expect(received().slice(0, 6)).toEqual(range(0, 6));
  });

  it('process.exit() loses the queue of the event-loop worker, and says so', async () => {
    const { code, stderr } = await start({ url: server.url, records: 100, end: 'exit', options }).ended;
    expect(code).toBe(0);
    expect(received()).toHaveLength(0);
    expect(stderr).toContain('lost in all: 100 shutdown_timeout in lane otlp');
  });

  it('SIGTERM loses nothing where the application shuts its provider down', async () => {
    const { child, ended } = start({ url: server.url, records: 1000, end: 'sigterm', options });
    child.once('message', () => child.kill('SIGTERM'));
    expect(await ended).toMatchObject({ code: 0, stderr: '' });
    expect(received()).toEqual(range(0, 1000));
  });

  it('exitTimeoutMillis 0 leaves the end alone', async () => {
    const { code, stderr } = await start({ url: server.url, records: 10, end: 'natural', options: { ...options, exitTimeoutMillis: 0 } }).ended;
    expect({ code, stderr, received: received() }).toEqual({ code: 0, stderr: '', received: [] });
  });

  it.each(['flush', 'shutdown'] as const)('nothing of the package holds the process after a %s', async (end) => {
    const { code, stderr } = await start({ url: server.url, records: 10, end, options }).ended;
    expect(code).toBe(0);
    expect(stderr).toBe(end === 'flush' ? 'flushed\n' : '');
    expect(received()).toEqual(range(0, 10));
  });

  it('a process that logs nothing is not held', async () => {
    expect(await start({ url: server.url, records: 0, end: 'natural', options }).ended).toEqual({ code: 0, stderr: '' });
    expect(server.requests).toHaveLength(0);
  });
});

describe('at the end of the process, with a thread', () => {
  const options = { worker: 'thread' } as const;

  it.each(['natural', 'exit', 'throw', 'reject', 'flush', 'shutdown'] as const)('%s loses nothing, right after the records and before the thread has even started', async (end) => {
    const { code } = await start({ url: server.url, records: 1000, end, options }).ended;
    expect(code).toBe(end === 'throw' || end === 'reject' ? 1 : 0);
    expect(received()).toEqual(range(0, 1000));
  });

  it('a burst of 100,000 records and process.exit() lose nothing', async () => {
    expect(await start({ url: server.url, records: 100_000, end: 'exit', options }).ended).toMatchObject({ code: 0, stderr: '' });
    expect(received()).toEqual(range(0, 100_000));
  });

  it('a main thread that is busy does not keep records from being sent', async () => {
    await start({ url: server.url, records: 1000, end: 'busy', options: { ...options, scheduledDelayMillis: 100 } }).ended;
    expect(received()).toEqual(range(0, 1000));
  });

  it('block loses nothing, with a ring that holds a fraction of a burst', async () => {
    const small = { ...options, maxQueueBytes: 64 * 1024, onQueueFull: { policy: 'block', timeoutMillis: 30_000 } } as const;
    expect(await start({ url: server.url, records: 20_000, end: 'exit', options: small }).ended).toMatchObject({ code: 0, stderr: '' });
    expect(received()).toEqual(range(0, 20_000));
  });

  it('drop counts exactly what did not get in', async () => {
    const small = { ...options, maxQueueBytes: 64 * 1024 };
    const { stderr } = await start({ url: server.url, records: 20_000, end: 'exit', options: small }).ended;
    const lost = Number(/lost in all: (\d+) queue_full\n/.exec(stderr)?.[1]);
    expect(received().length + lost).toBe(20_000);
    expect(new Set(received()).size).toBe(received().length);
  });

  it('a preload that sets telemetry up is not run again in the thread', async () => {
    const preload = join(__dirname, 'fixtures', 'app.cjs');
    const app: App = { url: server.url, records: 10, end: 'natural', options };
    const child = spawn(process.execPath, ['-e', '0'], { env: { ...process.env, APP: JSON.stringify(app), NODE_OPTIONS: `--require ${preload}` }, stdio: 'ignore' });
    expect(await new Promise((resolve) => child.on('close', resolve))).toBe(0);
    expect(received()).toEqual(range(0, 10));
  });

  it('SIGTERM loses nothing where the application shuts its provider down', async () => {
    const { child, ended } = start({ url: server.url, records: 1000, end: 'sigterm', options });
    child.once('message', () => child.kill('SIGTERM'));
    expect(await ended).toMatchObject({ code: 0, stderr: '' });
    expect(received()).toEqual(range(0, 1000));
  });

  it('what a later listener of the exit event logs is delivered too', async () => {
    await start({ url: server.url, records: 10, end: 'log-in-exit', options }).ended;
    expect(received()).toEqual(range(0, 11));
  });

  it('a backend that is down costs one attempt, and what was lost is said', async () => {
    server.script(reset);
    const { code, stderr } = await start({ url: server.url, records: 10, end: 'exit', options }).ended;
    expect(code).toBe(0);
    // The attempt repeats what it sent on the connection that had been opened ahead, which may have been closed long before; and there is another one if the thread had already found out by itself.
    expect(server.requests.length).toBeLessThanOrEqual(3);
    // What the thread has said by diag while the main thread was blocked.
    expect(stderr).toContain('lane otlp cannot deliver and tries again');
    expect(stderr).toContain('lost in all: 10 shutdown_timeout in lane otlp');
  });

  it('a backend that never answers holds the end for exitTimeoutMillis', async () => {
    server.script(hang);
    const { code, stderr } = await start({ url: server.url, records: 10, end: 'exit', options: { ...options, exitTimeoutMillis: 1500 } }).ended;
    expect(code).toBe(0);
    expect(server.requests).toHaveLength(1);
    expect(stderr).toContain('lost in all: 10 shutdown_timeout in lane otlp');
  });

  it('a process that logs nothing is not held', async () => {
    expect(await start({ url: server.url, records: 0, end: 'natural', options }).ended).toEqual({ code: 0, stderr: '' });
  });
});
