import * as api from '@opentelemetry/api';
import type { LoggerProvider } from '@opentelemetry/sdk-logs';

// The logs API of whichever SDK line the suite runs with: in `api` from 1.10 on (SDK 3.x), before that in a package of its own.

/** The package that has it, for applications that a test writes. */
export const LOGS_API = 'logs' in api ? '@opentelemetry/api' : '@opentelemetry/api-logs';

/** What both have, in the same words. */
interface LogsApi {
  readonly logs: {
    getLogger(name: string): ReturnType<LoggerProvider['getLogger']>;
    setGlobalLoggerProvider(provider: LoggerProvider): unknown;
    disable(): void;
  };
  readonly SeverityNumber: Readonly<Record<'TRACE' | 'DEBUG' | 'INFO' | 'WARN' | 'ERROR' | 'FATAL', number>>;
}

// eslint-disable-next-line @typescript-eslint/no-require-imports -- an import cannot be chosen
export const { logs, SeverityNumber } = require(LOGS_API) as LogsApi;
