import type { Literal } from './literal';

const INITIAL_BYTES = 64 * 1024;

/** What a buffer keeps from one request to the next, at most. As large as the default batch of the OTLP exporter, so that a steady load never allocates. */
export const MAX_RETAINED_BYTES = 4 * 1024 * 1024;

// A native write costs about as much as a loop over so many characters.
const LOOP_CHARS = 20;

// A copy of so few bytes costs less than a microsecond; above, a length is padded instead.
const MAX_SHIFTED_BYTES = 16 * 1024;

// Up to here room for the longest encoding is taken unmeasured.
const MAX_UNMEASURED_CHARS = 4_096;

/** Bytes of the shortest varint of a length. */
export function varintWidth(length: number): number {
  return length < 0x80 ? 1 : length < 0x4000 ? 2 : length < 0x20_0000 ? 3 : length < 0x1000_0000 ? 4 : 5;
}

/** A growing buffer with the primitives of the protobuf wire format. Callers set `position` back to undo what they wrote. */
export class WireBuffer {
  bytes: Buffer;
  view: DataView;
  position = 0;
  /** The buffer does not grow beyond: `reserve` throws a RangeError there. */
  limit = Infinity;

  constructor(size = INITIAL_BYTES) {
    this.bytes = Buffer.allocUnsafeSlow(size);
    this.view = viewOf(this.bytes);
  }

  /** Bytes from the start up to `position`: a view on the buffer, unless the buffer has become too large to be kept, in which case it is given away. */
  take(): Uint8Array {
    const taken = this.bytes.subarray(0, this.position);
    this.position = 0;
    if (this.bytes.length > MAX_RETAINED_BYTES) {
      this.#replace(MAX_RETAINED_BYTES);
    }
    return taken;
  }

  /** A copy of the bytes from `start` to `position`. */
  copyFrom(start: number): Uint8Array {
    return new Uint8Array(this.bytes.subarray(start, this.position));
  }

  /** Makes room for so many bytes from `position` on. The other methods, unless they say so, rely on it having been called. */
  reserve(size: number): void {
    if (this.position + size > this.bytes.length) {
      this.#grow(this.position + size);
    }
  }

  byte(value: number): void {
    this.bytes[this.position++] = value;
  }

  /** Up to 5 bytes. */
  uint32(value: number): void {
    let rest = value;
    while (rest > 0x7f) {
      this.bytes[this.position++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.bytes[this.position++] = rest;
  }

  /** Up to 10 bytes. Exact for every integer from -2^63 on and below 2^63, negative ones in two's complement. */
  int64(value: number): void {
    if (value >= 0 && value <= 0xffff_ffff) {
      this.uint32(value >>> 0);
    } else {
      this.varint64(value >>> 0, Math.floor(value / 0x1_0000_0000) >>> 0);
    }
  }

  /** Up to 10 bytes, from two unsigned halves. */
  varint64(low: number, high: number): void {
    let lowRest = low;
    let highRest = high;
    while (highRest > 0) {
      this.bytes[this.position++] = (lowRest & 0x7f) | 0x80;
      lowRest = ((lowRest >>> 7) | (highRest << 25)) >>> 0;
      highRest >>>= 7;
    }
    this.uint32(lowRest);
  }

  /** 4 bytes. */
  fixed32(value: number): void {
    this.view.setUint32(this.position, value, true);
    this.position += 4;
  }

  /** 8 bytes. */
  double(value: number): void {
    this.view.setFloat64(this.position, value, true);
    this.position += 8;
  }

  /** Length and UTF-8 bytes; a lone surrogate becomes U+FFFD. Makes its own room. */
  string(value: string): void {
    const length = value.length;
    if (length <= LOOP_CHARS) {
      this.reserve(1 + LOOP_CHARS);
      const bytes = this.bytes;
      const start = this.position + 1;
      let index = 0;
      for (; index < length; index++) {
        const code = value.charCodeAt(index);
        if (code > 0x7f) {
          break;
        }
        bytes[start + index] = code;
      }
      if (index === length) {
        bytes[start - 1] = length;
        this.position = start + length;
        return;
      }
    }
    this.#nativeString(value, length);
  }

  /** Length and bytes. Makes its own room. */
  lengthAndBytes(value: Uint8Array): void {
    this.reserve(5);
    this.uint32(value.length);
    this.raw(value);
  }

  /** Makes its own room. */
  raw(value: Uint8Array): void {
    this.reserve(value.length);
    this.bytes.set(value, this.position);
    this.position += value.length;
  }

  /** Makes its own room. */
  literal({ length, words }: Literal): void {
    this.reserve(4 * words.length);
    const view = this.view;
    const start = this.position;
    for (let index = 0; index < words.length; index++) {
      view.setInt32(start + 4 * index, words[index] as number, true);
    }
    this.position = start + length;
  }

  /** UTF-8 bytes without a length, for short texts that are ASCII, such as numbers. Makes its own room. */
  ascii(value: string): void {
    this.reserve(value.length);
    const bytes = this.bytes;
    const start = this.position;
    for (let index = 0; index < value.length; index++) {
      bytes[start + index] = value.charCodeAt(index);
    }
    this.position = start + value.length;
  }

  /** UTF-8 bytes without a length; a lone surrogate becomes U+FFFD. Makes its own room. */
  utf8(value: string): void {
    const length = value.length;
    if (this.position + 3 * length > this.bytes.length) {
      this.reserve(length > MAX_UNMEASURED_CHARS ? Buffer.byteLength(value) : 3 * length);
    }
    this.position += this.bytes.write(value, this.position);
  }

  /** Begins a message whose length takes `width` bytes if all goes as expected. Returns where the content begins, for `close`. */
  open(width: number): number {
    return (this.position += width);
  }

  /** Writes the length of the message in front of it. Makes its own room, and throws only if `width` was too small. */
  close(start: number, width: number): void {
    const length = this.position - start;
    if (width === 1 && length < 0x80) {
      this.bytes[start - 1] = length;
    } else {
      this.#closeWide(start, width, length);
    }
  }

  #closeWide(start: number, width: number, length: number): void {
    const shortest = varintWidth(length);
    const lengthStart = start - width;
    let actual = width;
    if (shortest > width || (shortest < width && length <= MAX_SHIFTED_BYTES)) {
      actual = shortest;
      this.reserve(Math.max(0, actual - width));
      this.bytes.copyWithin(lengthStart + actual, start, this.position);
      this.position += actual - width;
    }
    let rest = length;
    for (let index = lengthStart; index < lengthStart + actual - 1; index++) {
      this.bytes[index] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.bytes[lengthStart + actual - 1] = rest;
  }

  #nativeString(value: string, length: number): void {
    // One write and no length pass: the length is taken for that of ASCII, and corrected if it was not.
    const width = varintWidth(length);
    this.reserve(width);
    const start = this.open(width);
    this.utf8(value);
    this.close(start, width);
  }

  #grow(needed: number): void {
    if (needed > this.limit) {
      throw new RangeError(`more than ${this.limit} bytes`);
    }
    const previous = this.bytes;
    this.#replace(Math.max(needed, previous.length * 2));
    previous.copy(this.bytes, 0, 0, this.position);
  }

  #replace(size: number): void {
    this.bytes = Buffer.allocUnsafeSlow(size);
    this.view = viewOf(this.bytes);
  }
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
