import type { AnyValue } from '../record';
import {
  BLOCK_HEAD_SLOTS,
  KIND_ARRAY,
  KIND_BIGINT,
  KIND_BITS,
  KIND_BYTES,
  KIND_DOUBLE,
  KIND_FALSE,
  KIND_INT32,
  KIND_KEY,
  KIND_MAP,
  KIND_MASK,
  KIND_NULL,
  KIND_SHORT_STRING,
  KIND_STRING,
  KIND_TRUE,
  SLOT_BYTES,
  TEXT_BYTES_WORD,
  TEXT_LENGTH_WORD,
  TEXT_START_WORD,
} from './frame-layout';
import { nativeBuffer } from './native-buffer';

/** Where the ids of keys lead. */
export interface KeyTexts {
  string(id: number): string;
}

/** Reads blocks (see `frame-layout`), out of shared memory or a copy. Values are read in the order in which they were written. */
export class BlockReader {
  words: Uint32Array = new Uint32Array();
  doubles: Float64Array = new Float64Array();
  #bytes = nativeBuffer(new ArrayBuffer(0));
  #buffer: ArrayBufferLike | undefined = undefined;
  readonly #keys: KeyTexts | undefined;
  #slot = 0;
  #start = 0;
  /** Each byte of the slots as a character. */
  #slots = '';
  #text = '';
  #textPosition = 0;
  #isAscii = true;

  constructor(keys?: KeyTexts) {
    this.#keys = keys;
  }

  /**
   * @param headSlots slots after the head of the block that the caller reads by itself
   * @returns the index of the first slot of the block in `doubles`, half of that in `words`
   */
  begin(bytes: Uint8Array, offset: number, length: number, headSlots: number): number {
    let start = bytes.byteOffset + offset;
    if (start % SLOT_BYTES === 0) {
      this.#view(bytes.buffer);
    } else {
      this.#view(new Uint8Array(bytes.subarray(offset, offset + length)).buffer);
      start = 0;
    }
    const startSlot = start / SLOT_BYTES;
    const words = this.words;
    const word = 2 * startSlot;
    const textStart = start + (words[word + TEXT_START_WORD] as number);
    const textEnd = textStart + (words[word + TEXT_BYTES_WORD] as number);
    this.#start = start;
    this.#isAscii = words[word + TEXT_BYTES_WORD] === words[word + TEXT_LENGTH_WORD];
    if (this.#isAscii) {
      this.#slots = this.#text = this.#bytes.latin1Slice(start, textEnd);
      this.#textPosition = textStart - start;
    } else {
      this.#slots = this.#bytes.latin1Slice(start, textStart);
      this.#text = this.#bytes.utf8Slice(textStart, textEnd);
      this.#textPosition = 0;
    }
    this.#slot = startSlot + BLOCK_HEAD_SLOTS + headSlots;
    return startSlot;
  }

  /** The next string of the text. */
  text(length: number): string {
    const start = this.#textPosition;
    this.#textPosition = start + length;
    const text = this.#text.slice(start, start + length);
    // As a whole the text is well-formed, but a pair may have come together of two halves in two strings.
    return this.#isAscii || !hasHalfAtEnd(text) ? text : text.toWellFormed();
  }

  /** The next value. */
  value(): AnyValue {
    const word = 2 * this.#slot++;
    return this.#value(word, (this.words[word] as number) & KIND_MASK);
  }

  #view(buffer: ArrayBufferLike): void {
    if (buffer !== this.#buffer) {
      this.#buffer = buffer;
      this.words = new Uint32Array(buffer, 0, Math.floor(buffer.byteLength / 4));
      this.doubles = new Float64Array(buffer, 0, Math.floor(buffer.byteLength / 8));
      this.#bytes = nativeBuffer(buffer);
    }
  }

  #value(word: number, kind: number): AnyValue {
    const second = this.words[word + 1] as number;
    switch (kind) {
      case KIND_NULL:
        return null;
      case KIND_FALSE:
        return false;
      case KIND_TRUE:
        return true;
      case KIND_INT32:
        return second | 0;
      case KIND_DOUBLE:
        return this.doubles[this.#slot++];
      case KIND_STRING:
        return this.text(second);
      case KIND_SHORT_STRING:
        return this.#shortString(second);
      case KIND_BIGINT:
        // Not a kind of `AnyValue` by its type; applications log it and OTLP has a form for it.
        return BigInt(this.text(second)) as unknown as AnyValue;
      case KIND_BYTES:
        return this.#byteArray(second);
      case KIND_ARRAY:
        return this.#array(second);
      case KIND_MAP:
        return this.#map(second);
      default:
        return undefined;
    }
  }

  #shortString(length: number): string {
    const start = this.#slot * SLOT_BYTES - this.#start;
    this.#slot += (length + SLOT_BYTES - 1) >>> 3;
    return this.#slots.slice(start, start + length);
  }

  #byteArray(length: number): Uint8Array {
    const start = this.#slot * SLOT_BYTES;
    this.#slot += Math.ceil(length / SLOT_BYTES);
    // A copy: the memory below will be used again.
    return new Uint8Array(this.#bytes.subarray(start, start + length));
  }

  #array(length: number): AnyValue[] {
    const array: AnyValue[] = [];
    for (let index = 0; index < length; index++) {
      array.push(this.value());
    }
    return array;
  }

  #map(size: number): Record<string, AnyValue> {
    const map: Record<string, AnyValue> = {};
    for (let index = 0; index < size; index++) {
      let word = 2 * this.#slot++;
      let first = this.words[word] as number;
      let key: string;
      if ((first & KIND_MASK) === KIND_KEY) {
        key = this.text(this.words[word + 1] as number);
        word = 2 * this.#slot++;
        first = this.words[word] as number;
      } else {
        key = (this.#keys as KeyTexts).string(first >>> KIND_BITS);
      }
      const value = this.#value(word, first & KIND_MASK);
      if (key === '__proto__') {
        // An assignment would set the prototype.
        Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true });
      } else {
        map[key] = value;
      }
    }
    return map;
  }
}

/** Whether it begins with the second half of a surrogate pair or ends with a first one. */
function hasHalfAtEnd(text: string): boolean {
  return (text.charCodeAt(0) & 0xfc00) === 0xdc00 || (text.charCodeAt(text.length - 1) & 0xfc00) === 0xd800;
}
