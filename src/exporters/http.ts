import { diag } from '@opentelemetry/api';
import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import type { ClientRequest, RequestOptions } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { createSecureContext } from 'node:tls';
import { urlToHttpOptions } from 'node:url';
import { BackendText } from './backend-text';
import { ExportError } from './export-error';
import { querySecrets } from './http-options';
import { errorTypeOf, problemOf } from './http-problem';
import { collect, type HttpResponse } from './http-response';
import type { ResolvedTlsOptions } from './tls-options';
import { tlsProblemOf } from './tls-problem';

export type { HttpResponse } from './http-response';

export interface HttpPosterOptions {
  /** A URL that `checkHttpUrl` has returned. */
  readonly url: string;
  /** Sent with every request, credentials and user agent included. */
  readonly headers: Readonly<Record<string, string>>;
  /** For a whole exchange, the body of the answer included, in milliseconds; 0 is no limit. */
  readonly timeoutMillis: number;
  /** Further strings that no message may show: the `secrets` of `checkHttpUrl`, the `headerSecrets` of the user's headers. */
  readonly secrets: readonly string[];
  /** Checked. Only for an `https:` URL. Default: what Node trusts, and no client certificate. */
  readonly tls?: ResolvedTlsOptions | undefined;
}

// A lane has one export at a time; the stock processor can have more after a time-out of its own.
const MAX_SOCKETS = 4;

// setTimeout turns anything larger into 1 ms.
const MAX_DELAY_MILLIS = 2 ** 31 - 1;

/** `Retry-After` (RFC 9110 10.2.3: seconds or an HTTP date) in milliseconds from now, or undefined if there is none that can be read. */
export function retryAfterMillis(value: string | undefined, nowMillis: number): number | undefined {
  const text = value?.trim() ?? '';
  if (/^\d+(\.\d+)?$/.test(text)) {
    return Math.min(Number(text) * 1000, MAX_DELAY_MILLIS);
  }
  // Date.parse would make a date of "-5".
  const date = /^[a-z]{3}/i.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(date) ? undefined : Math.min(Math.max(0, date - nowMillis), MAX_DELAY_MILLIS);
}

/** POSTs to one URL over kept-alive connections. Redirects are not followed: the headers may hold credentials for this host alone. */
export class HttpPoster {
  /** Origin and path: the form of the URL for messages. */
  readonly shownUrl: string;
  readonly #url: URL;
  readonly #options: HttpPosterOptions;
  readonly #agent: HttpAgent;
  readonly #request: typeof httpRequest;
  // What Node would derive from the URL and the fixed headers at every request.
  readonly #requestOptions: RequestOptions;
  readonly #backendText: BackendText;
  /** The request that has a connection and has not been sent. */
  #opened: ClientRequest | undefined = undefined;
  #closed = false;

  constructor(options: HttpPosterOptions) {
    this.#options = options;
    this.#url = new URL(options.url);
    this.shownUrl = this.#url.origin + this.#url.pathname;
    this.#backendText = new BackendText([...options.secrets, ...querySecrets(this.#url)]);
    const isSecure = this.#url.protocol === 'https:';
    this.#request = isSecure ? httpsRequest : httpRequest;
    const agentOptions = { keepAlive: true, maxSockets: MAX_SOCKETS };
    this.#agent = isSecure
      ? new HttpsAgent({ ...agentOptions, ...(options.tls !== undefined && { secureContext: createSecureContext(options.tls) }) })
      : new HttpAgent(agentOptions);
    this.#requestOptions = { ...urlToHttpOptions(this.#url), method: 'POST', agent: this.#agent };
  }

  /** What a backend said, for a message: printable, without the secrets, at most 1 KB, empty if it is no text. */
  firstWords(body: Uint8Array): string {
    return this.#backendText.firstWords(body);
  }

  /**
   * Looks the host up and connects now, for the first request: `dns.lookup` waits in the thread pool of the process, and must not be on the way of its exit.
   * The backend sees a connection and no request. If it cannot be reached, or closes the connection, nothing happens: the first request connects again.
   */
  openAhead(): void {
    let request: ClientRequest;
    try {
      request = this.#newRequest();
    } catch (error) {
      diag.debug(`otel-log-queue: no connection to ${this.shownUrl} ahead of the first request: ${problemOf(error)}`);
      return;
    }
    this.#opened = request;
    const forget = (): void => {
      if (this.#opened === request) {
        this.#opened = undefined;
        request.destroy();
      }
    };
    // Stays for good, like that of a request that is sent.
    request.on('error', (error) => {
      if (this.#opened === request) {
        diag.debug(`otel-log-queue: no connection to ${this.shownUrl} ahead of the first request: ${problemOf(error)}`);
      }
      forget();
    });
    request.on('close', forget);
    // A server that is tired of waiting may say so (408).
    request.once('response', forget);
  }

