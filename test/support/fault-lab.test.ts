import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { after, FaultServer, hang, ok, partialSuccess, slowBody, status } from './fault-server';
import { selfSignedCertificate } from './self-signed-certificate';
import { TcpProxy } from './tcp-proxy';
import { until } from './until';

// The faults do what they say, seen by a plain client.
let server: FaultServer;
let proxy: TcpProxy;

beforeEach(async () => {
  server = await FaultServer.start();
  proxy = await TcpProxy.start(server.port);
});

afterEach(async () => {
  await proxy.goDown();
  await server.close();
});

interface Answer {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  readonly body: string;
}

/** One exchange on a connection of its own; rejects with the error's code. */
function post(url: string, body = 'hello'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = (url.startsWith('https') ? httpsRequest : httpRequest)(url, { method: 'POST', agent: false }, (response) => {
      let text = '';
      response.on('data', (chunk) => (text += String(chunk)));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }));
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}

describe('the proxy', () => {
  it('passes both ways, and counts connections', async () => {
    server.script(status(201, { body: 'said' }));
    expect(await post(proxy.url)).toMatchObject({ status: 201, body: 'said' });
    expect(server.requests.map((each) => String(each.body))).toEqual(['hello']);
    expect(proxy.connections).toBe(1);
  });

  it('resets', async () => {
    proxy.setFault('reset');
    await expect(post(proxy.url)).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(server.requests).toHaveLength(0);
  });

  it('half-open: takes the connection and never answers', async () => {
    proxy.setFault('half-open');
    let isSettled = false;
    const answer = post(proxy.url).catch(() => undefined).finally(() => (isSettled = true));
    await until(() => proxy.connections === 1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect({ isSettled, requests: server.requests.length, openSockets: proxy.openSockets() }).toEqual({ isSettled: false, requests: 0, openSockets: 1 });
    await proxy.goDown();
    await answer;
  });

  it('answers garbage', async () => {
    proxy.setFault('garbage');
    await expect(post(proxy.url)).rejects.toMatchObject({ code: expect.stringMatching(/^HPE_/) as unknown });
  });

  it('adds latency in both directions', async () => {
    proxy.setFault({ latencyMillis: 100 });
    const begin = performance.now();
    expect(await post(proxy.url)).toMatchObject({ status: 200 });
    // Timers may be a millisecond early.
    expect(performance.now() - begin).toBeGreaterThanOrEqual(198);
  });

  it('cuts after so many bytes', async () => {
    const size = 1_000_000;
    proxy.setFault({ cutAfterBytes: size / 2 });
    await expect(post(proxy.url, 'x'.repeat(size))).rejects.toMatchObject({ code: expect.stringMatching(/^(ECONNRESET|EPIPE)$/) as unknown });
    expect(server.requests).toHaveLength(0);
    expect(await post(proxy.url, 'short')).toMatchObject({ status: 200 });
  });

  it('throttles', async () => {
    proxy.setFault({ bytesPerSecond: 1_000_000 });
    const begin = performance.now();
    expect(await post(proxy.url, 'x'.repeat(300_000))).toMatchObject({ status: 200 });
    expect(performance.now() - begin).toBeGreaterThanOrEqual(295);
    expect(server.requests[0]?.body).toHaveLength(300_000);
  });

  it('refuses while it is down, and comes back on the same port', async () => {
    const { url } = proxy;
    await proxy.goDown();
    await expect(post(url)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await proxy.goUp();
    expect(proxy.url).toBe(url);
    expect(await post(url)).toMatchObject({ status: 200 });
  });
});

describe('the server', () => {
  it('answers late', async () => {
    server.script(after(100, status(202)));
    const begin = performance.now();
    expect(await post(server.url)).toMatchObject({ status: 202 });
    expect(performance.now() - begin).toBeGreaterThanOrEqual(99);
  });

  it.each(['7', 'Fri, 31 Dec 2100 23:59:59 GMT'])('tells Retry-After: %s', async (retryAfter) => {
    server.script(status(503, { retryAfter }));
    expect(await post(server.url)).toMatchObject({ status: 503, headers: { 'retry-after': retryAfter } });
  });

  it('says partial success', async () => {
    server.script({ answer: (response, request, recorded) => partialSuccess(300, 'why').answer(response, Object.assign(request, { headers: { 'content-type': 'application/json' } }), recorded) });
    expect(JSON.parse((await post(server.url)).body)).toEqual({ partialSuccess: { rejectedLogRecords: '300', errorMessage: 'why' } });
  });

  it('drips a body that never ends', async () => {
    server.script(slowBody);
    const answer = post(server.url).catch((error: Error) => error);
    await until(() => server.requests.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await server.close();
    expect(await answer).toMatchObject({ code: 'ECONNRESET' });
  });

  it('gives each request its step, and the last one to those that follow', async () => {
    server.script(status(500), ok);
    expect([await post(server.url), await post(server.url), await post(server.url)].map((answer) => answer.status)).toEqual([500, 200, 200]);
  });

  it('is refused by who checks certificates', async () => {
    const secure = await FaultServer.startTls(selfSignedCertificate(), hang);
    await expect(post(secure.url)).rejects.toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
    expect(secure.requests).toHaveLength(0);
    await secure.close();
  });
});
