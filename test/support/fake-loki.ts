import { createServer, type IncomingHttpHeaders, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { answerQuery } from './fake-loki-query';
import { decodePush, Refusal, uncompressed, type DecodedStream } from './loki-decode';

export interface StoredEntry {
  readonly labels: Readonly<Record<string, string>>;
  /** Nanoseconds, as they were sent. */
  readonly timestamp: string;
  readonly line: string;
  readonly metadata: Readonly<Record<string, string>>;
}

export interface PushRequest {
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  /** Decompressed; empty unless it is JSON. */
  readonly body: string;
  /** What it was answered with. */
  readonly status: number;
}

export interface ScriptedAnswer {
  readonly status: number;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface FakeLokiOptions {
  /** Refuse what is older than 7 days or more than 10 minutes ahead, as Loki does. Default false: most test records have fixed times. */
  readonly checksTime?: boolean;
  /** Default 262144. */
  readonly maxLineBytes?: number;
  /** Store structured metadata of JSON with its escapes, as Loki before 3.6 does. Default false. */
  readonly keepsJsonEscapes?: boolean;
}

const PUSH_PATH = '/loki/api/v1/push';
const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;
const MAX_METADATA_BYTES = 65_536;
const MAX_METADATA_ENTRIES = 128;
const MAX_LABELS = 15;

/** The push endpoint of Loki 3.7.6 with its default limits: what it refuses and how, and what it stores; and as much of its query API as reads that back. */
export class FakeLoki {
  /** In the order of arrival, without duplicates. */
  readonly entries: StoredEntry[] = [];
  readonly requests: PushRequest[] = [];
  /** Entries that were there already: same stream, time, line and structured metadata. */
  duplicates = 0;
  readonly #server: Server;
  readonly #options: FakeLokiOptions;
  readonly #script: ScriptedAnswer[] = [];
  readonly #known = new Set<string>();

  private constructor(options: FakeLokiOptions) {
    this.#options = options;
    this.#server = createServer((request, response) => this.#onRequest(request, response));
  }

  static async start(options: FakeLokiOptions = {}, port = 0): Promise<FakeLoki> {
    const loki = new FakeLoki(options);
    await new Promise<void>((resolve) => loki.#server.listen(port, '127.0.0.1', resolve));
    return loki;
  }

  /** Without a path. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The next requests are read, and answered with these instead of being looked at. */
  script(...answers: ScriptedAnswer[]): void {
    this.#script.push(...answers);
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    const chunks: Buffer[] = [];
    request.on('error', () => undefined);
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const found = request.method === 'GET' ? answerQuery(request.url ?? '', this.entries) : undefined;
      if (found !== undefined) {
        response.end(found);
        return;
      }
      const answer = this.#answer(request, Buffer.concat(chunks));
      response.writeHead(answer.status, { ...(answer.body !== undefined && { 'content-type': 'text/plain; charset=utf-8' }), ...answer.headers });
      response.end(answer.body === undefined ? undefined : `${answer.body}\n`);
    });
  }

  #answer(request: IncomingMessage, body: Buffer): ScriptedAnswer {
    const { url = '', headers, method } = request;
    let text = '';
    let answer: ScriptedAnswer;
    try {
      const bytes = uncompressed(headers, body);
      text = headers['content-type']?.startsWith('application/json') === true ? bytes.toString() : '';
      answer = this.#script.shift() ?? this.#push(method, url, headers, bytes);
    } catch (error) {
      answer = error instanceof Refusal ? { status: error.status, body: error.message } : { status: 400, body: String(error) };
    }
    this.requests.push({ url, headers, body: text, status: answer.status });
    return answer;
  }

  #push(method: string | undefined, url: string, headers: IncomingHttpHeaders, bytes: Buffer): ScriptedAnswer {
    if (method !== 'POST') {
      throw new Refusal(405, 'Method Not Allowed');
    }
    if (!url.endsWith(PUSH_PATH)) {
      throw new Refusal(404, '404 page not found');
    }
    const streams = decodePush(headers, bytes);
    if (streams.length === 0) {
      throw new Refusal(422, 'error at least one valid stream is required for ingestion');
    }
    const refused: string[] = [];
    const accepted: StoredEntry[] = [];
    for (const stream of streams) {
      this.#validate(stream, accepted, refused);
    }
    // The message between distributor and ingester, about as large as names, values and lines together.
    const messageBytes = accepted.reduce((sum, entry) => sum + messageBytesOf(entry), 0);
    if (messageBytes > MAX_MESSAGE_BYTES) {
      throw new Refusal(500, `rpc error: code = ResourceExhausted desc = grpc: received message larger than max (${messageBytes} vs. ${MAX_MESSAGE_BYTES})`);
    }
    for (const entry of accepted) {
      this.#store(entry);
    }
    return refused.length === 0 ? { status: 204 } : { status: 400, body: `${refused.length} errors like: ${refused[0]}` };
  }

  /** The entries that Loki stores; the first words about each that it does not. */
  #validate({ labels, values, isJson }: DecodedStream, accepted: StoredEntry[], refused: string[]): void {
    if (values.length === 0) {
      return;
    }
    const shown = JSON.stringify(labels);
    const kept = Object.fromEntries(Object.entries(labels).filter(([, value]) => value !== ''));
    const counted = Object.keys(kept).filter((name) => name !== 'service_name');
    if (counted.length > MAX_LABELS) {
      refused.push(`entry for stream '${shown}' has ${counted.length} label names; limit ${MAX_LABELS}`);
      return;
    }
    if (Object.entries(kept).some(([name, value]) => name.length > 1024 || Buffer.byteLength(value) > 2048)) {
      refused.push(`stream '${shown}' has label value too long`);
      return;
    }
    for (const { timestamp, line, metadata } of values) {
      const problem = this.#problemOf(timestamp, line, metadata);
      if (problem === undefined) {
        accepted.push({ labels: kept, timestamp: String(timestamp), line, metadata: normalized(isJson && this.#options.keepsJsonEscapes === true ? metadata.map(([name, value]) => [name, JSON.stringify(value).slice(1, -1)]) : metadata) });
      } else {
        refused.push(`${problem} in stream '${shown}'`);
      }
    }
  }

  #problemOf(timestamp: bigint, line: string, metadata: readonly [string, string][]): string | undefined {
    if (this.#options.checksTime === true) {
      const aheadMillis = Number(timestamp / 1_000_000n) - Date.now();
      if (aheadMillis < -7 * 24 * 3600 * 1000 || aheadMillis > 600_000) {
        return aheadMillis < 0 ? 'timestamp too old' : 'timestamp too new';
      }
    }
    if (Buffer.byteLength(line) > (this.#options.maxLineBytes ?? 262_144)) {
      return 'max entry size exceeded';
    }
    const bytes = metadata.reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(value), 0);
    if (bytes > MAX_METADATA_BYTES) {
      return 'structured metadata too large';
    }
    return metadata.length > MAX_METADATA_ENTRIES ? 'too many structured metadata labels' : undefined;
  }

  #store(entry: StoredEntry): void {
    const identity = JSON.stringify([sorted(entry.labels), entry.timestamp, entry.line, sorted(entry.metadata)]);
    if (this.#known.has(identity)) {
      this.duplicates++;
    } else {
      this.#known.add(identity);
      this.entries.push(entry);
    }
  }
}

