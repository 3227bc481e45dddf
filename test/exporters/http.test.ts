import { getEventListeners } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { Worker } from 'node:worker_threads';
import { gunzipSync } from 'node:zlib';
import { ExportError } from '../../src/exporters/export-error';
import { gzipBody } from '../../src/exporters/gzip';
import { HttpPoster, retryAfterMillis } from '../../src/exporters/http';
import type { HttpPosterOptions } from '../../src/exporters/http';
import * as faults from '../support/fault-server';
import { FaultServer } from '../support/fault-server';
import { until } from '../support/until';

const never = new AbortController().signal;
const body = Buffer.from('a batch');
// More than the buffers of two sockets on loopback take.
const largeBody = Buffer.alloc(32 * 1024 * 1024);

let server: FaultServer;
let poster: HttpPoster;

function newPoster(options: Partial<HttpPosterOptions> = {}): HttpPoster {
  poster = new HttpPoster({ url: `${server.url}/v1/logs`, headers: {}, timeoutMillis: 5000, secrets: [], ...options });
  return poster;
}

async function failureOf(promise: Promise<unknown>): Promise<ExportError> {
  try {
    await promise;
  } catch (error) {
    expect(error).toBeInstanceOf(ExportError);
    return error as ExportError;
  }
  throw new Error('expected a rejection');
}

const strayErrors: unknown[] = [];
const onStray = (error: unknown): void => void strayErrors.push(error);

beforeAll(() => {
  process.on('unhandledRejection', onStray);
  process.on('uncaughtException', onStray);
});

beforeEach(async () => {
  server = await FaultServer.start();
});

afterEach(async () => {
  jest.restoreAllMocks();
  poster.close();
  server.resumeReading();
  await until(() => server.openSockets() === 0);
  await server.close();
  expect(strayErrors).toEqual([]);
});

afterAll(() => {
  process.off('unhandledRejection', onStray);
  process.off('uncaughtException', onStray);
});

describe('an exchange', () => {
  test('sends the body with its length and both kinds of headers', async () => {
    newPoster({ headers: { 'x-fixed': 'one', 'content-type': 'text/x-fixed' } });
    const response = await poster.post(body, { 'content-type': 'text/plain' }, never);
    expect(response.status).toBe(200);
    const [request] = server.requests;
    expect(request).toMatchObject({ method: 'POST', url: '/v1/logs', body });
    expect(request?.headers).toMatchObject({ 'content-length': '7', 'content-type': 'text/plain', 'x-fixed': 'one' });
    expect(request?.headers).not.toHaveProperty('transfer-encoding');
  });

  test('resolves with status, headers and body of the answer, whatever the status is', async () => {
    newPoster();
    for (const code of [204, 301, 400, 404, 418, 429, 500, 503]) {
      server.script(faults.status(code, { body: code === 204 ? '' : `about ${code}`, retryAfter: '7' }));
      const response = await poster.post(body, {}, never);
      expect(response.status).toBe(code);
      expect(response.headers['retry-after']).toBe('7');
      expect(response.body.toString()).toBe(code === 204 ? '' : `about ${code}`);
    }
    expect(server.connections).toBe(1);
  });

  test('sends the query of the URL and shows neither it nor the fragment', async () => {
    newPoster({ url: `${server.url}/push?key=hidden-key#part` });
    expect(poster.shownUrl).toBe(`${server.url}/push`);
    await poster.post(body, {}, never);
    expect(server.requests[0]?.url).toBe('/push?key=hidden-key');
    expect(poster.firstWords(Buffer.from('no such key: hidden-key'))).toBe('no such key: ***');
  });

  test('takes an answer of 4 MiB', async () => {
    server.script(faults.status(200, { body: Buffer.alloc(4 * 1024 * 1024) }));
    expect((await newPoster().post(body, {}, never)).body).toHaveLength(4 * 1024 * 1024);
  });

  test('takes an answer that comes before the body has been read, and lets go of the connection', async () => {
    const early: faults.FaultStep = {
      readsBody: false,
      answer: (response) => {
        response.socket?.write('HTTP/1.1 413 Payload Too Large\r\ncontent-length: 9\r\n\r\ntoo large');
      },
    };
    server.script(early, faults.ok);
    newPoster();
    const response = await poster.post(largeBody, {}, never);
    expect(response.status).toBe(413);
    expect(response.body.toString()).toBe('too large');
    server.resumeReading();
    await until(() => server.openSockets() === 0);
    expect((await poster.post(body, {}, never)).status).toBe(200);
  });

  test('finds an answer that came while the application blocked the event loop for longer than the time-out', async () => {
    const flag = new Int32Array(new SharedArrayBuffer(4));
    const answering = new Worker(
      `const { parentPort, workerData } = require('node:worker_threads');
       const server = require('node:http').createServer((request, response) => {
         request.resume().on('end', () => response.end('in time', () => { Atomics.add(workerData, 0, 1); Atomics.notify(workerData, 0); }));
       }).listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));`,
      { eval: true, workerData: flag },
    );
    const port = await new Promise<number>((resolve) => answering.once('message', resolve));
    newPoster({ url: `http://127.0.0.1:${port}/`, timeoutMillis: 300 });
    await poster.post(body, {}, never);
    const answer = poster.post(body, {}, never);
    await new Promise(setImmediate);
    // Blocks until the second answer is written, then until the time-out has passed.
    for (let waits = 0; Atomics.load(flag, 0) < 2 && waits < 50; waits++) {
      Atomics.wait(flag, 0, Atomics.load(flag, 0), 100);
    }
    Atomics.wait(flag, 0, 2, 400);
    expect((await answer).body.toString()).toBe('in time');
    poster.close();
    await answering.terminate();
  });
});

