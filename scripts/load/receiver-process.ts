import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { OtlpWalk } from './otlp-walk';
import { OUTAGE_PATH } from './outage-path';
import { monotonicMillis, SequenceCounter, type ReceivedCounts } from './sequence-counter';
import { countSequencesInText } from './text-scan';

/** From the parent. `begin` starts the count of a run, `end` asks for it. */
export type ReceiverCommand =
  | { readonly type: 'begin'; readonly total: number; readonly latencyMillis: number }
  | { readonly type: 'end' };

export type ReceiverReply =
  | { readonly type: 'listening'; readonly port: number }
  | { readonly type: 'begun' }
  | { readonly type: 'counts'; readonly counts: ReceivedCounts };

interface Received {
  readonly body: Buffer;
  readonly isLoki: boolean;
  readonly isGzip: boolean;
  readonly arrivedMillis: number;
}

/** Bodies are read at the end of the run, so that reading them costs the run nothing; above this bound the oldest are read at once. */
const MAX_UNREAD_BYTES = 64 * 1024 * 1024;

class Receiver {
  readonly #server = createServer({ keepAliveTimeout: 120_000 }, (request, response) => this.#receive(request, response));
  #unread: Received[] = [];
  #unreadBytes = 0;
  #counter = new SequenceCounter(0);
  #latencyMillis = 0;
  #port = 0;

  listen(): void {
    this.#server.listen(0, '127.0.0.1', () => {
      this.#port = (this.#server.address() as AddressInfo).port;
      reply({ type: 'listening', port: this.#port });
    });
  }

  command(command: ReceiverCommand): void {
    if (command.type === 'begin') {
      this.#unread = [];
      this.#unreadBytes = 0;
      this.#counter = new SequenceCounter(command.total);
      this.#latencyMillis = command.latencyMillis;
      reply({ type: 'begun' });
    } else {
      this.#readDownTo(0);
      reply({ type: 'counts', counts: this.#counter.counts() });
    }
  }

  /** Ordered by the process under load, whose clock begins with its first record. */
  #planOutage(request: IncomingMessage, response: ServerResponse): void {
    const { searchParams } = new URL(request.url ?? '', 'http://receiver');
    setTimeout(() => {
      this.#server.close();
      this.#server.closeAllConnections();
    }, Number(searchParams.get('fromMillis')));
    setTimeout(() => this.#server.listen(this.#port, '127.0.0.1'), Number(searchParams.get('toMillis')));
    request.resume();
    response.end();
  }

  #receive(request: IncomingMessage, response: ServerResponse): void {
    if (request.url?.startsWith(OUTAGE_PATH) === true) {
      this.#planOutage(request, response);
      return;
    }
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      const isLoki = request.url === '/loki/api/v1/push';
      this.#unread.push({ body, isLoki, isGzip: request.headers['content-encoding'] === 'gzip', arrivedMillis: monotonicMillis() });
      this.#unreadBytes += body.length;
      if (this.#latencyMillis > 0) {
        setTimeout(() => answer(response, isLoki), this.#latencyMillis);
      } else {
        answer(response, isLoki);
      }
      if (this.#unreadBytes > MAX_UNREAD_BYTES) {
        setImmediate(() => this.#readDownTo(MAX_UNREAD_BYTES));
      }
    });
  }

  #readDownTo(bytes: number): void {
    let read = 0;
    while (this.#unreadBytes > bytes || (bytes === 0 && read < this.#unread.length)) {
      const received = this.#unread[read];
      if (received === undefined) {
        break;
      }
      this.#read(received);
      this.#unreadBytes -= received.body.length;
      read += 1;
    }
    this.#unread.splice(0, read);
  }

  #read(received: Received): void {
    try {
      const body = received.isGzip ? gunzipSync(received.body) : received.body;
      if (received.isLoki) {
        countSequencesInText(body, this.#counter, received.arrivedMillis);
      } else {
        new OtlpWalk(body).countRecords(this.#counter, received.arrivedMillis);
      }
    } catch {
      this.#counter.addUnreadable();
    }
  }
}

function answer(response: ServerResponse, isLoki: boolean): void {
  if (isLoki) {
    response.writeHead(204).end();
  } else {
    response.writeHead(200, { 'content-type': 'application/x-protobuf', 'content-length': 0 }).end();
  }
}

function reply(message: ReceiverReply): void {
  process.send?.(message);
}

const receiver = new Receiver();
process.on('message', (message) => receiver.command(message as ReceiverCommand));
// A terminal sends Ctrl-C to every process; the parent ends this one.
process.on('SIGINT', () => undefined);
// Without its parent nobody asks for the counts.
// The load script is gone, and open connections would keep this process alive.
process.on('disconnect', () => process.exit());
receiver.listen();
