import 'reflect-metadata';
import { request as clientRequest } from 'node:http';
import { Controller, ForbiddenException, Get, Logger, Module, NotFoundException, UseGuards, UseInterceptors, type INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host';
import { context, ROOT_CONTEXT, trace, TraceFlags } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { lastValueFrom, of, throwError, type Observable } from 'rxjs';
import { requestLog } from '../../src/integrations/express';
import { LogQueueModule, RequestLogInterceptor, type LogQueueModuleOptions } from '../../src/integrations/nestjs';
import { captureDiag } from '../support/capture-diag';
import { endRigs, makeRecordRig, type RecordRig } from '../support/record-rig';
import { until } from '../support/until';
import { send } from '../support/web-request';

let rig: RecordRig;
let app: INestApplication | undefined;
let url: string;
let isHeld = false;

class Refuse {
  canActivate(): boolean {
    throw new ForbiddenException('not you');
  }
}

@Controller('orders')
class OrdersController {
  @Get(':id')
  read(): object {
    return { order: 1 };
  }

  @Get(':id/missing')
  missing(): never {
    throw new NotFoundException('no such order');
  }

  @Get(':id/broken')
  async broken(): Promise<never> {
    return Promise.reject(new RangeError('broken'));
  }

  @Get(':id/refused')
  @UseGuards(Refuse)
  refused(): string {
    return 'never';
  }

  @Get(':id/held')
  held(): Promise<never> {
    isHeld = true;
    return new Promise(() => undefined);
  }

  @Get(':id/logged')
  @UseInterceptors(RequestLogInterceptor)
  logged(): string {
    return 'logged';
  }
}

beforeEach(() => {
  rig = makeRecordRig();
});

afterEach(async () => {
  await app?.close();
  app = undefined;
  Logger.overrideLogger(false);
  await endRigs();
});

async function start(options: Partial<LogQueueModuleOptions>, use?: (application: INestApplication) => void): Promise<void> {
  @Module({ controllers: [OrdersController], imports: [LogQueueModule.forRoot({ processor: rig.processor, provider: rig.provider, ...options })] })
  class AppModule {}
  app = await NestFactory.create(AppModule, { logger: false, forceCloseConnections: true });
  use?.(app);
  await app.listen(0, '127.0.0.1');
  url = await app.getUrl();
}

/** The only record. */
async function theRecord(): ReturnType<RecordRig['records']> extends Promise<(infer R)[]> ? Promise<R> : never {
  await until(() => rig.processor.stats().emitted > 0);
  const records = await rig.records();
  expect(records).toHaveLength(1);
  return records[0] as never;
}

it('a request is one record with route, status, duration and handler', async () => {
  await start({ requests: true });
  await send(`${url}/orders/42?token=s3cret`);
  const { body, severityText, attributes, instrumentationScope } = await theRecord();
  expect([severityText, instrumentationScope.name]).toEqual(['INFO', 'otel-log-queue/nestjs']);
  expect(body).toMatch(/^GET \/orders\/42 200 \d+\.\d ms$/);
  expect(attributes).toMatchObject({
    'code.function.name': 'OrdersController.read',
    'http.request.method': 'GET',
    'http.response.status_code': 200,
    'http.route': '/orders/:id',
    'http.server.request.duration': expect.any(Number) as unknown,
  });
  expect(JSON.stringify(attributes)).not.toContain('s3cret');
});

it('an exception of the handler, and what the filters make of it', async () => {
  await start({ requests: true });
  expect((await send(`${url}/orders/42/missing`)).status).toBe(404);
  await until(() => rig.processor.stats().emitted === 1);
  expect((await send(`${url}/orders/42/broken`)).status).toBe(500);
  await until(() => rig.processor.stats().emitted === 2);
  const records = await rig.records();
  expect(records.map(({ severityText, attributes }) => [severityText, attributes['http.response.status_code'], attributes['exception.type'], attributes['exception.message'], attributes['error.type']])).toEqual([
    ['WARN', 404, 'NotFoundException', 'no such order', undefined],
    ['ERROR', 500, 'RangeError', 'broken', 'RangeError'],
  ]);
});

it('a client that goes away; options of the requests', async () => {
  isHeld = false;
  await start({ requests: { requestHeaders: ['x-request-id'], skip: ({ url: path }) => path === '/orders/1' } });
  await send(`${url}/orders/1`);
  const request = clientRequest(`${url}/orders/2/held`, { headers: { 'x-request-id': 'r-1' } }).on('error', () => undefined);
  request.end();
  await until(() => isHeld);
  request.destroy();
  expect((await theRecord()).attributes).toMatchObject({ 'url.path': '/orders/2/held', 'error.type': 'aborted', 'http.request.header.x-request-id': ['r-1'] });
});

it('what is cut off when the application closes is logged before the processor is shut down', async () => {
  isHeld = false;
  await start({ requests: true });
  const answer = send(`${url}/orders/2/held`);
  await until(() => isHeld);
  const closed = app?.close();
  await expect(answer).rejects.toThrow();
  await closed;
  expect(rig.processor.stats()).toMatchObject({ emitted: 1, lost: 0 });
});

it('without requests: true nothing is logged but where the interceptor is used', async () => {
  await start({});
  await send(`${url}/orders/1`);
  await send(`${url}/orders/1/logged`);
  expect((await theRecord()).attributes['url.path']).toBe('/orders/1/logged');
});

it('the global interceptor, one of the handler and the middleware of Express log a request once; the middleware sees what a guard refuses and paths without a handler', async () => {
  await start({ requests: true }, (application) => application.use(requestLog(rig.provider)));
  for (const path of ['/orders/1/logged', '/orders/1/broken', '/orders/1/refused', '/nowhere']) {
    await send(`${url}${path}`);
  }
  await until(() => rig.processor.stats().emitted === 4);
  expect((await rig.records()).map(({ attributes }) => [attributes['url.path'], attributes['http.response.status_code'], attributes['exception.type']])).toEqual([
    ['/orders/1/logged', 200, undefined],
    ['/orders/1/broken', 500, 'RangeError'],
    ['/orders/1/refused', 403, undefined],
    ['/nowhere', 404, undefined],
  ]);
});

it('the trace context is that of the request', async () => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  const spanContext = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', traceFlags: TraceFlags.SAMPLED };
  try {
    await start({ requests: true }, (application) => application.use((_request: unknown, _response: unknown, next: () => void) => context.with(trace.setSpanContext(ROOT_CONTEXT, spanContext), next)));
    await send(`${url}/orders/1`);
    expect((await theRecord()).spanContext).toEqual(spanContext);
  } finally {
    context.disable();
  }
});