describe('connections', () => {
  test('are kept and used again', async () => {
    newPoster();
    for (let count = 0; count < 5; count++) {
      await poster.post(body, {}, never);
    }
    expect(server.connections).toBe(1);
  });

  test('are made anew after the server has closed them', async () => {
    server.script(faults.closeAfterResponse);
    newPoster();
    for (let count = 1; count <= 3; count++) {
      expect((await poster.post(body, {}, never)).status).toBe(200);
      await until(() => server.openSockets() === 0);
    }
    expect(server.requests).toHaveLength(3);
    expect(server.connections).toBe(3);
  });

  test('that turn out to be closed when they are used again are replaced at once, one time', async () => {
    server.script(faults.ok, faults.reset, faults.ok);
    newPoster();
    await poster.post(body, {}, never);
    expect((await poster.post(body, {}, never)).status).toBe(200);
    expect(server.requests).toHaveLength(3);

    server.script(faults.reset);
    const error = await failureOf(poster.post(body, {}, never));
    expect(error).toMatchObject({ retryable: true, message: `POST ${server.url}/v1/logs failed: ECONNRESET` });
    expect(server.requests).toHaveLength(5);
  });

  test('that turn out to be closed are replaced by new ones, not by others of the same age', async () => {
    const used = new WeakSet();
    const resetIfUsed: faults.FaultStep = {
      answer: (response, request) => {
        if (used.has(request.socket)) {
          request.socket.resetAndDestroy();
        } else {
          used.add(request.socket);
          response.end();
        }
      },
    };
    server.script(resetIfUsed);
    newPoster();
    await Promise.all([1, 2, 3].map(() => poster.post(body, {}, never)));
    expect(server.connections).toBe(3);
    expect((await poster.post(body, {}, never)).status).toBe(200);
    expect(server.connections).toBe(4);
  });

  test('that are new and reset are not replaced', async () => {
    server.script(faults.reset);
    await failureOf(newPoster().post(body, {}, never));
    expect(server.requests).toHaveLength(1);
  });

  test('are bounded, and a request that waits for one can be aborted', async () => {
    server.script(faults.hang);
    newPoster();
    const controller = new AbortController();
    const waiting = Array.from({ length: 6 }, () => failureOf(poster.post(body, {}, controller.signal)));
    await until(() => server.requests.length === 4);
    controller.abort();
    await Promise.all(waiting);
    expect(server.connections).toBe(4);
    server.script(faults.ok);
    expect((await poster.post(body, {}, never)).status).toBe(200);
  });

  test('are closed by close(), after which nothing is sent', async () => {
    newPoster();
    await poster.post(body, {}, never);
    poster.close();
    await until(() => server.openSockets() === 0);
    expect(await failureOf(poster.post(body, {}, never))).toMatchObject({ retryable: false });
    expect(server.requests).toHaveLength(1);
  });
});

