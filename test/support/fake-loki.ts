import { createServer, type IncomingHttpHeaders, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { decodePush, Refusal, uncompressed, type DecodedStream } from './loki-decode';
import { normalized } from './loki-normalization';

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
  /** The push is stored nevertheless. Default false. */
  readonly isStored?: boolean;
}

export interface FakeLokiOptions {
  /** Refuse what is older than 7 days, more than 10 minutes ahead or more than an hour behind its stream, as Loki does. Default false: most test records have fixed times. */
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
const MAX_BEHIND_NANOS = 3600n * 1_000_000_000n;

/** The push endpoint of Loki 3.7.6 with its default limits: what it refuses and how, and what it stores. */
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
  /** The newest time of each stream. */
  readonly #newest = new Map<string, bigint>();

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
      const [scripted] = this.#script.splice(0, 1);
      answer = scripted !== undefined && scripted.isStored !== true ? scripted : { ...this.#push(method, url, headers, bytes), ...scripted };
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
    // As the ingester does it: what the last stream has met is the answer, whatever the others have met.
    let behind: string | undefined;
    for (const labels of new Set(accepted.map((entry) => entry.labels))) {
      behind = this.#append(accepted.filter((entry) => entry.labels === labels));
    }
    if (behind !== undefined) {
      return { status: 400, body: behind };
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

  /** Stores entries of one stream; the words about those that are too far behind. */
  #append(entries: readonly StoredEntry[]): string | undefined {
    const stream = JSON.stringify(sorted(entries[0]?.labels ?? {}));
    const ignored: StoredEntry[] = [];
    for (const entry of entries) {
      const timestamp = BigInt(entry.timestamp);
      const newest = this.#newest.get(stream) ?? timestamp;
      if (this.#options.checksTime === true && timestamp < newest - MAX_BEHIND_NANOS) {
        ignored.push(entry);
      } else {
        this.#newest.set(stream, timestamp > newest ? timestamp : newest);
        this.#store(entry);
      }
    }
    const [first] = ignored;
    return first && `entry with timestamp ${first.timestamp} ignored, reason: 'entry too far behind',\nuser 'fake', total ignored: ${ignored.length} out of ${entries.length} for stream: ${stream}`;
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

function messageBytesOf({ line, metadata }: StoredEntry): number {
  // Loki adds the level that it has detected.
  const all = { detected_level: 'unknown', ...metadata };
  return Object.entries(all).reduce((sum, [name, value]) => sum + name.length + Buffer.byteLength(value) + 6, Buffer.byteLength(line) + 20);
}

function sorted(pairs: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(pairs).sort(([a], [b]) => (a < b ? -1 : 1));
}
