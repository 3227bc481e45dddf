import { createRequire } from 'node:module';
import { join } from 'node:path';
import * as ownApi from '@opentelemetry/api';

/** A `LoggerProvider` of either SDK line. */
export interface ProvidesLoggers {
  getLogger(name: string, version?: string, options?: object): unknown;
}

/** The logs API of one copy of `@opentelemetry/api-logs`, or of `@opentelemetry/api` 1.10 and later. */
interface LogsApi {
  setGlobalLoggerProvider(provider: ProvidesLoggers): unknown;
  /** Hands out loggers that wait for a provider; private, so it may not be there. */
  readonly _proxyLoggerProvider?: { readonly _setDelegate?: (provider: ProvidesLoggers) => void };
}

interface ApiGlobals {
  readonly version?: string;
  logs?: ProvidesLoggers | undefined;
}

// Where each API keeps what is registered, the same for every copy of it in a process.
const API_LOGS_KEY = Symbol.for('io.opentelemetry.js.api.logs');
const API_KEY = Symbol.for('opentelemetry.js.api.1');
const API_LOGS_VERSION = 1;
const FIRST_MINOR_WITH_LOGS = 10;

const API_LOGS_FILE = /[\\/]@opentelemetry[\\/]api-logs[\\/]build[\\/]src[\\/]index\.js$/;
const API_FILE = /[\\/]@opentelemetry[\\/]api[\\/]dist[\\/]index\.cjs$/;

const globals = globalThis as { [API_LOGS_KEY]?: ((version: number) => ProvidesLoggers | undefined) | undefined; [API_KEY]?: ApiGlobals };

/** What is registered with `@opentelemetry/api-logs`. */
function providerOfApiLogs(): ProvidesLoggers | undefined {
  return globals[API_LOGS_KEY]?.(API_LOGS_VERSION);
}

/** The provider that is registered with either logs API. */
export function registeredLoggerProvider(): ProvidesLoggers | undefined {
  return globals[API_KEY]?.logs ?? providerOfApiLogs();
}

/**
 * Lets the loggers of both logs APIs reach one provider: those of `@opentelemetry/api-logs`, which SDK 3.x does not listen to, and those of `@opentelemetry/api` 1.10, which SDK 0.2xx does not.
 * Loggers that were taken before the call begin to work. Call it after the SDK has started; again is harmless.
 *
 * @param provider default: the one that is registered with either API
 * @returns whether loggers of both reach it; if not, `diag` says why
 */
export function bridgeLogsApis(provider: ProvidesLoggers | undefined = registeredLoggerProvider()): boolean {
  if (provider === undefined) {
    ownApi.diag.warn('otel-log-queue: no LoggerProvider is registered that could be bridged: start the SDK first, or give the provider');
    return false;
  }
  const reachedApiLogs = bridge('@opentelemetry/api-logs', provider, providerOfApiLogs(), registerWithApiLogs);
  const reachedApi = bridge('@opentelemetry/api', provider, globals[API_KEY]?.logs, registerWithApi);
  return reachedApiLogs && reachedApi;
}

function bridge(api: string, provider: ProvidesLoggers, registered: ProvidesLoggers | undefined, register: (provider: ProvidesLoggers) => void): boolean {
  if (registered !== undefined && registered !== provider) {
    ownApi.diag.warn(`otel-log-queue: another LoggerProvider is registered with ${api}, which keeps it`);
    return false;
  }
  if (registered === undefined) {
    register(provider);
  }
  return true;
}

function registerWithApiLogs(provider: ProvidesLoggers): void {
  for (const copy of loadedCopies(API_LOGS_FILE)) {
    // The first registration alone would wake the loggers of the first copy alone.
    globals[API_LOGS_KEY] = undefined;
    copy.setGlobalLoggerProvider(provider);
  }
  globals[API_LOGS_KEY] ??= (version) => (version === API_LOGS_VERSION ? provider : undefined);
}

function registerWithApi(provider: ProvidesLoggers): void {
  // An ES module of its own beside the CommonJS one, each with loggers that wait.
  // By way of unknown, because 1.10 has it with private fields and 1.9 not at all.
  const own = (ownApi as unknown as { readonly logs?: LogsApi }).logs;
  const copies = [...(own === undefined ? [] : [own]), ...loadedCopies(API_FILE)];
  const version = globals[API_KEY]?.version;
  // Who registers first decides the version for all: where the application's own API is 1.9, a 1.10 that came first would lock out its traces.
  const mayRegister = version === undefined ? own !== undefined : Number(version.split('.')[1]) >= FIRST_MINOR_WITH_LOGS;
  for (const copy of copies) {
    if (mayRegister) {
      // As above.
      Object.assign(globals[API_KEY] ?? {}, { logs: undefined });
      copy.setGlobalLoggerProvider(provider);
    } else {
      copy._proxyLoggerProvider?._setDelegate?.(provider);
    }
  }
}

/** The logs APIs that `require()` has loaded, or `import` through it. A copy inside a bundle cannot be found. */
function loadedCopies(file: RegExp): LogsApi[] {
  const { cache } = createRequire(join(process.cwd(), 'any'));
  return Object.entries(cache).flatMap(([path, module]) => {
    const { logs } = (file.test(path) ? (module?.exports as { readonly logs?: LogsApi } | undefined) : undefined) ?? {};
    return typeof logs?.setGlobalLoggerProvider === 'function' ? [logs] : [];
  });
}