describe('what is no HTTP', () => {
  class Handlers {
    static onMessage(this: void): void {}
  }

  async function intercept(result: Observable<unknown>): Promise<unknown> {
    await start({});
    const host = new ExecutionContextHost([{}, {}], Handlers, Handlers.onMessage);
    host.setType('rpc');
    const interceptor = app?.get(RequestLogInterceptor) as RequestLogInterceptor;
    return lastValueFrom(interceptor.intercept(host, { handle: () => result }));
  }

  it('is logged when its handler has ended', async () => {
    expect(await intercept(of('answer'))).toBe('answer');
    const { body, severityText, attributes } = await theRecord();
    expect(body).toMatch(/^Handlers\.onMessage completed \d+\.\d ms$/);
    expect(severityText).toBe('INFO');
    expect(attributes).toEqual({ 'code.function.name': 'Handlers.onMessage', 'nestjs.type': 'rpc', 'nestjs.duration': expect.any(Number) as unknown });
  });

  it('is logged when it has failed, and fails', async () => {
    await expect(intercept(throwError(() => new RangeError('broken')))).rejects.toThrow('broken');
    const { body, severityText, attributes } = await theRecord();
    expect(body).toMatch(/^Handlers\.onMessage failed /);
    expect(severityText).toBe('ERROR');
    expect(attributes).toMatchObject({ 'error.type': 'RangeError', 'exception.message': 'broken' });
  });
});

it('a context that it does not know fails no request', async () => {
  const diag = captureDiag();
  await start({});
  const next = { handle: () => of('answer') };
  const interceptor = app?.get(RequestLogInterceptor) as RequestLogInterceptor;
  expect(await lastValueFrom(interceptor.intercept({} as never, next))).toBe('answer');
  expect(diag.lines).toEqual([expect.stringMatching(/^warn otel-log-queue: a record could not be made/)]);
  diag.restore();
});
