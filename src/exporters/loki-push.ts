// What has been written is turned into bytes in pieces of about this many characters, so that no turn of the event loop does it for a whole push.
const PIECE_CHARACTERS = 64 * 1024;

// Loki's distributor and ingester talk in messages of at most 4 MiB; a larger push fails with a 500 for ever. The JSON is never much smaller than that message.
const MAX_PUSH_BYTES = 3 * 1024 * 1024;

/** One request. */
export interface LokiPushBody {
  readonly json: Buffer;
  readonly records: number;
  readonly streams: number;
}

class Stream {
  readonly pieces: Buffer[] = [];
  text: string;

  constructor(labels: string) {
    this.text = `{"stream":${labels},"values":[`;
  }
}

/** Collects entries into as few requests as possible, each with one stream for each set of labels. */
export class LokiPush {
  readonly #bodies: LokiPushBody[] = [];
  readonly #streams = new Map<string, Stream>();
  #records = 0;
  /** Of pieces. */
  #bytes = 0;
  /** Of entries that are in no piece yet. */
  #characters = 0;

  /**
   * @param labels a JSON object
   * @param entry a JSON array: time, line, structured metadata
   */
  add(labels: string, entry: string): void {
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
      if (this.#bytes >= MAX_PUSH_BYTES) {
        this.#finishBody();
      }
    }
  }

  /** The requests, none of them empty: Loki answers an empty one with 422. */
  finish(): LokiPushBody[] {
    if (this.#records > 0) {
      this.#finishBody();
    }
    return this.#bodies;
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
    this.#bodies.push({ json: Buffer.concat(parts), records: this.#records, streams: this.#streams.size });
    this.#streams.clear();
    this.#records = 0;
    this.#bytes = 0;
  }
}