/** `LabelNamer.Build` of prometheus/otlptranslator, character by character as it is written there. */
function labelName(key: string): string {
  const isReserved = Buffer.byteLength(key) >= 4 && key.startsWith('__') && key.endsWith('__');
  let name = '';
  let afterUnderscore = false;
  for (const character of isReserved ? key.slice(2, -2) : key) {
    const isValid = character.length === 1 && /[a-zA-Z0-9]/.test(character);
    if (isValid) {
      name += character;
    } else if (!afterUnderscore) {
      name += '_';
    }
    afterUnderscore = !isValid;
  }
  name = isReserved ? `__${name}__` : name;
  if (/[0-9]/.test(name.charAt(0))) {
    name = `key_${name}`;
  }
  if (name.replaceAll('_', '') === '') {
    throw new Refusal(500, key === '' ? 'label name is empty' : `normalization for label name ${JSON.stringify(key)} resulted in invalid name ${JSON.stringify(name)}`);
  }
  return name;
}

function normalized(metadata: readonly [string, string][]): Record<string, string> {
  const stored: Record<string, string> = {};
  for (const [key, value] of metadata) {
    const name = labelName(key);
    if (value !== '') {
      stored[name] = value.replaceAll('\ufffd', ' ');
    }
  }
  return stored;
}

function messageBytesOf({ line, metadata }: StoredEntry): number {
  // Loki adds the level that it has detected.
  const all = { detected_level: 'unknown', ...metadata };
  return Object.entries(all).reduce((sum, [name, value]) => sum + name.length + Buffer.byteLength(value) + 6, Buffer.byteLength(line) + 20);
}

function sorted(pairs: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(pairs).sort(([a], [b]) => (a < b ? -1 : 1));
}
