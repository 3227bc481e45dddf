import { createServer } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { gunzipSync } from 'node:zlib';
import type { Certificate } from './self-signed-certificate';

export interface RecordedRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  /** Decompressed. Empty where the step does not read it. */
  readonly body: Buffer;
}

/** What the server does with one request. A test may write its own. */
export interface FaultStep {
  /** Whether the request is read to its end (and recorded with its body) before `answer` is called. Default true. */
  readonly readsBody?: boolean;
  readonly answer: (response: ServerResponse, request: IncomingMessage, recorded: RecordedRequest) => void;
}

export interface StatusOptions {
  readonly retryAfter?: string;
  readonly body?: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A complete answer. */
export function status(code: number, { retryAfter, body = '', headers = {} }: StatusOptions = {}): FaultStep {
  return {
    answer: (response) => {
      response.writeHead(code, { ...headers, ...(retryAfter !== undefined && { 'retry-after': retryAfter }) });
      response.end(body);
    },
  };
}

export const ok = status(200);

/** What another step answers, later. */
export function after(millis: number, step: FaultStep): FaultStep {
  return {
    ...step,
    answer: (response, request, recorded) => {
      const timer = setTimeout(() => step.answer(response, request, recorded), millis);
      response.on('close', () => clearTimeout(timer));
    },
  };
}

/** The request is taken and never answered. */
export const hang: FaultStep = { answer: () => undefined };

/** The connection is reset instead of an answer. */
export const reset: FaultStep = { answer: (response) => response.socket?.resetAndDestroy() };

/** Status 200, and a body that never ends: a byte every 10 ms. A limit on silence does not notice it. */
export const slowBody: FaultStep = {
  answer: (response) => {
    response.writeHead(200);
    const drip = setInterval(() => response.write('.'), 10);
    response.on('close', () => clearInterval(drip));
  },
};

/** Status 200 and half of the promised body. */
export const cutBody: FaultStep = {
  answer: (response) => {
    response.writeHead(200, { 'content-length': '100' });
    response.write('half', () => response.socket?.destroy());
  },
};

/** Bytes that are no HTTP. */
export const garbage: FaultStep = { answer: (response) => response.socket?.end('these bytes are no HTTP\r\n\r\n') };

/** Status 200 and a body of 5 MiB. */
export const oversize = status(200, { body: Buffer.alloc(5 * 1024 * 1024, 'x') });

/** 307: a client that followed it would send the body and its headers to `to`. */
export function redirect(to: string): FaultStep {
  return status(307, { headers: { location: to } });
}

/** Status 200, and the connection is closed although the answer has promised to keep it. */
export const closeAfterResponse: FaultStep = {
  answer: (response) => {
    const { socket } = response;
    response.writeHead(200, { connection: 'keep-alive', 'content-length': '0' });
    response.end(() => socket?.end());
  },
};

/** The upload stalls: the body of the request is never read, and there is no answer. Needs a body larger than the buffers of the sockets, about 8 MB. */
export const stopReading: FaultStep = { readsBody: false, answer: () => undefined };

/** The answer to an OTLP request of which `rejected` records were refused, in the format of the request. */
export function partialSuccess(rejected: number, message: string): FaultStep {
  return {
    answer: (response, request) => {
      const type = request.headers['content-type'] ?? '';
      response.writeHead(200, { 'content-type': type });
      if (type === 'application/json') {
        response.end(JSON.stringify({ partialSuccess: { rejectedLogRecords: String(rejected), errorMessage: message } }));
      } else {
        const text = Buffer.from(message);
        const inner = Buffer.concat([Buffer.from([0x08, ...varint(rejected), 0x12, ...varint(text.length)]), text]);
        response.end(Buffer.concat([Buffer.from([0x0a, ...varint(inner.length)]), inner]));
      }
    },
  };
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value % 0x80) + 0x80, ...varint(Math.floor(value / 0x80))];
}

export interface TlsServerOptions extends Certificate {
  /** Whose client certificates it takes, in PEM; it then refuses connections without one. Default: it asks for none. */
  readonly ca?: string;
  readonly requestCert?: boolean;
}

/** An HTTP server on loopback that behaves as scripted. The last step of a script repeats. */
export class FaultServer {
  /** Every request, in the order of arrival. */
  readonly requests: RecordedRequest[] = [];
  readonly #server: Server;
  readonly #scheme: string;
  readonly #sockets = new Set<Socket>();
  readonly #unread: IncomingMessage[] = [];
  #steps: readonly FaultStep[] = [ok];
  #next = 0;
  #connections = 0;

  private constructor(tls?: TlsServerOptions) {
    const onRequest = (request: IncomingMessage, response: ServerResponse): void => this.#onRequest(request, response);
    this.#server = tls === undefined ? createServer(onRequest) : createTlsServer(tls, onRequest);
    this.#scheme = tls === undefined ? 'http' : 'https';
    // Only the client closes an idle connection, so that one it forgets is seen.
    this.#server.keepAliveTimeout = 0;
    this.#server.on('connection', (socket: Socket) => {
      this.#connections++;
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    this.#server.on('clientError', (_error, socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  }

  static start(...steps: FaultStep[]): Promise<FaultServer> {
    return FaultServer.startAt(0, ...steps);
  }

  /** On a given port: that of a server that was closed, for one that comes back. */
  static async startAt(port: number, ...steps: FaultStep[]): Promise<FaultServer> {
    const server = new FaultServer();
    server.script(...steps);
    await server.#listen(port);
    return server;
  }

  /** HTTPS, with that certificate. */
  static startTls(tls: TlsServerOptions, ...steps: FaultStep[]): Promise<FaultServer> {
    return FaultServer.startTlsAt(0, tls, ...steps);
  }

  static async startTlsAt(port: number, tls: TlsServerOptions, ...steps: FaultStep[]): Promise<FaultServer> {
    const server = new FaultServer(tls);
    server.script(...steps);
    await server.#listen(port);
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** `http://127.0.0.1:<port>` (or https), without a slash at the end. */
  get url(): string {
    return `${this.#scheme}://127.0.0.1:${this.port}`;
  }

  /** How many connections were ever made. */
  get connections(): number {
    return this.#connections;
  }

  openSockets(): number {
    return this.#sockets.size;
  }

  /** Replaces the script; the next request gets its first step. */
  script(...steps: FaultStep[]): void {
    this.#steps = steps.length === 0 ? [ok] : steps;
    this.#next = 0;
  }

  /** Reads on where a step has left the body unread: only then does this side notice that the client is gone. */
  resumeReading(): void {
    for (const request of this.#unread) {
      request.resume();
    }
    this.#unread.length = 0;
  }

  /** Ends every connection; resolves when all are closed. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.closeConnections();
    await closed;
  }

  /** Ends every connection; the server goes on. */
  closeConnections(): void {
    for (const socket of this.#sockets) {
      socket.destroy();
    }
  }

  #listen(port: number): Promise<void> {
    return new Promise((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    const step = this.#steps[Math.min(this.#next, this.#steps.length - 1)] as FaultStep;
    this.#next++;
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    const record = (body: Buffer): void => {
      const { method = '', url = '', headers } = request;
      const recorded = { method, url, headers, body: headers['content-encoding'] === 'gzip' && body.length > 0 ? gunzipSync(body) : body };
      this.requests.push(recorded);
      step.answer(response, request, recorded);
    };
    if (step.readsBody === false) {
      this.#unread.push(request);
      record(Buffer.alloc(0));
      return;
    }
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => record(Buffer.concat(chunks)));
  }
}
