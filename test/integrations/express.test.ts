import { createServer, request as clientRequest, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { context, ROOT_CONTEXT, trace, TraceFlags } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import type { Express, NextFunction, Request, Response } from 'express';
import { requestErrors, requestLog, type LoggerSource, type RequestLogOptions } from '../../src/integrations/express';
import { captureDiag } from '../support/capture-diag';
import { installOnce } from '../support/package-folder';
import { endRigs, makeRecordRig, type RecordRig } from '../support/record-rig';
import { until } from '../support/until';
import { send } from '../support/web-request';

type ExpressModule = typeof import('express');

let rig: RecordRig;
let server: Server | undefined;
let url: string;

beforeEach(() => {
  rig = makeRecordRig();
});

afterEach(async () => {
  const closed = new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)));
  server?.closeAllConnections();
  await closed;
  server = undefined;
  await endRigs();
});

jest.setTimeout(120_000);

async function listen(app: (request: IncomingMessage, response: ServerResponse) => void): Promise<void> {
  server = createServer(app);
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** The record of the one request that the test has made. */
async function theRecord(): ReturnType<RecordRig['records']> extends Promise<(infer R)[]> ? Promise<R> : never {
  await until(() => rig.processor.stats().emitted > 0);
  const records = await rig.records();
  expect(records).toHaveLength(1);
  return records[0] as never;
}

describe.each([
  ['4.22.3', (): ExpressModule => jest.requireActual<ExpressModule>(join(installOnce(['express@4.22.3']), 'express'))],
  ['5.3.0', (): ExpressModule => jest.requireActual<ExpressModule>('express')],
])('requestLog, Express %s', (_version, load) => {
  let express: ExpressModule;

  beforeAll(() => {
    express = load();
  });

  /** An application with the middleware, `routes`, and the middleware for errors. */
  async function start(routes: (app: Express) => void, options?: RequestLogOptions): Promise<void> {
    const app = express();
    app.disable('x-powered-by');
    // Express prints unhandled errors otherwise.
    app.set('env', 'test');
    app.use(requestLog(rig.provider, options));
    routes(app);
    app.use(requestErrors());
    await listen(app as never);
  }

  it('a request is one record with the attributes of the semantic conventions', async () => {
    await start((app) => {
      app.get('/orders/:id', (_request, response) => void response.send('order'));
    });
    await send(`${url}/orders/42?token=s3cret`, { headers: { 'user-agent': 'test/1', host: 'shop.example:8080' } });
    const { body, attributes, severityNumber, severityText, instrumentationScope } = await theRecord();
    expect({ severityNumber, severityText, scope: instrumentationScope.name }).toEqual({ severityNumber: 9, severityText: 'INFO', scope: 'otel-log-queue/express' });
    expect(body).toMatch(/^GET \/orders\/42 200 \d+\.\d ms$/);
    expect(attributes).toEqual({
      'http.request.method': 'GET',
      'url.path': '/orders/42',
      'url.scheme': 'http',
      'http.route': '/orders/:id',
      'http.response.status_code': 200,
      'server.address': 'shop.example',
      'server.port': 8080,
      'network.protocol.version': '1.1',
      'user_agent.original': 'test/1',
      'http.server.request.duration': expect.any(Number) as unknown,
    });
  });

  it.each([
    [200, 'INFO', undefined],
    [304, 'INFO', undefined],
    [404, 'WARN', undefined],
    [500, 'ERROR', '500'],
    [503, 'ERROR', '503'],
  ])('status %d is %s', async (status, severity, errorType) => {
    await start((app) => {
      app.get('/', (_request, response) => void response.status(status).end());
    });
    expect((await send(url)).status).toBe(status);
    const { severityText, attributes } = await theRecord();
    expect([severityText, attributes['error.type'], attributes['http.response.status_code']]).toEqual([severity, errorType, status]);
  });

  it('an error of a handler is part of the record, with its causes, and Express still answers it', async () => {
    class PaymentError extends Error {}
    await start((app) => {
      app.get('/', () => {
        throw new PaymentError('no money', { cause: new RangeError('account is empty') });
      });
    });
    expect((await send(url)).status).toBe(500);
    const { severityText, attributes } = await theRecord();
    expect(severityText).toBe('ERROR');
    expect(attributes).toMatchObject({ 'error.type': 'PaymentError', 'exception.type': 'PaymentError', 'exception.message': 'no money' });
    expect(attributes['exception.stacktrace']).toMatch(/^Error: no money\n\s+at [\s\S]*\nCaused by: RangeError: account is empty\n\s+at /);
  });

  it('an error that is a refusal says what, and not where', async () => {
    await start((app) => {
      app.get('/', (_request, _response, next) => next(Object.assign(new Error('no such order'), { status: 404 })));
    });
    expect((await send(url)).status).toBe(404);
    const { severityText, attributes } = await theRecord();
    expect(severityText).toBe('WARN');
    expect(attributes).toMatchObject({ 'exception.type': 'Error', 'exception.message': 'no such order' });
    expect(Object.keys(attributes).filter((key) => ['error.type', 'exception.stacktrace'].includes(key))).toEqual([]);
  });

  it.each([null, 'a string', { code: 1 }])('what is thrown and is no error: %j', async (thrown) => {
    await start((app) => {
      // Express takes a falsy error for none.
      app.get('/', (request, response) => {
        requestErrors()(thrown, request, response, () => undefined);
        response.status(500).end();
      });
    });
    await send(url);
    expect((await theRecord()).attributes).toMatchObject({ 'exception.type': typeof thrown, 'exception.message': typeof thrown === 'string' ? thrown : JSON.stringify(thrown) });
  });

  it('the route of a router has its mount path, and half of it is none', async () => {
    await start((app) => {
      const router = express.Router();
      router.get('/:id', (_request, response) => void response.end());
      router.get('/', (_request, response) => void response.end());
      router.get('/:id/broken', (_request, _response, next) => next(new Error('broken')));
      app.use('/api/orders', router);
    });
    await send(`${url}/api/orders/1`);
    await send(`${url}/api/orders`);
    await send(`${url}/api/orders/1/broken`);
    await send(`${url}/nowhere`);
    await until(() => rig.processor.stats().emitted === 4);
    expect((await rig.records()).map(({ attributes }) => [attributes['url.path'], attributes['http.route']])).toEqual([
      ['/api/orders/1', '/api/orders/:id'],
      ['/api/orders', '/api/orders'],
      ['/api/orders/1/broken', undefined],
      ['/nowhere', undefined],
    ]);
  });

  it('a client that goes away before the answer', async () => {
    let isHandled = false;
    await start((app) => {
      app.get('/', () => {
        isHandled = true;
      });
    });
    const request = clientRequest(url).on('error', () => undefined);
    request.end();
    await until(() => isHandled);
    request.destroy();
    const { severityText, body, attributes } = await theRecord();
    expect(severityText).toBe('WARN');
    expect(body).toMatch(/^GET \/ aborted /);
    expect(attributes['error.type']).toBe('aborted');
    expect(attributes).not.toHaveProperty('http.response.status_code');
  });

  it('a client that goes away in the middle of the answer', async () => {
    await start((app) => {
      app.get('/', (_request, response) => void response.write('half'));
    });
    const request = clientRequest(url, (response) => response.once('data', () => request.destroy())).on('error', () => undefined);
    request.end();
    expect((await theRecord()).attributes).toMatchObject({ 'error.type': 'aborted', 'http.response.status_code': 200 });
  });

  it('nothing secret is logged unless it was asked for', async () => {
    await start((app) => {
      app.get('/', (_request, response) => void response.cookie('session', 's3cret').end());
    });
    await send(`${url}/?token=s3cret&sig=s3cret`, { headers: { authorization: 'Bearer s3cret', cookie: 'id=s3cret', 'x-api-key': 's3cret', host: 'shop' } });
    const { body, attributes } = await theRecord();
    expect(JSON.stringify({ body, attributes })).not.toMatch(/s3cret|127\.0\.0\.1/);
  });

  it('what was asked for: headers, the query without signatures, the address of the client', async () => {
    await start(
      (app) => {
        app.set('trust proxy', true);
        app.get('/', (_request, response) => void response.setHeader('X-Cache', 'hit').end());
      },
      { requestHeaders: ['X-Request-Id', 'x-absent'], responseHeaders: ['x-cache'], query: true, clientAddress: true },
    );
    await send(`${url}/?page=2&sig=s3cret&Signature=s3cret&signature=kept`, { headers: { 'x-request-id': 'r-1', 'x-forwarded-for': '203.0.113.9' } });
    expect((await theRecord()).attributes).toMatchObject({
      'http.request.header.x-request-id': ['r-1'],
      'http.response.header.x-cache': ['hit'],
      'url.query': 'page=2&sig=REDACTED&Signature=REDACTED&signature=kept',
      'client.address': '203.0.113.9',
    });
  });

  it('skip decides when the status is known; one that throws skips nothing', async () => {
    const diag = captureDiag();
    const skip = jest.fn(({ url: path = '' }, response: { statusCode: number }) => {
      if (path === '/throws') {
        throw new Error('from skip');
      }
      return path === '/health' && response.statusCode < 400;
    });
    let status = 200;
    await start(
      (app) => {
        app.use((_request, response) => void response.status(status).end());
      },
      { skip },
    );
    await send(`${url}/health`);
    status = 503;
    await send(`${url}/health`);
    await send(`${url}/throws`);
    await until(() => rig.processor.stats().emitted === 2);
    expect((await rig.records()).map(({ attributes }) => attributes['url.path'])).toEqual(['/health', '/throws']);
    expect(diag.lines).toEqual(['warn otel-log-queue: a record could not be made (told once): from skip']);
    diag.restore();
  });

  it('the trace context is that in which the request was handled', async () => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    const spanContext = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', traceFlags: TraceFlags.SAMPLED };
    try {
      const app = express();
      app.use((_request: Request, _response: Response, next: NextFunction) => context.with(trace.setSpanContext(ROOT_CONTEXT, spanContext), next));
      app.use(requestLog(rig.provider));
      app.use((_request: Request, response: Response) => void context.with(ROOT_CONTEXT, () => response.end()));
      await listen(app as never);
      await send(url);
      expect((await theRecord()).spanContext).toEqual(spanContext);
    } finally {
      context.disable();
    }
  });

  it('a request is logged once, wherever the middleware is used again', async () => {
    await start((app) => {
      app.use(requestLog(rig.provider));
      app.get('/', requestLog(rig.provider), (_request, response) => void response.end());
    });
    await send(url);
    await theRecord();
  });

  it('a request is answered whatever the logger does', async () => {
    const diag = captureDiag();
    const broken: LoggerSource = {
      getLogger: () => ({
        emit: () => {
          throw new Error('no room');
        },
      }),
    };
    const app = express();
    app.use(requestLog(broken));
    app.use((_request: Request, response: Response) => void response.send('answered'));
    await listen(app as never);
    expect(await send(url)).toMatchObject({ status: 200, body: 'answered' });
    expect(await send(url)).toMatchObject({ status: 200, body: 'answered' });
    await until(() => diag.lines.length > 0);
    expect(diag.lines).toEqual(['warn otel-log-queue: a record could not be made (told once): no room']);
    diag.restore();
  });
});

