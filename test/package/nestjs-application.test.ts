import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import ts from 'typescript';
import { expectSettled } from '../support/conservation';
import { after, FaultServer, ok } from '../support/fault-server';
import { installOnce, makeUserFolder, type UserFolder } from '../support/package-folder';
import { expectEveryAnswerLogged, receivedRecords, stopUnderLoad, tellStats } from '../support/stopped-application';

// What `nest new` makes, with what the README says.
const sources = {
  'main.ts': `
    import 'reflect-metadata';
    import { NestFactory } from '@nestjs/core';
    import { OtelLogger } from 'otel-log-queue/nestjs';
    import { AppModule } from './app.module.js';

    async function bootstrap() {
      const app = await NestFactory.create(AppModule, { bufferLogs: true });
      app.useLogger(app.get(OtelLogger));
      app.enableShutdownHooks([], { useProcessExit: process.env.USE_PROCESS_EXIT === 'true' });
      await app.listen(process.env.PORT ?? 3000);
      console.log('listening on ' + (await app.getUrl()));
    }
    bootstrap();`,
  'app.module.ts': `
    import { Module } from '@nestjs/common';
    import { LoggerProvider } from '@opentelemetry/sdk-logs';
    import { otlp, QueueLogRecordProcessor } from 'otel-log-queue';
    import { LogQueueModule } from 'otel-log-queue/nestjs';
    import { AppController } from './app.controller.js';
    import { AppService } from './app.service.js';

    const processor = new QueueLogRecordProcessor({ exporter: otlp() });
    const provider = new LoggerProvider({ processors: [processor] });

    @Module({
      imports: [LogQueueModule.forRoot({ processor, provider, requests: true, ...JSON.parse(process.env.WRONG ?? '{}') })],
      controllers: [AppController],
      providers: [AppService],
    })
    export class AppModule {}`,
  'app.controller.ts': `
    import { Controller, Get, Param } from '@nestjs/common';
    import { AppService } from './app.service.js';

    @Controller()
    export class AppController {
      constructor(private readonly appService: AppService) {}

      @Get('orders/:id')
      getOrder(@Param('id') id: string): Promise<object> {
        return this.appService.getOrder(Number(id));
      }
    }`,
  'app.service.ts': `
    import { Injectable, Logger } from '@nestjs/common';
    import { QueueLogRecordProcessor } from 'otel-log-queue';

    @Injectable()
    export class AppService {
      private readonly logger = new Logger(AppService.name);

      constructor(private readonly processor: QueueLogRecordProcessor) {}

      async getOrder(order: number): Promise<object> {
        this.logger.log('order read', { order });
        await new Promise((resolve) => setTimeout(resolve, 5));
        return { order, lost: this.processor.stats().lost };
      }
    }`,
};

const versions = (nest: string): string[] => [`@nestjs/common@${nest}`, `@nestjs/core@${nest}`, `@nestjs/platform-express@${nest}`, 'reflect-metadata@0.2.2', 'rxjs@7.8.2'];

// The other SDK line; by default it is that of this repository.
const sdk3 = ['@opentelemetry/api@1.10.0', '@opentelemetry/sdk-logs@3.1.1'];

function compiled(format: 'CommonJS' | 'ESM'): Record<string, string> {
  const module = format === 'ESM' ? ts.ModuleKind.ESNext : ts.ModuleKind.CommonJS;
  const compilerOptions = { module, target: ts.ScriptTarget.ES2022, experimentalDecorators: true, emitDecoratorMetadata: true };
  const importPackage = format === 'ESM' ? "import fs from 'node:fs';\nimport { QueueLogRecordProcessor } from 'otel-log-queue';\n" : "const fs = require('node:fs');\nconst { QueueLogRecordProcessor } = require('otel-log-queue');\n";
  return {
    ...Object.fromEntries(Object.entries(sources).map(([name, text]) => [join('dist', name.replace('.ts', '.js')), ts.transpileModule(text, { compilerOptions }).outputText])),
    'package.json': JSON.stringify({ private: true, type: format === 'ESM' ? 'module' : 'commonjs' }),
    'tell-stats.js': tellStats(importPackage),
  };
}

jest.setTimeout(300_000);

describe.each([
  ['11.2.10', 'CommonJS', false, undefined],
  ['11.2.10', 'ESM', true, undefined],
  ['12.5.1', 'ESM', false, sdk3],
  ['12.5.1', 'CommonJS', true, sdk3],
] as const)('an application of Nest %s, %s, useProcessExit: %s, in an empty folder with the packed package', (nest, format, useProcessExit, sdk) => {
  let folder: UserFolder;
  let receiver: FaultServer;

  beforeAll(() => {
    folder = makeUserFolder(compiled(format), sdk && installOnce(sdk), installOnce(versions(nest)));
  });

  afterAll(() => folder.remove());

  beforeEach(async () => {
    receiver = await FaultServer.start(after(20, ok));
    process.env['USE_PROCESS_EXIT'] = String(useProcessExit);
  });

  afterEach(async () => {
    delete process.env['USE_PROCESS_EXIT'];
    await receiver.close();
  });

  it('stopped by SIGTERM under load, every response that was sent has its record, once', async () => {
    const argv = [format === 'ESM' ? '--import' : '--require', join(folder.path, 'tell-stats.js'), join('dist', 'main.js')];
    const stopped = await stopUnderLoad({ cwd: folder.path, argv, receiver, requests: 1000, stopAfter: 400, keepAlive: false });
    expect(stopped).toMatchObject(useProcessExit ? { code: 0, signal: null, stderr: '' } : { code: null, signal: 'SIGTERM', stderr: '' });
    expect(stopped.answered.length).toBeGreaterThanOrEqual(400);
    expect(stopped.answered.length).toBeLessThan(1000);
    expectEveryAnswerLogged(stopped, receiver);
    expectSettled(stopped.stats);
    // What Nest itself says goes there too.
    expect(receivedRecords(receiver).map(({ scope, record }) => [scope, record.body])).toContainEqual(['otel-log-queue/nestjs', { stringValue: 'Nest application successfully started' }]);
  });

  it('wrong options end the start with a clear error', () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [join('dist', 'main.js')], { cwd: folder.path, encoding: 'utf8', timeout: 60_000, env: { ...process.env, PORT: '0', WRONG: '{"exporters":[]}' } });
    expect(status).not.toBe(0);
    expect(stdout + stderr).toContain("TypeError: LogQueueModule: there is no option 'exporters'; known: processor, provider,");
  });
});
