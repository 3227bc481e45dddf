import { fork } from 'node:child_process';
import { join } from 'node:path';
import { shutdownOnSignals, type QueueLogRecordProcessorOptions, type ShutdownOnSignalsOptions } from '../../src';
import { FaultServer, hang, ok } from '../support/fault-server';
import { decodeLogsRequest } from '../support/otlp-decode';
import { range } from '../support/records';
import { until } from '../support/until';

interface App {
  records: number;
  options?: ShutdownOnSignalsOptions;
  processorOptions?: Partial<QueueLogRecordProcessorOptions>;
  target?: 'processor' | 'provider';
  otherListener?: boolean;
  remove?: boolean;
}

interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  stderr: string;
}

let server: FaultServer;

beforeEach(async () => {
  server = await FaultServer.start(ok);
});

afterEach(() => server.close());

jest.setTimeout(60_000);

function start(app: App): { kill: (signal: NodeJS.Signals) => void; ready: Promise<void>; ended: Promise<Ended> } {
  const child = fork(join(__dirname, 'fixtures', 'signalled.cjs'), { env: { ...process.env, APP: JSON.stringify({ url: server.url, ...app }) }, silent: true });
  let stderr = '';
  child.stderr?.on('data', (chunk) => (stderr += String(chunk)));
  return {
    kill: (signal) => void child.kill(signal),
    ready: new Promise((resolve) => child.once('message', () => resolve())),
    ended: new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal, stderr }))),
  };
}

const received = (): number[] =>
  server.requests
    .flatMap((request) => decodeLogsRequest(request.body).resourceLogs)
    .flatMap((resource) => resource.scopeLogs)
    .flatMap((scope) => scope.logRecords)
    .map((record) => Number((record.attributes[0]?.value as { intValue: bigint }).intValue));

describe.each(['event-loop', 'thread'] as const)('shutdownOnSignals, worker %s', (worker) => {
  it.each(['SIGTERM', 'SIGINT'] as const)('%s: everything is delivered, and the process ends by the signal', async (signal) => {
    const { ready, kill, ended } = start({ records: 1000, processorOptions: { worker } });
    await ready;
    kill(signal);
    expect(await ended).toEqual({ code: null, signal, stderr: '' });
    expect(received()).toEqual(range(0, 1000));
  });

  it('a backend that never answers: ends by the signal within the time-out, and says what was lost', async () => {
    server.script(hang);
    const { ready, kill, ended } = start({ records: 10, target: 'processor', options: { timeoutMillis: 2000 }, processorOptions: { worker, shutdownTimeoutMillis: 100_000 } });
    await ready;
    const begin = performance.now();
    kill('SIGTERM');
    const { signal, stderr } = await ended;
    expect(signal).toBe('SIGTERM');
    // Far above the bound, far below what would pass without it.
    expect(performance.now() - begin).toBeLessThan(20_000);
    expect(stderr).toContain('lost in all: 10 shutdown_timeout in lane otlp');
    expect(stderr).toMatch(/the shutdown on a signal failed: .*10 shutdown_timeout/);
  });

  it('a second signal ends it at once', async () => {
    server.script(hang);
    const { ready, kill, ended } = start({ records: 10, options: { timeoutMillis: 1_000_000 }, processorOptions: { worker, shutdownTimeoutMillis: 1_000_000 } });
    await ready;
    kill('SIGTERM');
    await until(() => server.requests.length > 0);
    kill('SIGINT');
    expect(await ended).toMatchObject({ code: null, signal: 'SIGINT' });
  });
});

describe('shutdownOnSignals', () => {
  it('a shutdown that never ends does not hold the process for longer than the time-out', async () => {
    server.script(hang);
    const { ready, kill, ended } = start({ records: 10, options: { timeoutMillis: 50 }, processorOptions: { shutdownTimeoutMillis: 1_000_000 } });
    await ready;
    kill('SIGTERM');
    expect(await ended).toMatchObject({ signal: 'SIGTERM', stderr: 'otel-log-queue: the shutdown on a signal failed: it took longer than 50 ms\n' });
  });

  it('leaves the end to another listener of the signal, which hears it once', async () => {
    const { ready, kill, ended } = start({ records: 10, otherListener: true });
    await ready;
    kill('SIGTERM');
    const { code, stderr } = await ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: 'heard 1\n' });
    expect(received()).toEqual(range(0, 10));
  });

  it('handles only the signals that are named', async () => {
    const { ready, kill, ended } = start({ records: 10, options: { signals: ['SIGUSR2'] }, processorOptions: { scheduledDelayMillis: 1_000_000 } });
    await ready;
    kill('SIGTERM');
    expect(await ended).toMatchObject({ signal: 'SIGTERM' });
    expect(received()).toEqual([]);
  });

  it('the returned function takes the handlers away', async () => {
    const before = process.listenerCount('SIGTERM') + process.listenerCount('SIGINT');
    const remove = shutdownOnSignals({ shutdown: () => Promise.resolve() });
    expect(process.listenerCount('SIGTERM') + process.listenerCount('SIGINT')).toBe(before + 2);
    remove();
    expect(process.listenerCount('SIGTERM') + process.listenerCount('SIGINT')).toBe(before);

    const { ready, kill, ended } = start({ records: 10, remove: true, processorOptions: { scheduledDelayMillis: 1_000_000 } });
    await ready;
    kill('SIGTERM');
    expect(await ended).toMatchObject({ signal: 'SIGTERM' });
    expect(received()).toEqual([]);
  });

  it('names what is wrong', () => {
    const provider = { shutdown: () => Promise.resolve() };
    expect(() => shutdownOnSignals({} as never)).toThrow(new TypeError('provider must have a method shutdown()'));
    expect(() => shutdownOnSignals(provider, { signals: [] })).toThrow(TypeError);
    expect(() => shutdownOnSignals(provider, { signals: ['SIGKILL'] })).toThrow(/^signals\[0\] must be one of .*, received "SIGKILL"$/);
    expect(() => shutdownOnSignals(provider, { timeoutMillis: -1 })).toThrow(new RangeError('timeoutMillis must be an integer from 0 to 2147483647, received -1'));
  });
});
