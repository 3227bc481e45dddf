import { Inject, Module, type DynamicModule, type FactoryProvider, type ModuleMetadata, type OnApplicationShutdown, type Provider, type Type } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { QueueLogRecordProcessor } from '../processor';
import { settleWithin, shutDownWithin } from './bounded-shutdown';
import { RequestLogInterceptor } from './nestjs-interceptor';
import { OtelLogger } from './nestjs-logger';
import { LOG_QUEUE_OPTIONS, resolveModuleOptions, type LogQueueModuleOptions, type LogQueueOptionsFactory, type ResolvedModuleOptions } from './nestjs-options';

export interface LogQueueModuleExtras {
  /** Whether the other modules see it without importing it. A global module is also the last one to be shut down. Default true. */
  readonly isGlobal?: boolean;
}

export type LogQueueModuleForRootOptions = LogQueueModuleOptions & LogQueueModuleExtras;

/** Exactly one of `useFactory`, `useClass` and `useExisting`. */
export interface LogQueueModuleAsyncOptions extends Pick<ModuleMetadata, 'imports'>, LogQueueModuleExtras {
  readonly inject?: FactoryProvider['inject'];
  // As Nest types the arguments of its factories.
  readonly useFactory?: (...args: never[]) => LogQueueModuleOptions | Promise<LogQueueModuleOptions>;
  readonly useClass?: Type<LogQueueOptionsFactory>;
  readonly useExisting?: Type<LogQueueOptionsFactory>;
}

// The server has closed when this is waited for; a response that is still open then is one of a server that Nest does not know.
const LAST_REQUESTS_MILLIS = 500;

/**
 * Provides `OtelLogger`, `QueueLogRecordProcessor` and `RequestLogInterceptor`, and delivers what is queued in `onApplicationShutdown`: at `app.close()`, and on a signal after `app.enableShutdownHooks()`, with `useProcessExit` and without.
 *
 * Wrong options are an error when the application starts.
 */
export class LogQueueModule implements OnApplicationShutdown {
  readonly #options: ResolvedModuleOptions;
  readonly #interceptor: RequestLogInterceptor;

  constructor(options: ResolvedModuleOptions, interceptor: RequestLogInterceptor) {
    this.#options = options;
    this.#interceptor = interceptor;
  }

  static forRoot(options: LogQueueModuleForRootOptions): DynamicModule {
    const { isGlobal, ...own } = (options as LogQueueModuleForRootOptions | undefined) ?? ({} as Partial<LogQueueModuleForRootOptions>);
    return define({ provide: LOG_QUEUE_OPTIONS, useFactory: () => resolveModuleOptions(own) }, [], { isGlobal });
  }

  /** @throws TypeError if there is not exactly one of `useFactory`, `useClass` and `useExisting` */
  static forRootAsync(options: LogQueueModuleAsyncOptions): DynamicModule {
    const { imports = [], inject = [], useFactory, useClass, useExisting } = options;
    if ([useFactory, useClass, useExisting].filter((each) => each !== undefined).length !== 1) {
      throw new TypeError('LogQueueModule: forRootAsync needs exactly one of useFactory, useClass and useExisting');
    }
    const factory = useClass ?? useExisting;
    const provider: Provider =
      factory === undefined
        ? { provide: LOG_QUEUE_OPTIONS, inject, useFactory: async (...args: never[]) => resolveModuleOptions(await useFactory?.(...args)) }
        : { provide: LOG_QUEUE_OPTIONS, inject: [factory], useFactory: async (made: LogQueueOptionsFactory) => resolveModuleOptions(await made.createLogQueueOptions()) };
    return { ...define(provider, useClass === undefined ? [] : [useClass], options), imports };
  }

  /** Delivers what is queued. Never rejects: Nest would end the process with an error. */
  async onApplicationShutdown(): Promise<void> {
    const { shutdown, shutdownTimeoutMillis: timeoutMillis, processor } = this.#options;
    // Those that `forceCloseConnections` has cut off.
    await this.#interceptor.idle(Math.min(LAST_REQUESTS_MILLIS, timeoutMillis / 2));
    await (shutdown === false
      ? settleWithin(() => processor.forceFlush({ timeoutMillis }), timeoutMillis, 'the flush at the shutdown of the application')
      : shutDownWithin(shutdown, timeoutMillis, 'of the application'));
  }
}

// Not as decorators: what builds this package writes none of the metadata that Nest would read the types from.
Inject(LOG_QUEUE_OPTIONS)(LogQueueModule, undefined, 0);
Inject(RequestLogInterceptor)(LogQueueModule, undefined, 1);
Module({})(LogQueueModule);

function define(options: Provider, further: Provider[], { isGlobal = true }: { readonly isGlobal?: boolean | undefined }): DynamicModule {
  const inject = [LOG_QUEUE_OPTIONS];
  return {
    module: LogQueueModule,
    global: isGlobal,
    providers: [
      options,
      ...further,
      { provide: QueueLogRecordProcessor, inject, useFactory: ({ processor }: ResolvedModuleOptions) => processor },
      { provide: OtelLogger, inject, useFactory: ({ provider, logLevels }: ResolvedModuleOptions) => new OtelLogger(provider, { logLevels }) },
      { provide: RequestLogInterceptor, inject, useFactory: (resolved: ResolvedModuleOptions) => new RequestLogInterceptor(resolved) },
      { provide: APP_INTERCEPTOR, inject: [LOG_QUEUE_OPTIONS, RequestLogInterceptor], useFactory: ({ logsRequests }: ResolvedModuleOptions, interceptor: RequestLogInterceptor) => (logsRequests ? interceptor : PASS_ON) },
    ],
    exports: [LOG_QUEUE_OPTIONS, QueueLogRecordProcessor, OtelLogger, RequestLogInterceptor],
  };
}

// Whether requests are logged is known only when the options are: too late to leave the global interceptor out.
const PASS_ON = { intercept: (_context: unknown, next: { handle: () => unknown }): unknown => next.handle() };
