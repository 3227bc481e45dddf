import { diag, type Context } from '@opentelemetry/api';
import { VERSION } from '../version';

/** What an integration emits. */
export interface IntegrationRecord {
  readonly severityNumber: number;
  readonly severityText: string;
  readonly body: LogValue;
  readonly attributes: Readonly<Record<string, LogValue>>;
  /** Default: the active one. */
  readonly context?: Context;
}

/** A value that both SDK lines take as a body and as an attribute. */
export type LogValue = string | number | boolean | null | undefined | Uint8Array | LogValue[] | { [key: string]: LogValue };

/**
 * Where loggers come from: a `LoggerProvider` of either SDK line, or `logs.getLoggerProvider()` where a `NodeSDK` has made the provider.
 * Written as methods, so that the types of both lines, which differ in names only, are taken.
 */
export interface LoggerSource {
  getLogger(name: string, version?: string): { emit(record: IntegrationRecord): void };
}

/** @throws TypeError if the value has no method `getLogger` */
export function checkLoggerSource(option: string, value: unknown): LoggerSource {
  if (typeof (value as Partial<LoggerSource> | null | undefined)?.getLogger !== 'function') {
    throw new TypeError(`${option} must have a method getLogger(): a LoggerProvider, or logs.getLoggerProvider()`);
  }
  return value as LoggerSource;
}

/** A logger whose `emit` never throws: what logs here stands in the way of somebody's request. */
export class SafeLogger {
  readonly #logger: ReturnType<LoggerSource['getLogger']>;
  #hasFailed = false;

  constructor(source: LoggerSource, scope: string) {
    this.#logger = source.getLogger(scope, VERSION);
  }

  emit(record: IntegrationRecord): void {
    try {
      this.#logger.emit(record);
    } catch (error) {
      this.failed(error);
    }
  }

  /** Tells it, the first time. */
  failed(error: unknown): void {
    if (!this.#hasFailed) {
      this.#hasFailed = true;
      diag.warn(`otel-log-queue: a record could not be made (told once): ${error instanceof Error ? error.message : typeof error}`);
    }
  }
}