const failures: [name: string, step: faults.FaultStep, requestBody: Buffer, expected: { retryable: boolean; message: RegExp }][] = [
  ['a reset', faults.reset, body, { retryable: true, message: /failed: ECONNRESET$/ }],
  ['no answer', faults.hang, body, { retryable: true, message: /failed: no complete answer within 150 ms$/ }],
  ['an answer that drips for ever', faults.slowBody, body, { retryable: true, message: /failed: no complete answer within 150 ms$/ }],
  ['a cut answer', faults.cutBody, body, { retryable: true, message: /failed: the answer \(status 200\) was cut$/ }],
  ['an answer that is not HTTP', faults.garbage, body, { retryable: true, message: /failed: the answer is not HTTP \(HPE_\w+\)$/ }],
  ['an answer that is too large', faults.oversize, body, { retryable: false, message: /failed: the answer \(status 200\) is larger than 4194304 bytes$/ }],
  ['an upload that stalls', faults.stopReading, largeBody, { retryable: true, message: /failed: no complete answer within 150 ms$/ }],
  ['a change of protocol', faults.status(101, { headers: { connection: 'upgrade', upgrade: 'x' } }), body, { retryable: true, message: /failed: / }],
];

describe.each(failures)('after %s', (_name, step, requestBody, expected) => {
  test('the exchange fails, leaves nothing behind, and the next one works', async () => {
    server.script(step, faults.ok);
    // Where the time-out is not what ends the exchange, it is one that a leaked timer would still be waiting for.
    const timeoutMillis = expected.message.source.includes('150 ms') ? 150 : 60_001;
    newPoster({ timeoutMillis });
    const setTimer = jest.spyOn(globalThis, 'setTimeout');
    const clearTimer = jest.spyOn(globalThis, 'clearTimeout');
    const controller = new AbortController();
    const exchange = failureOf(poster.post(requestBody, {}, controller.signal));
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1);
    const error = await exchange;
    expect(error.retryable).toBe(expected.retryable);
    expect(error.message).toMatch(expected.message);
    expect(error.message).toContain(`POST ${server.url}/v1/logs`);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
    const deadlines = setTimer.mock.results.filter((_each, index) => setTimer.mock.calls[index]?.[1] === timeoutMillis);
    expect(deadlines).toHaveLength(1);
    expect(clearTimer).toHaveBeenCalledWith(deadlines[0]?.value);
    server.resumeReading();
    await until(() => server.openSockets() === 0);
    expect((await newPoster().post(body, {}, never)).status).toBe(200);
  });

  test('on a connection that was used before, the same poster goes on', async () => {
    server.script(faults.ok, step);
    newPoster({ timeoutMillis: 150 });
    await poster.post(body, {}, never);
    await failureOf(poster.post(requestBody, {}, never));
    server.script(faults.ok);
    server.resumeReading();
    expect((await poster.post(body, {}, never)).status).toBe(200);
  });
});

