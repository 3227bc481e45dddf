import { fork, type ChildProcess } from 'node:child_process';
import { Agent, createServer, request } from 'node:http';
import { join } from 'node:path';
import { gracefulShutdown, type GracefulShutdownOptions } from '../../src/integrations/express';
import { FaultServer, hang, ok } from '../support/fault-server';
import { decodeLogsRequest, logRecordsOf, plainAttributes } from '../support/otlp-decode';
import { send } from '../support/web-request';

interface App {
  readonly options?: GracefulShutdownOptions;
  readonly worker?: 'event-loop';
  readonly remove?: boolean;
  readonly upgrade?: boolean;
}

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
}

let receiver: FaultServer;
let child: ChildProcess;
let url: string;
let ended: Promise<Ended>;

beforeEach(async () => {
  receiver = await FaultServer.start(ok);
});

afterEach(async () => {
  child.kill('SIGKILL');
  await ended;
  await receiver.close();
});

jest.setTimeout(60_000);

async function start(app: App = {}): Promise<void> {
  child = fork(join(__dirname, 'fixtures', 'graceful.cjs'), { env: { ...process.env, APP: JSON.stringify({ url: `${receiver.url}/v1/logs`, ...app }) }, silent: true });
  let stderr = '';
  child.stderr?.on('data', (chunk) => (stderr += String(chunk)));
  ended = new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal, stderr })));
  const { port } = await message<{ port: number }>();
  url = `http://127.0.0.1:${port}`;
}

function message<T>(): Promise<T> {
  return new Promise((resolve) => child.once('message', (told) => resolve(told as T)));
}

async function ask(question: object): Promise<void> {
  const answer = message();
  child.send(question);
  await answer;
}

/** The path, and the status or what went wrong, of each record that has arrived. */
const logged = (): [unknown, unknown][] =>
  receiver.requests
    .flatMap(({ body }) => logRecordsOf(decodeLogsRequest(body)))
    .map(({ attributes }) => plainAttributes(attributes))
    .map((attributes): [unknown, unknown] => [attributes['url.path'], attributes['error.type'] ?? attributes['http.response.status_code']])
    .sort();

describe.each([[undefined], ['event-loop']] as const)('gracefulShutdown, worker %s', (worker) => {
  it('answers what has begun, refuses what comes later, delivers the records, and the process ends by the signal', async () => {
    // So long that it hangs where a connection is not ended.
    await start({ options: { serverTimeoutMillis: 1_000_000, timeoutMillis: 2_000_000 }, ...(worker !== undefined && { worker }) });
    const agent = new Agent({ keepAlive: true });
    await send(`${url}/now`, { agent });
    const held = send(`${url}/held`, { agent });
    const begun = send(`${url}/begun`, { agent });
    await ask({ tellHeld: '/held' });
    await ask({ tellHeld: '/begun' });
    child.kill('SIGTERM');
    await ask({ tellClosed: true });
    await expect(send(`${url}/now`)).rejects.toThrow(/ECONNREFUSED/);
    child.send({ answer: '/held' });
    child.send({ answer: '/begun' });
    // The connection of the one ends by its header, that of the other, whose headers had gone out, without.
    expect(await held).toMatchObject({ status: 200, body: 'held', headers: { connection: 'close' } });
    expect(await begun).toMatchObject({ status: 200, body: 'begun' });
    expect(await ended).toEqual({ code: null, signal: 'SIGTERM', stderr: '' });
    expect(logged()).toEqual([
      ['/begun', 200],
      ['/held', 200],
      ['/now', 200],
    ]);
    agent.destroy();
  });
});

describe('gracefulShutdown', () => {
  it('a client that goes on sending over one connection does not hold it', async () => {
    await start();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    let answered = 0;
    let isRefused = false;
    const busy = (async () => {
      while (!isRefused) {
        await send(`${url}/now`, { agent }).then(
          () => {
            if (++answered === 20) {
              child.kill('SIGTERM');
            }
          },
          () => (isRefused = true),
        );
      }
    })();
    await busy;
    expect(await ended).toMatchObject({ signal: 'SIGTERM', stderr: '' });
    expect(answered).toBeGreaterThanOrEqual(20);
    expect(logged()).toHaveLength(answered);
    agent.destroy();
  });

  it('cuts off what is open after its time-out, and logs it', async () => {
    await start({ options: { serverTimeoutMillis: 50, timeoutMillis: 100_000 } });
    const held = send(`${url}/held`);
    await ask({ tellHeld: '/held' });
    child.kill('SIGTERM');
    await expect(held).rejects.toThrow(/hang up|ECONNRESET/);
    expect(await ended).toMatchObject({ signal: 'SIGTERM', stderr: '' });
    expect(logged()).toEqual([['/held', 'aborted']]);
  });

  it('a connection that was upgraded holds it no longer than that', async () => {
    await start({ upgrade: true, options: { serverTimeoutMillis: 50, timeoutMillis: 100_000 } });
    await send(`${url}/now`);
    await new Promise((resolve, reject) => request(url, { headers: { connection: 'upgrade', upgrade: 'echo' } }).on('upgrade', resolve).on('error', reject).end());
    child.kill('SIGTERM');
    expect(await ended).toMatchObject({ signal: 'SIGTERM', stderr: '' });
    expect(logged()).toEqual([['/now', 200]]);
  });

  it('a backend that never answers does not hold it either, and is reported', async () => {
    receiver.script(hang);
    await start({ options: { timeoutMillis: 1000 } });
    await send(`${url}/now`);
    child.kill('SIGTERM');
    const { signal, stderr } = await ended;
    expect(signal).toBe('SIGTERM');
    expect(stderr).toContain('the shutdown on a signal failed');
  });

  it('the returned function takes the handlers away', async () => {
    await start({ remove: true, options: { serverTimeoutMillis: 0 } });
    const held = send(`${url}/held`);
    await ask({ tellHeld: '/held' });
    child.kill('SIGTERM');
    await expect(held).rejects.toThrow(/hang up|ECONNRESET/);
    expect(await ended).toMatchObject({ signal: 'SIGTERM' });
    // With them it would have been logged as aborted.
    expect(logged()).toEqual([]);
  });
});

it('gracefulShutdown names what is wrong, and then handles nothing', () => {
  const provider = { shutdown: () => Promise.resolve() };
  const server = createServer();
  const listeners = (): number[] => [process.listenerCount('SIGTERM'), process.listenerCount('SIGINT')];
  const before = listeners();
  expect(() => gracefulShutdown({} as never, provider)).toThrow(new TypeError('server must be a server of node:http or node:https: what app.listen() returns'));
  expect(() => gracefulShutdown(server, {} as never)).toThrow(new TypeError('provider must have a method shutdown()'));
  expect(() => gracefulShutdown(server, provider, { serverTimeoutMillis: -1 })).toThrow(new RangeError('serverTimeoutMillis must be an integer from 0 to 2147483647, received -1'));
  expect(() => gracefulShutdown(server, provider, { timeoutMillis: 'soon' as never })).toThrow(new TypeError('timeoutMillis must be an integer from 0 to 2147483647, received "soon"'));
  expect(() => gracefulShutdown(server, provider, { signals: [] })).toThrow(TypeError);
  expect([...listeners(), server.listenerCount('request')]).toEqual([...before, 0]);
});
