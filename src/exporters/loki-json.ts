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
  readonly pieces: Buffer[] = [];
  text: string;

  constructor(labels: string) {
    this.text = `{"stream":${labels},"values":[`;
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
  readonly #streams = new Map<string, Stream>();
  readonly #metadata = new JsonMetadata();
  #records = 0;
  /** Of pieces. */
  #bytes = 0;
  /** Of entries that are in no piece yet. */
  #characters = 0;

  add(context: LokiContext, timestamp: string, line: string, metadata: LokiMetadata): void {
    const encoded = encodedContextOf(context);
    this.#metadata.start(encoded.metadata);
    metadata.writeTo(this.#metadata);
    this.#append(encoded.labels, `["${timestamp}",${quote(line)},{${this.#metadata.text}}]`);
  }

  finish(): LokiPushBody[] {
    if (this.#records > 0) {
      this.#finishBody();
    }
    return this.#bodies;
  }

  #append(labels: string, entry: string): void {
    let stream = this.#streams.get(labels);
    if (stream === undefined) {
      stream = new Stream(labels);
      this.#streams.set(labels, stream);
      stream.text += entry;
    } else {
      stream.text += `,${entry}`;
    }
    this.#records++;
    this.#characters += entry.length;
    if (this.#characters >= PIECE_CHARACTERS) {
      this.#makePieces();
      // The JSON of an entry is never smaller than its part of Loki's own message, but for what Loki adds.
      if (this.#bytes + this.#records * ADDED_BY_LOKI_BYTES >= MAX_PUSH_BYTES) {
        this.#finishBody();
      }
    }
  }

  #makePieces(): void {
    for (const stream of this.#streams.values()) {
      if (stream.text !== '') {
        const piece = Buffer.from(stream.text);
        stream.pieces.push(piece);
        stream.text = '';
        this.#bytes += piece.length;
      }
    }
    this.#characters = 0;
  }

  #finishBody(): void {
    this.#makePieces();
    const parts: Buffer[] = [];
    let before = '{"streams":[';
    for (const stream of this.#streams.values()) {
      parts.push(Buffer.from(before), ...stream.pieces);
      before = ']},';
    }
    parts.push(Buffer.from(']}]}'));
    this.#bodies.push({ bytes: Buffer.concat(parts), records: this.#records, streams: this.#streams.size });
    this.#streams.clear();
    this.#records = 0;
    this.#bytes = 0;
  }
}
