import type { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http';
import type { Server as HttpsServer } from 'node:https';

/** A server of `node:http` or `node:https`: what `app.listen()` of Express returns. */
export type GracefulServer = HttpServer | HttpsServer;

/**
 * Closes a server so that every request that has begun is answered, and no client holds it open.
 *
 * `server.close()` alone ends idle connections once; a client with keep-alive that goes on sending would hold the server open for as long as it likes.
 */
export class HttpDrain {
  readonly #server: GracefulServer;
  readonly #open = new Set<ServerResponse>();
  #isClosing = false;
  #onEmpty: (() => void) | undefined = undefined;

  /** Begins to follow the responses of the server: later it could not tell which are open. */
  constructor(server: GracefulServer) {
    this.#server = server;
    server.prependListener('request', this.#onRequest);
  }

  /** Takes no further connection; resolves when all are closed. After the time-out what is still open is cut off. Never rejects. */
  async close(timeoutMillis: number): Promise<void> {
    this.#isClosing = true;
    for (const response of this.#open) {
      this.#endConnectionAfter(response);
    }
    // An error says that the server was not listening.
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    let timer: NodeJS.Timeout | undefined;
    const timeUp = new Promise<void>((resolve) => (timer = setTimeout(resolve, timeoutMillis)));
    await Promise.race([closed, timeUp]);
    clearTimeout(timer);
    // Connections that were upgraded are not among these, and are not waited for.
    this.#server.closeAllConnections();
    await this.#empty();
  }

  stopFollowing(): void {
    this.#server.removeListener('request', this.#onRequest);
  }

  /** Resolves when every response has noticed its end, a moment after the server: what logs requests has logged them then. */
  #empty(): Promise<void> {
    return new Promise((resolve) => {
      this.#onEmpty = resolve;
      this.#checkEmpty();
    });
  }

  readonly #onRequest = (_request: IncomingMessage, response: ServerResponse): void => {
    this.#open.add(response);
    response.once('close', () => this.#onResponseEnd(response));
    if (this.#isClosing) {
      this.#endConnectionAfter(response);
    }
  };

  #onResponseEnd(response: ServerResponse): void {
    this.#open.delete(response);
    this.#checkEmpty();
    if (this.#isClosing) {
      // Its headers may have gone out before the end was known; the connection counts as idle in the next turn.
      setImmediate(() => this.#server.closeIdleConnections());
    }
  }

  #endConnectionAfter(response: ServerResponse): void {
    if (!response.headersSent) {
      response.setHeader('Connection', 'close');
    }
  }

  #checkEmpty(): void {
    if (this.#open.size === 0) {
      this.#onEmpty?.();
    }
  }
}
