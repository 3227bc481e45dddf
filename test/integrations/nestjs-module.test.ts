import 'reflect-metadata';
import { Inject, Injectable, Logger, Module, type DynamicModule, type INestApplicationContext, type OnApplicationShutdown } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { QueueLogRecordProcessor } from '../../src';
import { LogQueueModule, OtelLogger, RequestLogInterceptor, type LogQueueModuleForRootOptions, type LogQueueModuleOptions, type LogQueueOptionsFactory } from '../../src/integrations/nestjs';
import { captureDiag } from '../support/capture-diag';
import { expectSettled } from '../support/conservation';
import { endRigs, makeRecordRig, type RecordRig } from '../support/record-rig';

let rig: RecordRig;
let options: LogQueueModuleOptions;

beforeEach(() => {
  rig = makeRecordRig();
  options = { processor: rig.processor, provider: rig.provider };
});

afterEach(async () => {
  Logger.overrideLogger(false);
  await endRigs();
});

/** An application with this module and others; what it logs goes to its `OtelLogger`. */
async function start(module: DynamicModule, others: DynamicModule['imports'] = []): Promise<INestApplicationContext> {
  @Module({ imports: [...others, module] })
  class AppModule {}
  const app = await NestFactory.createApplicationContext(AppModule, { bufferLogs: true, abortOnError: false });
  app.useLogger(app.get(OtelLogger));
  return app;
}

const bodies = async (): Promise<unknown[]> => (await rig.records()).map(({ body }) => body);

it('provides the logger and the processor everywhere, and logs what Nest says while it starts', async () => {
  @Injectable()
  class Shop {
    constructor(@Inject(QueueLogRecordProcessor) readonly processor: QueueLogRecordProcessor) {}
  }
  @Module({ providers: [Shop] })
  class ShopModule {}
  const app = await start(LogQueueModule.forRoot(options), [ShopModule as never]);
  new Logger('Shop').log('open');
  expect(app.get(Shop).processor).toBe(rig.processor);
  expect(app.get(Shop).processor.stats().emitted).toBeGreaterThan(1);
  expect(app.get(RequestLogInterceptor)).toBeInstanceOf(RequestLogInterceptor);
  const told = await bodies();
  expect(told[0]).toBe('Starting Nest application...');
  expect(told.at(-1)).toBe('open');
  await app.close();
  expectSettled(rig.processor.stats());
});

