import { isUint8Array } from 'node:util/types';
import { KeyCache } from './key-cache';
import { Nesting } from './nesting';
import { literalOf, type Literal } from './literal';
import { writeShortString, writeSmallInteger } from './short-attribute';
import { varintWidth, WireBuffer } from './wire-buffer';

const KEY_TAG = 0x0a;
const VALUE_TAG = 0x12;
const REPEATED_TAG = 0x0a;

const STRING_TAG = 0x0a;
const BOOL_TAG = 0x10;
const INT_TAG = 0x18;
const DOUBLE_TAG = 0x21;
const ARRAY_TAG = 0x2a;
const MAP_TAG = 0x32;
const BYTES_TAG = 0x3a;

// Containers are taken for small ones, and shifted if they are not. That would move a large value once for each level around it, so that
// deeper ones are taken for large, and only shifted back if they are small.
const MAX_SHIFTED_DEPTH = 4;
const MAX_LENGTH_WIDTH = 5;

/** A double that is an integer of this range is written as an int64, as the stock serializer does. */
export const MIN_INT64 = -(2 ** 63);
/** One more than the largest int64. */
export const END_INT64 = 2 ** 63;

/**
 * Writes OTLP's `AnyValue` and `KeyValue`.
 * What has no form in OTLP (undefined, functions, symbols, a cycle, what is nested too deep) becomes an empty value and keeps its key.
 */
export class AnyValueWriter {
  readonly #wire: WireBuffer;
  readonly #keys = new KeyCache(encodeKey);
  readonly #nesting = new Nesting();

  constructor(wire: WireBuffer) {
    this.#wire = wire;
  }

  /** Before each record. */
  reset(): void {
    this.#nesting.reset();
  }

  /** A repeated field of `KeyValue`; nothing for what is no object. */
  attributes(tag: number, attributes: unknown): void {
    if (typeof attributes === 'object' && attributes !== null) {
      for (const key in attributes) {
        // V8 optimises this away inside a for-in loop, `Object.hasOwn` it does not: a fifth of a record's time.
        if (Object.prototype.hasOwnProperty.call(attributes, key)) {
          this.#keyValue(tag, key, (attributes as Record<string, unknown>)[key]);
        }
      }
    }
  }

  /** A field of `AnyValue`. */
  field(tag: number, value: unknown): void {
    const wire = this.#wire;
    const width = varintWidth(this.#expectedSize(value));
    wire.reserve(6);
    wire.byte(tag);
    const start = wire.open(width);
    this.#content(value);
    wire.close(start, width);
  }

  #keyValue(tag: number, key: string, value: unknown): void {
    const wire = this.#wire;
    const encodedKey = this.#keys.get(key);
    if (encodedKey !== undefined) {
      if (typeof value === 'string') {
        if (writeShortString(wire, tag, encodedKey, value)) {
          return;
        }
      } else if (typeof value === 'number' && value >= 0 && (value | 0) === value && writeSmallInteger(wire, tag, encodedKey, value)) {
        return;
      }
    }
    const valueSize = this.#expectedSize(value);
    const valueWidth = varintWidth(valueSize);
    const width = varintWidth((encodedKey?.length ?? key.length + 3) + valueWidth + valueSize);
    wire.reserve(11);
    wire.byte(tag);
    const start = wire.open(width);
    if (encodedKey === undefined) {
      wire.byte(KEY_TAG);
      wire.string(key);
      wire.reserve(6);
      wire.byte(VALUE_TAG);
    } else {
      wire.literal(encodedKey);
      wire.reserve(5);
    }
    const valueStart = wire.open(valueWidth);
    this.#content(value);
    wire.close(valueStart, valueWidth);
    wire.close(start, width);
  }

  #content(value: unknown): void {
    const wire = this.#wire;
    wire.reserve(11);
    switch (typeof value) {
      case 'string':
        wire.byte(STRING_TAG);
        wire.string(value);
        break;
      case 'number':
        if (Number.isInteger(value) && value >= MIN_INT64 && value < END_INT64) {
          wire.byte(INT_TAG);
          wire.int64(value);
        } else {
          wire.byte(DOUBLE_TAG);
          wire.double(value);
        }
        break;
      case 'boolean':
        wire.byte(BOOL_TAG);
        wire.byte(value ? 1 : 0);
        break;
      case 'bigint':
        this.#bigint(value);
        break;
      case 'object':
        if (value !== null) {
          this.#object(value);
        }
        break;
      case 'undefined':
      case 'function':
      case 'symbol':
        break;
    }
  }

  /** The size of the `AnyValue` if its string is ASCII or its container small. */
  #expectedSize(value: unknown): number {
    if (typeof value === 'string') {
      return 1 + varintWidth(value.length) + value.length;
    }
    return this.#nesting.depth >= MAX_SHIFTED_DEPTH && typeof value === 'object' && value !== null ? Infinity : 0;
  }

  #bigint(value: bigint): void {
    const wire = this.#wire;
    if (BigInt.asIntN(64, value) === value) {
      wire.byte(INT_TAG);
      wire.varint64(Number(BigInt.asUintN(32, value)), Number(BigInt.asUintN(32, value >> 32n)));
    } else {
      wire.byte(STRING_TAG);
      wire.string(value.toString());
    }
  }

  #object(value: object): void {
    const wire = this.#wire;
    if (isUint8Array(value)) {
      wire.byte(BYTES_TAG);
      wire.lengthAndBytes(value);
    } else if (this.#nesting.enter(value)) {
      const isArray = Array.isArray(value);
      wire.byte(isArray ? ARRAY_TAG : MAP_TAG);
      const width = this.#nesting.depth > MAX_SHIFTED_DEPTH ? MAX_LENGTH_WIDTH : 1;
      wire.reserve(MAX_LENGTH_WIDTH);
      const start = wire.open(width);
      if (isArray) {
        for (let index = 0; index < value.length; index++) {
          this.#nesting.count();
          this.field(REPEATED_TAG, value[index]);
        }
      } else {
        for (const key in value) {
          if (Object.prototype.hasOwnProperty.call(value, key)) {
            this.#nesting.count();
            this.#keyValue(REPEATED_TAG, key, (value as Record<string, unknown>)[key]);
          }
        }
      }
      wire.close(start, width);
      this.#nesting.leave();
    }
  }
}

/** The first field of a `KeyValue` and the tag of its second. */
function encodeKey(key: string): Literal {
  const wire = new WireBuffer(4 * key.length);
  wire.reserve(1);
  wire.byte(KEY_TAG);
  wire.string(key);
  wire.reserve(1);
  wire.byte(VALUE_TAG);
  return literalOf(wire.take());
}