describe('requestLog', () => {
  it('works without Express, and keeps the number of methods small', async () => {
    const log = requestLog(rig.provider);
    await listen((request: IncomingMessage, response: ServerResponse) => log(request, response, () => response.end()));
    await send(`${url}/a?b`, { method: 'PROPFIND' });
    const { attributes } = await theRecord();
    expect(attributes).toMatchObject({ 'http.request.method': '_OTHER', 'http.request.method_original': 'PROPFIND', 'url.path': '/a' });
  });

  it('an error of what comes behind it is not caught', () => {
    const log = requestLog(rig.provider);
    const request = { headers: {} } as never;
    const response = { once: () => undefined } as never;
    expect(() => log(request, response, () => { throw new Error('mine'); })).toThrow('mine');
    expect(() => log(null as never, null as never, () => { throw new Error('mine'); })).toThrow('mine');
  });

  it('names what is wrong', () => {
    expect(() => requestLog({} as never)).toThrow(new TypeError('provider must have a method getLogger(): a LoggerProvider, or logs.getLoggerProvider()'));
    expect(() => requestLog(rig.provider, 1 as never)).toThrow(new TypeError('options must be an object, received 1'));
    expect(() => requestLog(rig.provider, { skip: '/health' as never })).toThrow(new TypeError('skip must be a function'));
    expect(() => requestLog(rig.provider, { requestHeaders: 'x-id' as never })).toThrow(new TypeError('requestHeaders must be an array of header names'));
    expect(() => requestLog(rig.provider, { responseHeaders: [1] as never })).toThrow(new TypeError('responseHeaders[0] must be a non-empty string, received 1'));
    expect(() => requestLog(rig.provider, { query: 'yes' as never })).toThrow(new TypeError('query must be true or false, received "yes"'));
    expect(() => requestLog(rig.provider, { clientAddress: 1 as never })).toThrow(new TypeError('clientAddress must be true or false, received 1'));
    const diag = captureDiag();
    requestLog(rig.provider, { headers: [] } as never);
    expect(diag.lines).toEqual(["warn otel-log-queue: requestLog has no option 'headers'; ignored"]);
    diag.restore();
  });
});