describe('an abort', () => {
  test.each([
    ['no answer comes', faults.hang, body],
    ['an answer drips', faults.slowBody, body],
    ['an upload stalls', faults.stopReading, largeBody],
  ])('while %s destroys the connection at once', async (_name, step, requestBody) => {
    server.script(step, faults.ok);
    newPoster({ timeoutMillis: 0 });
    const controller = new AbortController();
    const exchange = failureOf(poster.post(requestBody, {}, controller.signal));
    await until(() => server.requests.length === 1);
    controller.abort();
    expect((await exchange).message).toMatch(/failed: aborted$/);
    server.resumeReading();
    await until(() => server.openSockets() === 0);
    expect((await poster.post(body, {}, never)).status).toBe(200);
  });

  test.each(failures)('right after the start wins over %s', async (_name, step, requestBody) => {
    server.script(step);
    const controller = new AbortController();
    const exchange = failureOf(newPoster().post(requestBody, {}, controller.signal));
    controller.abort();
    expect((await exchange).message).toMatch(/failed: aborted$/);
  });

  test('before the start sends nothing', async () => {
    expect((await failureOf(newPoster().post(body, {}, AbortSignal.abort()))).message).toMatch(/failed: aborted$/);
    expect(server.connections).toBe(0);
  });
});

describe('a server that cannot be reached', () => {
  test('is a retryable failure that names the cause: refused', async () => {
    const closed = createServer();
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
    const { port } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    newPoster({ url: `http://127.0.0.1:${port}/v1/logs` });
    const error = await failureOf(poster.post(body, {}, never));
    expect(error).toMatchObject({ retryable: true, message: `POST http://127.0.0.1:${port}/v1/logs failed: ECONNREFUSED` });
    // Two addresses are tried here: an AggregateError.
    newPoster({ url: `http://localhost:${port}/v1/logs` });
    expect((await failureOf(poster.post(body, {}, never))).message).toMatch(/failed: ECONNREFUSED$/);
  });

  test('is a retryable failure that names the cause: no such name', async () => {
    newPoster({ url: 'http://no-such-host.invalid/v1/logs' });
    const error = await failureOf(poster.post(body, {}, never));
    expect(error.retryable).toBe(true);
    expect(error.message).toMatch(/^POST http:\/\/no-such-host\.invalid\/v1\/logs failed: (ENOTFOUND|EAI_AGAIN)$/);
  });

  test('is a retryable failure that names the cause: no TLS', async () => {
    newPoster({ url: `https://127.0.0.1:${server.port}/v1/logs` });
    const error = await failureOf(poster.post(body, {}, never));
    expect(error.retryable).toBe(true);
    expect(error.message).toMatch(/failed: (EPROTO|ERR_SSL_\w+)$/);
  });
});

describe('credentials', () => {
  const secret = 'hunter2-token';

  test('are sent to no other host by a redirect', async () => {
    const other = await FaultServer.start();
    server.script(faults.redirect(`${other.url}/v1/logs`));
    newPoster({ headers: { authorization: `Bearer ${secret}` } });
    expect((await poster.post(body, {}, never)).status).toBe(307);
    expect(other.connections).toBe(0);
    await other.close();
  });

  test.each([...failures])('stand in no part of the error after %s', async (_name, step, requestBody) => {
    server.script(step);
    newPoster({ url: `${server.url}/v1/logs?key=${secret}`, headers: { authorization: `Bearer ${secret}` }, timeoutMillis: 150 });
    const error = await failureOf(poster.post(requestBody, {}, never));
    expect(inspect(error, { depth: 20, showHidden: true })).not.toContain(secret);
  });

  test('in bytes that are no HTTP stand in no part of the error', async () => {
    server.script({ answer: (response, request) => response.socket?.end(`${request.headers.authorization}\r\n\r\n`) });
    newPoster({ headers: { authorization: `Bearer ${secret}` } });
    const error = await failureOf(poster.post(body, {}, never));
    expect(inspect(error, { depth: 20, showHidden: true })).not.toContain(secret);
    expect(inspect(error, { depth: 20, showHidden: true })).not.toContain(Buffer.from(secret).toString('hex').replace(/(..)(?=.)/g, '$1 '));
  });

  test('do not show when the poster is inspected', () => {
    newPoster({ headers: { authorization: `Bearer ${secret}` }, secrets: [secret] });
    expect(inspect(poster, { depth: 20, showHidden: true })).not.toContain(secret);
    expect(JSON.stringify(poster)).not.toContain(secret);
  });
});

