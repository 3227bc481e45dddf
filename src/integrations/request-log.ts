import type { IncomingMessage, ServerResponse } from 'node:http';
import { context as activeContext, type Context } from '@opentelemetry/api';
import { errorType, exceptionAttributes } from './exception-attributes';
import { SafeLogger, type LoggerSource, type LogValue } from './logger-source';
import { requestAttributes, targetOf } from './request-attributes';
import type { ResolvedRequestLogOptions } from './request-log-options';

interface WatchedRequest {
  readonly startMillis: number;
  /** In which the request is handled: the events of the response come in another one. */
  readonly context: Context;
  readonly extra: Readonly<Record<string, LogValue>>;
  error?: unknown;
  hasError: boolean;
  isLogged: boolean;
}

// On the request itself and by a registered symbol, so that two copies of this package (ESM and CommonJS) still log a request once.
const WATCHED = Symbol.for('otel-log-queue.request.1');

interface WithWatched {
  [WATCHED]?: WatchedRequest;
}

/**
 * One record for each request, when its response has ended or its client has gone.
 * Nothing here throws: a request must not fail because of its log.
 */
export class RequestLog {
  readonly #logger: SafeLogger;
  readonly #options: ResolvedRequestLogOptions;
  #open = 0;
  #onIdle: (() => void) | undefined = undefined;

  constructor(source: LoggerSource, scope: string, options: ResolvedRequestLogOptions) {
    this.#logger = new SafeLogger(source, scope);
    this.#options = options;
  }

  /** A request that is watched already is not watched again. */
  watch(request: IncomingMessage, response: ServerResponse, extra: Readonly<Record<string, LogValue>> = {}): void {
    try {
      if ((request as WithWatched)[WATCHED] !== undefined) {
        return;
      }
      const watched: WatchedRequest = { startMillis: performance.now(), context: activeContext.active(), extra, hasError: false, isLogged: false };
      (request as WithWatched)[WATCHED] = watched;
      const onEnd = (): void => this.#log(watched, request, response);
      response.once('finish', onEnd);
      // The only one of the two where the connection ends first.
      response.once('close', onEnd);
      this.#open++;
    } catch (error) {
      this.#logger.failed(error);
    }
  }

  /** Resolves when no request is open any more, or after the time-out: one that is cut off notices it, and is logged, a moment after the server has closed. */
  async idle(timeoutMillis: number): Promise<void> {
    if (this.#open > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeoutMillis);
        this.#onIdle = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  #log(watched: WatchedRequest, request: IncomingMessage, response: ServerResponse): void {
    if (watched.isLogged) {
      return;
    }
    watched.isLogged = true;
    this.#open--;
    try {
      if (!this.#isSkipped(request, response)) {
        this.#emit(watched, request, response);
      }
    } catch (error) {
      this.#logger.failed(error);
    }
    if (this.#open === 0) {
      this.#onIdle?.();
    }
  }

  #isSkipped(request: IncomingMessage, response: ServerResponse): boolean {
    try {
      return this.#options.skip(request, response);
    } catch (error) {
      this.#logger.failed(error);
      return false;
    }
  }

  #emit(watched: WatchedRequest, request: IncomingMessage, response: ServerResponse): void {
    const durationMillis = performance.now() - watched.startMillis;
    const isAborted = !response.writableFinished;
    const { statusCode } = response;
    const [severityNumber, severityText] = severityOf(statusCode, isAborted);
    const outcome = isAborted ? 'aborted' : String(statusCode);
    this.#logger.emit({
      severityNumber,
      severityText,
      body: `${request.method} ${targetOf(request).path} ${outcome} ${durationMillis.toFixed(1)} ms`,
      attributes: {
        ...watched.extra,
        ...requestAttributes(request, response, this.#options),
        // Name and unit of the metric: the conventions have no attribute for it.
        'http.server.request.duration': durationMillis / 1000,
        ...errorAttributes(watched, statusCode, isAborted),
      },
      context: watched.context,
    });
  }
}

/** Notes what has gone wrong with a request that is watched, for its record. The first error counts; never throws. */
export function noteRequestError(request: IncomingMessage, error: unknown): void {
  const watched = (request as WithWatched)[WATCHED];
  if (watched !== undefined && !watched.hasError) {
    watched.hasError = true;
    watched.error = error;
  }
}

function severityOf(statusCode: number, isAborted: boolean): [number, string] {
  if (statusCode >= 500) {
    return [17, 'ERROR'];
  }
  return isAborted || statusCode >= 400 ? [13, 'WARN'] : [9, 'INFO'];
}

/** `error.type` as the conventions define it for servers: no error below 500. */
function errorAttributes({ error, hasError }: WatchedRequest, statusCode: number, isAborted: boolean): Record<string, LogValue> {
  const isError = isAborted || statusCode >= 500;
  const attributes: Record<string, LogValue> = hasError ? exceptionAttributes(error) : {};
  if (!isError) {
    // A refusal, which the application throws on purpose: what it says, and not where it comes from.
    delete attributes['exception.stacktrace'];
    return attributes;
  }
  return { 'error.type': hasError ? errorType(error) : isAborted ? 'aborted' : String(statusCode), ...attributes };
}
