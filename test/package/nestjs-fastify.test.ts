import { spawn } from 'node:child_process';
import ts from 'typescript';
import { FaultServer, ok } from '../support/fault-server';
import { installOnce, makeUserFolder, type UserFolder } from '../support/package-folder';
import { plainAttributes } from '../support/otlp-decode';
import { receivedRecords } from '../support/stopped-application';
import { until } from '../support/until';
import { send } from '../support/web-request';

const application = `
import 'reflect-metadata';
import { Controller, Get, Module, NotFoundException } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { LoggerProvider } from '@opentelemetry/sdk-logs';
import { otlp, QueueLogRecordProcessor } from 'otel-log-queue';
import { LogQueueModule } from 'otel-log-queue/nestjs';

@Controller('orders')
class OrdersController {
  @Get(':id')
  read() {
    return { order: 1 };
  }

  @Get(':id/missing')
  missing() {
    throw new NotFoundException('no such order');
  }
}

const processor = new QueueLogRecordProcessor({ exporter: otlp() });
const provider = new LoggerProvider({ processors: [processor] });

@Module({ imports: [LogQueueModule.forRoot({ processor, provider, requests: true })], controllers: [OrdersController] })
class AppModule {}

NestFactory.create(AppModule, new FastifyAdapter(), { logger: false }).then(async (app) => {
  app.enableShutdownHooks();
  await app.listen(0, '127.0.0.1');
  console.log('listening on ' + (await app.getUrl()));
});
`;

let folder: UserFolder;
let receiver: FaultServer;

beforeAll(async () => {
  const compilerOptions = { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022, experimentalDecorators: true };
  const frameworks = installOnce(['@nestjs/common@11.2.10', '@nestjs/core@11.2.10', '@nestjs/platform-fastify@11.2.8', 'reflect-metadata@0.2.2', 'rxjs@7.8.2']);
  folder = makeUserFolder({ 'app.cjs': ts.transpileModule(application, { compilerOptions }).outputText }, undefined, frameworks);
  receiver = await FaultServer.start(ok);
}, 300_000);

afterAll(async () => {
  await receiver.close();
  folder.remove();
});

jest.setTimeout(60_000);

it('an application of Nest on Fastify logs its requests, with their routes', async () => {
  const child = spawn(process.execPath, ['app.cjs'], { cwd: folder.path, env: { ...process.env, OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url }, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.on('close', (_code, signal) => resolve(signal)));
  try {
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    await until(() => stdout.includes('\n') || child.exitCode !== null);
    const [, url = ''] = /listening on (\S+)/.exec(stdout) ?? [];
    expect((await send(`${url}/orders/1`)).status).toBe(200);
    expect((await send(`${url}/orders/1/missing`)).status).toBe(404);
    child.kill('SIGTERM');
    expect(await ended).toBe('SIGTERM');
  } finally {
    child.kill('SIGKILL');
  }
  const told = receivedRecords(receiver).map(({ record }) => plainAttributes(record.attributes));
  expect(told.map((attributes) => [attributes['url.path'], attributes['http.route'], attributes['http.response.status_code'], attributes['exception.message'], attributes['code.function.name']])).toEqual([
    ['/orders/1', '/orders/:id', 200, undefined, 'OrdersController.read'],
    ['/orders/1/missing', '/orders/:id/missing', 404, 'no such order', 'OrdersController.missing'],
  ]);
});
