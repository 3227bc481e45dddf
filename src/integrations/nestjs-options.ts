import type { LogLevel } from '@nestjs/common';
import { checkInteger, checkObject } from '../check';
import { MAX_TIMER_MILLIS } from '../lane/lane-options';
import type { QueueLogRecordProcessor } from '../processor';
import { checkShutsDown, type ShutsDown } from './bounded-shutdown';
import { checkLoggerSource, type LoggerSource } from './logger-source';
import { checkLogLevels } from './nestjs-levels';
import { REQUEST_LOG_OPTIONS, resolveRequestLogOptions, type RequestLogOptions, type ResolvedRequestLogOptions } from './request-log-options';

export interface LogQueueModuleOptions {
  /** The processor: what `stats()` is asked of, injectable by its class. */
  readonly processor: QueueLogRecordProcessor;
  /** Where loggers come from: the `LoggerProvider` that the processor is in, or `logs.getLoggerProvider()` where a `NodeSDK` has made it. */
  readonly provider: LoggerSource;
  /** What is shut down, and so flushed, in `onApplicationShutdown`: give the `NodeSDK` if there is one. `false`: the processor is flushed only, and goes on. Default: `provider`, or `processor` if that has no `shutdown()`. */
  readonly shutdown?: ShutsDown | false;
  /** How long that may take, in milliseconds. Default 10000. */
  readonly shutdownTimeoutMillis?: number;
  /** Whether every request that reaches a handler is logged, or how. Default false. */
  readonly requests?: boolean | RequestLogOptions;
  /** The levels that `OtelLogger` logs. Default all. */
  readonly logLevels?: readonly LogLevel[];
}

/** A class that makes the options: for `useClass` and `useExisting` of `forRootAsync`. */
export interface LogQueueOptionsFactory {
  createLogQueueOptions(): LogQueueModuleOptions | Promise<LogQueueModuleOptions>;
}

export interface ResolvedModuleOptions {
  readonly processor: QueueLogRecordProcessor;
  readonly provider: LoggerSource;
  readonly shutdown: ShutsDown | false;
  readonly shutdownTimeoutMillis: number;
  readonly requests: ResolvedRequestLogOptions;
  /** Whether the interceptor is a global one. */
  readonly logsRequests: boolean;
  readonly logLevels: readonly LogLevel[];
}

const MODULE_OPTIONS: readonly (keyof LogQueueModuleOptions)[] = ['processor', 'provider', 'shutdown', 'shutdownTimeoutMillis', 'requests', 'logLevels'];

/** The checked options in Nest's container. A registered symbol: the ESM and the CommonJS build of this package may both be loaded. */
export const LOG_QUEUE_OPTIONS = Symbol.for('otel-log-queue.nestjs.options.1');

const PREFIX = 'LogQueueModule: ';

/** @throws TypeError or RangeError that names what is wrong; unknown options too, for nobody reads a warning of a process that starts */
export function resolveModuleOptions(given: unknown): ResolvedModuleOptions {
  const options = checkObject(`${PREFIX}the options`, given);
  refuseUnknown('option', options, MODULE_OPTIONS);
  const { processor, provider, shutdown, shutdownTimeoutMillis = 10_000, requests = false, logLevels } = options as Partial<LogQueueModuleOptions>;
  const source = checkLoggerSource(`${PREFIX}provider`, provider);
  return {
    processor: checkProcessor(processor),
    provider: source,
    shutdown: shutdownOf(shutdown, source, processor as QueueLogRecordProcessor),
    shutdownTimeoutMillis: checkInteger(`${PREFIX}shutdownTimeoutMillis`, shutdownTimeoutMillis, 0, MAX_TIMER_MILLIS),
    ...requestsOf(requests),
    logLevels: checkLogLevels(`${PREFIX}logLevels`, logLevels),
  };
}

/** Not by `instanceof`: the ESM and the CommonJS build of this package are two classes. */
function checkProcessor(processor: QueueLogRecordProcessor | undefined): QueueLogRecordProcessor {
  if (typeof processor?.stats !== 'function' || typeof processor.forceFlush !== 'function') {
    throw new TypeError(`${PREFIX}processor must be a QueueLogRecordProcessor`);
  }
  return processor;
}

function shutdownOf(shutdown: ShutsDown | false | undefined, provider: LoggerSource, processor: QueueLogRecordProcessor): ShutsDown | false {
  if (shutdown === undefined) {
    return typeof (provider as Partial<ShutsDown>).shutdown === 'function' ? (provider as LoggerSource & ShutsDown) : processor;
  }
  return shutdown === false ? false : checkShutsDown(`${PREFIX}shutdown`, shutdown);
}

function requestsOf(requests: unknown): { logsRequests: boolean; requests: ResolvedRequestLogOptions } {
  if (typeof requests === 'boolean') {
    return { logsRequests: requests, requests: resolveRequestLogOptions({}) };
  }
  const prefix = `${PREFIX}requests.`;
  refuseUnknown('option requests.', checkObject(`${PREFIX}requests`, requests), REQUEST_LOG_OPTIONS);
  return { logsRequests: true, requests: resolveRequestLogOptions(requests as RequestLogOptions, prefix) };
}

function refuseUnknown(what: string, options: Record<string, unknown>, known: readonly string[]): void {
  const unknown = Object.keys(options).filter((key) => !known.includes(key));
  if (unknown.length > 0) {
    throw new TypeError(`${PREFIX}there is no ${what} '${unknown.join("', '")}'; known: ${known.join(', ')}`);
  }
}
