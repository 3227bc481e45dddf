import type { IncomingMessage, ServerResponse } from 'node:http';
import { Inject, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import { context as activeContext } from '@opentelemetry/api';
import { tap, type Observable } from 'rxjs';
import { errorType, exceptionAttributes } from './exception-attributes';
import { SafeLogger, type LogValue } from './logger-source';
import { LOG_QUEUE_OPTIONS, type ResolvedModuleOptions } from './nestjs-options';
import { noteRequestError, RequestLog } from './request-log';

const SCOPE = 'otel-log-queue/nestjs';

/**
 * Logs each request that reaches a handler: over HTTP when its response has ended, with the attributes of the HTTP semantic conventions, duration, trace context and the error of the handler; elsewhere (microservices, WebSockets, GraphQL) when the handler has.
 * What a middleware or a guard refuses does not reach it, nor does a path without a handler: `requestLog()` of `otel-log-queue/express` sees those too.
 *
 * `requests: true` of the module makes it a global one; without that, `@UseInterceptors(RequestLogInterceptor)`. It logs a request once, however often it meets it, and fails none.
 */
export class RequestLogInterceptor implements NestInterceptor {
  readonly #log: RequestLog;
  readonly #logger: SafeLogger;

  constructor({ provider, requests }: Pick<ResolvedModuleOptions, 'provider' | 'requests'>) {
    this.#log = new RequestLog(provider, SCOPE, requests);
    this.#logger = new SafeLogger(provider, SCOPE);
  }

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const observer = this.#observe(context);
    return observer === undefined ? next.handle() : next.handle().pipe(tap(observer));
  }

  /** Resolves when no HTTP request is open any more, or after the time-out. */
  idle(timeoutMillis: number): Promise<void> {
    return this.#log.idle(timeoutMillis);
  }

  #observe(context: ExecutionContext): { error: (error: unknown) => void; complete?: () => void } | undefined {
    try {
      const handler = `${context.getClass().name}.${context.getHandler().name}`;
      const http = context.switchToHttp();
      return context.getType() === 'http' ? this.#watchHttp(handler, http.getRequest(), http.getResponse()) : this.#watchCall(handler, context.getType());
    } catch (error) {
      this.#logger.failed(error);
      return undefined;
    }
  }

  #watchHttp(handler: string, given: unknown, response: unknown): { error: (error: unknown) => void } {
    const request = nodeObject(given) as IncomingMessage;
    this.#log.watch(request, nodeObject(response) as ServerResponse, { 'code.function.name': handler, ...fastifyRoute(given) });
    return { error: (error) => noteRequestError(request, error) };
  }

  #watchCall(handler: string, type: string): { error: (error: unknown) => void; complete: () => void } {
    const startMillis = performance.now();
    const context = activeContext.active();
    const log = (outcome: string, severityNumber: number, severityText: string, extra: Record<string, LogValue>): void => {
      const durationMillis = performance.now() - startMillis;
      this.#logger.emit({
        severityNumber,
        severityText,
        body: `${handler} ${outcome} ${durationMillis.toFixed(1)} ms`,
        attributes: { 'code.function.name': handler, 'nestjs.type': type, 'nestjs.duration': durationMillis / 1000, ...extra },
        context,
      });
    };
    return {
      error: (error) => log('failed', 17, 'ERROR', { 'error.type': errorType(error), ...exceptionAttributes(error) }),
      complete: () => log('completed', 9, 'INFO', {}),
    };
  }
}

// Not as a decorator: what builds this package writes none of the metadata that Nest would read the type from.
Inject(LOG_QUEUE_OPTIONS)(RequestLogInterceptor, undefined, 0);

/** Fastify wraps Node's request and response. */
function nodeObject(value: unknown): unknown {
  return (value as { raw?: unknown }).raw ?? value;
}

function fastifyRoute(request: unknown): Record<string, LogValue> {
  const url = (request as { routeOptions?: { url?: unknown } }).routeOptions?.url;
  return typeof url === 'string' ? { 'http.route': url } : {};
}