test('headers that Node refuses make a failure that is not retried', async () => {
  const error = await failureOf(newPoster().post(body, { 'x-bad': 'line\nbreak' }, never));
  expect(error).toMatchObject({ retryable: false, message: `POST ${server.url}/v1/logs failed: ERR_INVALID_CHAR` });
});

describe('a connection that is opened ahead', () => {
  it('is there before the first request, which uses it, and shows the backend no request', async () => {
    newPoster({ headers: { 'x-common': 'a' } }).openAhead();
    await until(() => server.openSockets() === 1);
    expect(server.requests).toHaveLength(0);
    for (let count = 0; count < 2; count++) {
      expect((await poster.post(body, { 'x-own': 'b' }, never)).status).toBe(200);
    }
    expect(server.connections).toBe(1);
    expect(server.requests).toHaveLength(2);
    for (const request of server.requests) {
      expect(request.headers).toMatchObject({ 'x-common': 'a', 'x-own': 'b', 'content-length': String(body.length) });
      expect(request.body).toEqual(body);
    }
  });

  it('is forgotten when the server closes it: the first request makes another one', async () => {
    newPoster().openAhead();
    await until(() => server.openSockets() === 1);
    server.closeConnections();
    await until(() => server.openSockets() === 0);
    expect((await poster.post(body, {}, never)).status).toBe(200);
    expect(server.connections).toBe(2);
  });

  it('is replaced within the first request when the server closes it at that moment', async () => {
    newPoster().openAhead();
    await until(() => server.openSockets() === 1);
    server.closeConnections();
    // In the same turn: this side has not heard of it yet.
    expect((await poster.post(body, {}, never)).status).toBe(200);
    expect(server.requests).toHaveLength(1);
  });

  it('is forgotten when the server answers although nothing was asked', async () => {
    const tired = createServer((socket) => socket.end('HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'));
    await new Promise<void>((resolve) => tired.listen(0, '127.0.0.1', resolve));
    const { port } = tired.address() as AddressInfo;
    newPoster({ url: `http://127.0.0.1:${port}/` }).openAhead();
    await new Promise((resolve) => tired.once('connection', (socket) => socket.once('close', resolve)));
    await new Promise((resolve) => tired.close(resolve));
    const revived = await FaultServer.startAt(port);
    expect((await poster.post(body, {}, never)).status).toBe(200);
    poster.close();
    await revived.close();
  });

  it('cannot be had while the backend is down, which does not matter once it is up', async () => {
    const { port } = server;
    newPoster();
    await server.close();
    poster.openAhead();
    await failureOf(poster.post(body, {}, never));
    server = await FaultServer.startAt(port);
    expect((await poster.post(body, {}, never)).status).toBe(200);
  });

  it('is closed with the poster', async () => {
    newPoster().openAhead();
    await until(() => server.openSockets() === 1);
    poster.close();
    await until(() => server.openSockets() === 0);
  });
});

test.each(['event-loop', 'thread'] as const)('gzipBody compresses (%s)', async (place) => {
  const text = Buffer.from('word '.repeat(1000));
  const compressed = await gzipBody(text, place);
  expect(compressed.length).toBeLessThan(200);
  expect(gunzipSync(compressed)).toEqual(text);
});

test.each([
  ['0', 0],
  ['3', 3000],
  [' 120 ', 120_000],
  ['1.5', 1500],
  ['9'.repeat(400), 2 ** 31 - 1],
  ['Sun, 22 Nov 2026 10:00:05 GMT', 5000],
  ['Sun, 22 Nov 2026 09:59:00 GMT', 0],
  ['Fri, 31 Dec 9999 23:59:59 GMT', 2 ** 31 - 1],
  ['-5', undefined],
  ['soon', undefined],
  ['', undefined],
  [undefined, undefined],
])('Retry-After %p is %p ms', (value, expected) => {
  expect(retryAfterMillis(value, Date.parse('2026-11-22T10:00:00Z'))).toBe(expected);
});