it('isGlobal: false: only who imports it sees it', async () => {
  @Injectable()
  class Shop {
    constructor(@Inject(OtelLogger) readonly logger: OtelLogger) {}
  }
  @Module({ providers: [Shop] })
  class ShopModule {}
  await expect(start(LogQueueModule.forRoot({ ...options, isGlobal: false }), [ShopModule as never])).rejects.toThrow(/can't resolve dependencies of the Shop/);
});

describe('forRootAsync', () => {
  class Settings {
    levels = ['warn' as const];
  }
  @Module({ providers: [Settings], exports: [Settings] })
  class SettingsModule {}

  it('useFactory, with what it injects', async () => {
    const useFactory = async ({ levels }: Settings): Promise<LogQueueModuleOptions> => Promise.resolve({ ...options, logLevels: levels });
    const app = await start(LogQueueModule.forRootAsync({ imports: [SettingsModule], inject: [Settings], useFactory }));
    new Logger('Shop').log('not logged');
    new Logger('Shop').warn('logged');
    expect(await bodies()).toEqual(['logged']);
    await app.close();
  });

  it.each(['useClass', 'useExisting'] as const)('%s', async (how) => {
    const made = options;
    @Injectable()
    class Factory implements LogQueueOptionsFactory {
      createLogQueueOptions(): LogQueueModuleOptions {
        return made;
      }
    }
    @Module({ providers: [Factory], exports: [Factory] })
    class FactoryModule {}
    const app = await start(LogQueueModule.forRootAsync(how === 'useClass' ? { useClass: Factory } : { imports: [FactoryModule], useExisting: Factory }));
    expect(app.get(QueueLogRecordProcessor)).toBe(rig.processor);
    await app.close();
  });

  it('wrong: names what is wrong', async () => {
    expect(() => LogQueueModule.forRootAsync({})).toThrow(new TypeError('LogQueueModule: forRootAsync needs exactly one of useFactory, useClass and useExisting'));
    expect(() => LogQueueModule.forRootAsync({ useFactory: () => options, useClass: class {} as never })).toThrow(TypeError);
    await expect(start(LogQueueModule.forRootAsync({ useFactory: () => undefined as never }))).rejects.toThrow('LogQueueModule: the options must be an object, received undefined');
    await expect(start(LogQueueModule.forRootAsync({ useFactory: () => Promise.reject(new Error('no settings')) }))).rejects.toThrow('no settings');
  });
});

it.each<[string, Record<string, unknown> | undefined, string]>([
  ['none', undefined, 'LogQueueModule: provider must have a method getLogger(): a LoggerProvider, or logs.getLoggerProvider()'],
  ['a provider that is none', { provider: {} }, 'LogQueueModule: provider must have a method getLogger(): a LoggerProvider, or logs.getLoggerProvider()'],
  ['no processor', { processor: undefined }, 'LogQueueModule: processor must be a QueueLogRecordProcessor'],
  ['an exporter in the place of a processor', { exporter: {} }, "LogQueueModule: there is no option 'exporter'; known: processor, provider, shutdown, shutdownTimeoutMillis, requests, logLevels"],
  ['a shutdown that is none', { shutdown: true }, 'LogQueueModule: shutdown must have a method shutdown()'],
  ['a time-out', { shutdownTimeoutMillis: -1 }, 'LogQueueModule: shutdownTimeoutMillis must be an integer from 0 to 2147483647, received -1'],
  ['a level', { logLevels: ['info'] }, `LogQueueModule: logLevels[0] must be one of 'verbose', 'debug', 'log', 'warn', 'error', 'fatal', received "info"`],
  ['requests', { requests: 'all' }, 'LogQueueModule: requests must be an object, received "all"'],
  ['an option of requests', { requests: { skip: 1 } }, 'LogQueueModule: requests.skip must be a function'],
  ['an unknown option of requests', { requests: { headers: [] } }, "LogQueueModule: there is no option requests. 'headers'; known: skip, requestHeaders, responseHeaders, query, clientAddress"],
])('wrong options are an error when the application starts: %s', async (_, wrong, message) => {
  const given = wrong === undefined ? undefined : ({ ...options, ...wrong } as unknown as LogQueueModuleForRootOptions);
  await expect(start(LogQueueModule.forRoot(given as never))).rejects.toThrow(message);
});

describe('the end of the application', () => {
  it('delivers everything, what other modules log in their last hook included', async () => {
    class Late implements OnApplicationShutdown {
      onApplicationShutdown(): void {
        new Logger('Late').log('last words');
      }
    }
    @Module({ providers: [Late] })
    class LateModule {}
    const app = await start(LogQueueModule.forRoot(options), [LateModule as never]);
    await app.close();
    expect(await bodies()).toContain('last words');
    expect(rig.processor.stats().lanes['kept']?.state).toBe('shutdown');
    expectSettled(rig.processor.stats());
  });

  it('shutdown: false delivers, and the processor goes on', async () => {
    const app = await start(LogQueueModule.forRoot({ ...options, shutdown: false }));
    new Logger('Shop').log('one');
    await app.close();
    expectSettled(rig.processor.stats());
    expect(rig.processor.stats().lanes['kept']?.state).toBe('ready');
    new OtelLogger(rig.provider).log('two');
    expect((await bodies()).slice(-2)).toEqual(['one', 'two']);
  });

  it('shutdown: what is given is shut down', async () => {
    const shutdown = jest.fn(() => rig.provider.shutdown());
    const app = await start(LogQueueModule.forRoot({ ...options, shutdown: { shutdown } }));
    await app.close();
    expect(shutdown).toHaveBeenCalledTimes(1);
  });

  it('a provider without shutdown(): the processor is shut down', async () => {
    const { provider } = rig;
    const app = await start(LogQueueModule.forRoot({ ...options, provider: { getLogger: (name) => provider.getLogger(name) } }));
    await app.close();
    expect(rig.processor.stats().lanes['kept']?.state).toBe('shutdown');
  });

  it.each([
    ['fails', () => Promise.reject(new Error('not today')), 'not today'],
    ['never ends', () => new Promise<void>(() => undefined), 'it took longer than 20 ms'],
  ])('a shutdown that %s does not fail that of the application', async (_, shutdown, message) => {
    const diag = captureDiag();
    const app = await start(LogQueueModule.forRoot({ ...options, shutdown: { shutdown }, shutdownTimeoutMillis: 20 }));
    await app.close();
    expect(diag.lines).toEqual([`error otel-log-queue: the shutdown of the application failed: ${message}`]);
    diag.restore();
  });
});
