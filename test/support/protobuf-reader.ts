const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export type FieldReaders = Readonly<Record<number, (reader: Reader) => unknown>>;

/**
 * Reads a message strictly.
 * @throws Error for a malformed length or varint, an unknown field, a wrong wire type, a field that is there twice and not among `repeated`
 */
export function readMessage(bytes: Uint8Array, fields: FieldReaders, repeated: readonly number[] = []): void {
  const reader = new Reader(bytes);
  const seen = new Set<number>();
  while (!reader.isAtEnd) {
    const field = reader.field();
    const read = fields[field];
    if (read === undefined) {
      throw new Error(`unknown field ${field}`);
    }
    if (seen.has(field) && !repeated.includes(field)) {
      throw new Error(`field ${field} is there twice`);
    }
    seen.add(field);
    read(reader);
  }
}

/** The value of one field. */
export class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #position = 0;
  #wireType = VARINT;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get isAtEnd(): boolean {
    return this.#position === this.#bytes.length;
  }

  field(): number {
    const tag = Number(this.#rawVarint());
    this.#wireType = tag & 7;
    return tag >>> 3;
  }

  varint(): bigint {
    this.#expect(VARINT);
    return this.#rawVarint();
  }

  fixed32(): number {
    this.#expect(FIXED32);
    return this.#view.getUint32(this.#take(4), true);
  }

  fixed64(): bigint {
    this.#expect(FIXED64);
    return this.#view.getBigUint64(this.#take(8), true);
  }

  double(): number {
    this.#expect(FIXED64);
    return this.#view.getFloat64(this.#take(8), true);
  }

  message(): Uint8Array {
    this.#expect(LENGTH_DELIMITED);
    const length = Number(this.#rawVarint());
    const start = this.#take(length);
    return this.#bytes.subarray(start, start + length);
  }

  string(): string {
    return utf8.decode(this.message());
  }

  id(length: number): string {
    const bytes = this.message();
    // The Collector writes an id that is not there as an empty one; this package leaves it out, which is `undefined` here.
    if (bytes.length !== length && bytes.length !== 0) {
      throw new Error(`an id of ${bytes.length} bytes, not ${length}`);
    }
    return Buffer.from(bytes).toString('hex');
  }

  #expect(wireType: number): void {
    if (this.#wireType !== wireType) {
      throw new Error(`wire type ${this.#wireType} where ${wireType} belongs`);
    }
  }

  #take(length: number): number {
    const start = this.#position;
    if (start + length > this.#bytes.length) {
      throw new Error(`${length} bytes at ${start} go beyond the end of the message at ${this.#bytes.length}`);
    }
    this.#position += length;
    return start;
  }

  #rawVarint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.#take(1)] as number;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) {
        if (value >= 1n << 64n) {
          throw new Error('a varint of more than 64 bits');
        }
        return value;
      }
    }
    throw new Error('a varint of more than 10 bytes');
  }
}
