import type { LokiContext } from './loki-contexts';
import type { LokiMetadata, MetadataWriter } from './loki-metadata';
import type { LokiName } from './loki-names';
import { ADDED_BY_LOKI_BYTES, MAX_PUSH_BYTES, type LokiPush, type LokiPushBody } from './loki-push';
import { quote } from './loki-values';

// What has been written is turned into bytes in pieces of about this many characters, so that no turn of the event loop does it for a whole push.
const PIECE_CHARACTERS = 64 * 1024;

interface EncodedContext {
  /** A JSON object. */
  readonly labels: string;
  /** The inside of a JSON object. */
  readonly metadata: string;
}

const encodedContexts = new WeakMap<LokiContext, EncodedContext>();

function encodedContextOf(context: LokiContext): EncodedContext {
  let encoded = encodedContexts.get(context);
  if (encoded === undefined) {
    encoded = { labels: `{${membersOf(context.labels)}}`, metadata: membersOf(context.entries) };
    encodedContexts.set(context, encoded);
  }
  return encoded;
}

/** The inside of a JSON object. */
function membersOf(entries: Iterable<readonly [string, string]>): string {
  return Array.from(entries, ([name, value]) => `"${name}":${quote(value)}`).join(',');
}

class Stream {
  readonly #pieces: Buffer[] = [];
  #text: string;
  #records = 0;
  /** Of pieces. */
  #bytes = 0;

  constructor(labels: string) {
    this.#text = `{"streams":[{"stream":${labels},"values":[`;
  }

  /** Whether more would be too much for one request. */
  get isFull(): boolean {
    // The JSON of an entry is never smaller than its part of Loki's own message, but for what Loki adds.
    return this.#bytes + this.#records * ADDED_BY_LOKI_BYTES >= MAX_PUSH_BYTES;
  }

  add(entry: string): void {
    this.#text += this.#records === 0 ? entry : `,${entry}`;
    this.#records++;
    if (this.#text.length >= PIECE_CHARACTERS) {
      this.#makePiece();
    }
  }

  finish(): LokiPushBody {
    this.#text += ']}]}';
    this.#makePiece();
    return { bytes: Buffer.concat(this.#pieces), records: this.#records };
  }

  #makePiece(): void {
    const piece = Buffer.from(this.#text);
    this.#pieces.push(piece);
    this.#bytes += piece.length;
    this.#text = '';
  }
}

class JsonMetadata implements MetadataWriter {
  /** The inside of a JSON object. */
  text = '';
  #common = '';

  start(common: string): void {
    this.text = '';
    this.#common = common;
  }

  writeCommon(): void {
    this.text = this.#common;
  }

  write(name: LokiName, value: string): void {
    this.text += `${this.text === '' ? '' : ','}${name.json}${quote(value)}`;
  }
}

/** Pushes as JSON. */
export class LokiJsonPush implements LokiPush {
  readonly #bodies: LokiPushBody[] = [];
  /** By labels. */
  readonly #streams = new Map<string, Stream>();
  readonly #metadata = new JsonMetadata();

  add(context: LokiContext, timestamp: string, line: string, metadata: LokiMetadata): void {
    const encoded = encodedContextOf(context);
    this.#metadata.start(encoded.metadata);
    metadata.writeTo(this.#metadata);
    const stream = this.#streams.get(encoded.labels) ?? this.#addStream(encoded.labels);
    stream.add(`["${timestamp}",${quote(line)},{${this.#metadata.text}}]`);
    if (stream.isFull) {
      this.#bodies.push(stream.finish());
      this.#streams.delete(encoded.labels);
    }
  }

  finish(): LokiPushBody[] {
    return [...this.#bodies, ...Array.from(this.#streams.values(), (stream) => stream.finish())];
  }

  #addStream(labels: string): Stream {
    const stream = new Stream(labels);
    this.#streams.set(labels, stream);
    return stream;
  }
}
