import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { ROOT } from '../../scripts/load/build';
import { installOnce, makeUserFolder } from '../support/package-folder';

const application = `
import type { Server } from 'node:http';
import { Inject, Module } from '@nestjs/common';
import { LoggerProvider } from '@opentelemetry/sdk-logs';
import { logs } from 'LOGS_SOURCE';
import express from 'express';
import { otlp, QueueLogRecordProcessor, type ShutsDown } from 'otel-log-queue';
import { gracefulShutdown, requestErrors, requestLog } from 'otel-log-queue/express';
import { LogQueueModule, OtelLogger, type LogQueueModuleOptions, type LogQueueOptionsFactory } from 'otel-log-queue/nestjs';

const processor = new QueueLogRecordProcessor({ exporter: otlp() });
const provider = new LoggerProvider({ processors: [processor] });
const app = express();
app.use(requestLog(provider, { skip: ({ url }, { statusCode }) => url === '/health' && statusCode < 400, requestHeaders: ['x-request-id'] }));
app.use('/api', requestLog(logs.getLoggerProvider()));
app.use(requestErrors());
const server: Server = app.listen(0);
const remove: () => void = gracefulShutdown(server, provider, { serverTimeoutMillis: 5000 });
gracefulShutdown(server, processor);
// @ts-expect-error no such option
requestLog(provider, { headers: [] });

class Factory implements LogQueueOptionsFactory {
  createLogQueueOptions(): LogQueueModuleOptions {
    return { processor, provider: logs.getLoggerProvider(), shutdown: provider, requests: { query: true }, logLevels: ['warn'] };
  }
}
class Config {
  level = 'warn' as const;
}
const modules = [
  LogQueueModule.forRoot({ processor, provider, isGlobal: false, shutdown: false }),
  LogQueueModule.forRootAsync({ inject: [Config], useFactory: (config: Config) => ({ processor, provider, logLevels: [config.level] }) }),
  LogQueueModule.forRootAsync({ useFactory: async () => ({ processor, provider }) }),
  LogQueueModule.forRootAsync({ useClass: Factory }),
];
// @ts-expect-error no processor
LogQueueModule.forRoot({ provider });
@Module({ imports: modules })
export class AppModule {
  constructor(@Inject(QueueLogRecordProcessor) readonly injected: QueueLogRecordProcessor, readonly logger: OtelLogger) {}
}
const shuts: ShutsDown = provider;
new OtelLogger(provider, { context: 'Shop' }).log('text', { a: 1 });
void [remove, shuts];
`;

const compilerOptions = { module: 'nodenext', moduleResolution: 'nodenext', target: 'es2022', lib: ['es2023'], strict: true, exactOptionalPropertyTypes: true, noEmit: true, experimentalDecorators: true, esModuleInterop: true, types: ['node'] };

jest.setTimeout(300_000);

it.each([
  ['0.223.1', '@opentelemetry/api-logs', (): string => join(ROOT, 'node_modules')],
  ['3.1.1', '@opentelemetry/api', (): string => installOnce(['@opentelemetry/api@1.10.0', '@opentelemetry/sdk-logs@3.1.1'])],
])('the declarations of the frameworks compile with sdk-logs %s, Nest 11 and Express 5', (_, logsSource, modules) => {
  const files = ['app.mts', 'app.cts'];
  const text = application.replace('LOGS_SOURCE', logsSource);
  const folder = makeUserFolder({ ...Object.fromEntries(files.map((name) => [name, text])), 'tsconfig.json': JSON.stringify({ compilerOptions, files }) }, modules(), join(ROOT, 'node_modules'));
  try {
    const { stdout } = spawnSync(process.execPath, [join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', folder.path], { encoding: 'utf8' });
    expect(stdout).toBe('');
  } finally {
    folder.remove();
  }
});