  /** Lets go of the sockets. Later requests fail. */
  close(): void {
    this.#closed = true;
    this.#opened?.destroy();
    this.#opened = undefined;
    this.#agent.destroy();
  }

  /**
   * One exchange. Resolves with whatever status was answered. Rejects with an `ExportError`: retryable if there was no complete answer in time,
   * not retryable if the answer is too large.
   *
   * @param signal destroys the connection at once
   */
  post(body: Uint8Array, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<HttpResponse> {
    return new Promise((resolve, reject) => {
      const { timeoutMillis } = this.#options;
      let settled = false;
      let current: ClientRequest | undefined;
      let timer: NodeJS.Timeout | undefined;
      let lastTurn: NodeJS.Immediate | undefined;

      const settle = (): void => {
        settled = true;
        clearTimeout(timer);
        clearImmediate(lastTurn);
        signal.removeEventListener('abort', onAbort);
      };
      const fail = (problem: string, retryable = true, status?: number, errorType?: string): void => {
        if (!settled) {
          settle();
          reject(new ExportError(`POST ${this.shownUrl} failed: ${problem}`, { retryable, status, errorType }));
          current?.destroy();
        }
      };
      const onAbort = (): void => fail('aborted', true, undefined, signal.reason instanceof ExportError ? signal.reason.errorType : undefined);

      const send = (isRepeat: boolean): void => {
        const opened = this.#opened;
        this.#opened = undefined;
        const request = opened ?? this.#newRequest();
        current = request;
        let hasAnswer = false;
        // Stays for good: a request that was destroyed may still report an error, which without a listener is an uncaught exception.
        request.on('error', (error) => {
          // Once an answer has begun, it decides: a server that has refused a body need not read the rest of it.
          if (settled || hasAnswer || request !== current) {
            return;
          }
          if (!isRepeat && (request.reusedSocket || request === opened) && isConnectionLoss(error)) {
            // The server had closed the idle connection. The other idle ones are as old.
            this.#destroyIdleSockets();
            attempt(true);
          } else {
            fail(this.#problemOf(error), true, undefined, errorTypeOf(error));
          }
        });
        request.on('close', () => {
          if (!hasAnswer && request === current) {
            fail('the connection was closed without an answer', true, undefined, 'ECONNRESET');
          }
        });
        request.on('response', (response) => {
          hasAnswer = true;
          const onComplete = (answer: HttpResponse): void => {
            if (!settled) {
              settle();
              resolve(answer);
              if (!request.writableFinished) {
                // The server may never read the rest of the body, and the socket would wait for ever.
                request.destroy();
              }
            }
          };
          collect(response, onComplete, fail);
        });
        for (const [name, value] of Object.entries(headers)) {
          request.setHeader(name, value);
        }
        request.setHeader('content-length', body.byteLength);
        request.end(body);
      };
      const attempt = (isRepeat: boolean): void => {
        try {
          send(isRepeat);
        } catch (error) {
          fail(problemOf(error), false, undefined, errorTypeOf(error));
        }
      };

      if (this.#closed) {
        fail('the exporter has been shut down', false);
      } else if (signal.aborted) {
        onAbort();
      } else {
        signal.addEventListener('abort', onAbort, { once: true });
        if (timeoutMillis > 0) {
          const onTimeout = (): void => fail(`no complete answer within ${timeoutMillis} ms`, true, undefined, 'timeout');
          // An application that has blocked the event loop for longer may find the answer waiting in the socket: one more turn reads it.
          timer = setTimeout(() => (lastTurn = setImmediate(onTimeout)), timeoutMillis);
        }
        attempt(false);
      }
    });
  }

  /** Nothing is sent before its end. */
  #newRequest(): ClientRequest {
    return this.#request({ ...this.#requestOptions, headers: this.#options.headers });
  }

  #problemOf(error: unknown): string {
    const problem = problemOf(error);
    const inWords = this.#url.protocol === 'https:' ? tlsProblemOf(problem, this.#options.tls?.cert !== undefined) : undefined;
    return inWords === undefined ? problem : `${inWords} (${problem})`;
  }

  #destroyIdleSockets(): void {
    for (const sockets of Object.values(this.#agent.freeSockets)) {
      for (const socket of sockets ?? []) {
        socket.destroy();
      }
    }
  }
}

function isConnectionLoss(error: NodeJS.ErrnoException): boolean {
  return error.code === 'ECONNRESET' || error.code === 'EPIPE';
}
