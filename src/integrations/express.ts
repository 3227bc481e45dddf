import type { IncomingMessage, ServerResponse } from 'node:http';
import { warnUnknownKeys } from '../check';
import { checkLoggerSource, type LoggerSource } from './logger-source';
import { noteRequestError, RequestLog } from './request-log';
import { REQUEST_LOG_OPTIONS, resolveRequestLogOptions, type RequestLogOptions } from './request-log-options';

export { gracefulShutdown, type GracefulServer, type GracefulShutdownOptions } from './graceful-shutdown';
export type { LoggerSource } from './logger-source';
export type { RequestLogOptions } from './request-log-options';
export type { ShutsDown } from './bounded-shutdown';

/** What `app.use()` of Express takes, and Connect and plain `node:http` too. */
export type RequestHandler = (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void) => void;

/** What `app.use()` takes as a handler of errors. */
export type ErrorHandler = (error: unknown, request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void) => void;

/**
 * Middleware that logs each request when its response has ended: one record with the attributes of the HTTP semantic conventions, duration and trace context.
 * Put it first, so that its duration is that of the whole request. 5xx are ERROR, 4xx and aborted requests WARN, the others INFO.
 *
 * It never fails a request. No query string, header or client address is logged unless it was asked for.
 *
 * @param provider a `LoggerProvider`, or `logs.getLoggerProvider()`
 * @throws TypeError naming option and value received
 */
export function requestLog(provider: LoggerSource, options: RequestLogOptions = {}): RequestHandler {
  checkLoggerSource('provider', provider);
  const resolved = resolveRequestLogOptions(options);
  warnUnknownKeys('requestLog', options, REQUEST_LOG_OPTIONS);
  const log = new RequestLog(provider, 'otel-log-queue/express', resolved);
  return (request, response, next) => {
    log.watch(request, response);
    next();
  };
}

/**
 * Error middleware that adds the error to the record of its request, as `exception.*`, and hands it on. Put it behind the routes and in front of your own error handler.
 * Without it a request that failed is logged all the same, with its status.
 */
export function requestErrors(): ErrorHandler {
  return (error, request, _response, next) => {
    noteRequestError(request, error);
    next(error);
  };
}
