import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { OtlpWalk } from '../load/otlp-walk';
import { countSequencesInText } from '../load/text-scan';
import { isPoison } from './poison';
import type { Random } from './random';

/** `down` closes the port; the others are what happens to each request. */
export const FAULTS = ['none', 'down', 'unavailable', 'retry-after', 'reset', 'hang', 'slow', 'cut', 'garbage', 'small-only'] as const;
export type Fault = (typeof FAULTS)[number];

const MIN_PHASE_MILLIS = 200;
const MAX_PHASE_MILLIS = 3000;
const SLOW_MILLIS = 400;
/** What `small-only` takes: more is 413. */
const MAX_RECORDS = 100;

/** An OTLP and Loki receiver that changes its behaviour at random times. It refuses every request with a poisonous record, always. */
export class FaultyReceiver {
  /** Sequence numbers of what it has answered with success. */
  readonly taken = new Set<number>();
  /** Records that it has taken again. */
  duplicates = 0;
  unreadable = 0;
  readonly phases: Record<string, number> = {};
  readonly #random: Random;
  readonly #server = createServer({ keepAliveTimeout: 120_000 }, (request, response) => this.#receive(request, response));
  #fault: Fault = 'none';
  #port = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(random: Random) {
    this.#random = random;
  }

  get port(): number {
    return this.#port;
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** From now on one phase follows another. */
  begin(): void {
    const phase = (): void => {
      this.#change(this.#random.next() < 0.4 ? 'none' : this.#random.pick(FAULTS));
      this.#timer = setTimeout(phase, this.#random.integer(MIN_PHASE_MILLIS, MAX_PHASE_MILLIS));
    };
    phase();
  }

  /** From now on all is well. */
  heal(): void {
    clearTimeout(this.#timer);
    this.#change('none');
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #change(fault: Fault): void {
    this.phases[fault] = (this.phases[fault] ?? 0) + 1;
    if (fault === 'down' && this.#server.listening) {
      this.#server.close();
    } else if (fault !== 'down' && !this.#server.listening) {
      this.#server.listen(this.#port, '127.0.0.1');
    }
    if (this.#fault === 'hang' || fault === 'down') {
      this.#server.closeAllConnections();
    }
    this.#fault = fault;
  }

  #receive(request: IncomingMessage, response: ServerResponse): void {
    const chunks: Buffer[] = [];
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => this.#answer(request, Buffer.concat(chunks), response));
  }

  #answer(request: IncomingMessage, body: Buffer, response: ServerResponse): void {
    switch (this.#fault) {
      case 'unavailable':
        response.writeHead(503).end();
        break;
      case 'retry-after':
        response.writeHead(429, { 'retry-after': '1' }).end('too many requests');
        break;
      case 'reset':
      case 'down':
        response.socket?.resetAndDestroy();
        break;
      case 'hang':
        break;
      case 'cut':
        response.writeHead(200, { 'content-length': 100 });
        response.write('half', () => response.socket?.destroy());
        break;
      case 'garbage':
        response.socket?.end('these bytes are no HTTP\r\n\r\n');
        break;
      case 'slow':
        setTimeout(() => this.#take(request, body, response, Infinity), SLOW_MILLIS);
        break;
      case 'small-only':
        this.#take(request, body, response, MAX_RECORDS);
        break;
      case 'none':
        this.#take(request, body, response, Infinity);
    }
  }

  #take(request: IncomingMessage, sent: Buffer, response: ServerResponse, maxRecords: number): void {
    const sequences: number[] = [];
    try {
      const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(sent) : sent;
      const sink = { add: (sequence: number) => void sequences.push(sequence) };
      if (request.url === '/loki/api/v1/push') {
        countSequencesInText(body, sink, 0);
      } else {
        new OtlpWalk(body).countRecords(sink, 0);
      }
    } catch {
      this.unreadable += 1;
    }
    if (sequences.length > maxRecords) {
      response.writeHead(413).end('too many records');
    } else if (sequences.some(isPoison)) {
      response.writeHead(400).end('a record is poisonous');
    } else {
      for (const sequence of sequences) {
        this.duplicates += this.taken.has(sequence) ? 1 : 0;
        this.taken.add(sequence);
      }
      response.writeHead(request.url === '/loki/api/v1/push' ? 204 : 200).end();
    }
  }
}
