import { isUint8Array } from 'node:util/types';
import { END_INT64, MIN_INT64 } from './any-value';
import { writeQuoted } from './json-text';
import { KeyCache } from './key-cache';
import { textLiteral, type Literal } from './literal';
import { Nesting } from './nesting';
import type { WireBuffer } from './wire-buffer';

const STRING = textLiteral('{"stringValue":');
const DECIMAL_STRING = textLiteral('{"stringValue":"');
const INT = textLiteral('{"intValue":"');
const DOUBLE = textLiteral('{"doubleValue":');
const TRUE = textLiteral('{"boolValue":true}');
const FALSE = textLiteral('{"boolValue":false}');
const BYTES = textLiteral('{"bytesValue":"');
const ARRAY = textLiteral('{"arrayValue":{"values":[');
const MAP = textLiteral('{"kvlistValue":{"values":[');
const VALUES_END = textLiteral(']}}');
const QUOTED_END = textLiteral('"}');
const EMPTY = textLiteral('{}');
const END = textLiteral('}');
const COMMA = textLiteral(',');
const LIST = textLiteral('[');
const LIST_END = textLiteral(']');
const KEY = textLiteral('{"key":');
const VALUE = textLiteral(',"value":');

/**
 * Writes `AnyValue` and `KeyValue` in OTLP's JSON: 64-bit integers as decimal strings, bytes in base64, what JSON's numbers lack as `"NaN"`, `"Infinity"` and `"-Infinity"`.
 * The same rules as `AnyValueWriter` for what OTLP has no form for.
 */
export class AnyValueJsonWriter {
  readonly #wire: WireBuffer;
  readonly #keys = new KeyCache((key) => textLiteral(`{"key":${JSON.stringify(key.toWellFormed())},"value":`));
  readonly #nesting = new Nesting();

  constructor(wire: WireBuffer) {
    this.#wire = wire;
  }

  /** Before each record. */
  reset(): void {
    this.#nesting.reset();
  }

  /** `name` and a list of `KeyValue`; nothing for no attributes and for what is no object. */
  attributes(name: Literal, attributes: unknown): void {
    if (typeof attributes !== 'object' || attributes === null) {
      return;
    }
    const wire = this.#wire;
    let isEmpty = true;
    for (const key in attributes) {
      // Optimised away, unlike `Object.hasOwn`: see `AnyValueWriter`.
      if (Object.prototype.hasOwnProperty.call(attributes, key)) {
        if (isEmpty) {
          wire.literal(name);
        }
        wire.literal(isEmpty ? LIST : COMMA);
        isEmpty = false;
        this.#keyValue(key, (attributes as Record<string, unknown>)[key]);
      }
    }
    if (!isEmpty) {
      wire.literal(LIST_END);
    }
  }

  /** An `AnyValue`. */
  value(value: unknown): void {
    const wire = this.#wire;
    switch (typeof value) {
      case 'string':
        wire.literal(STRING);
        writeQuoted(wire, value);
        wire.literal(END);
        break;
      case 'number':
        this.#number(value);
        break;
      case 'boolean':
        wire.literal(value ? TRUE : FALSE);
        break;
      case 'bigint':
        this.#quoted(BigInt.asIntN(64, value) === value ? INT : DECIMAL_STRING, value.toString());
        break;
      case 'object':
        if (value === null) {
          wire.literal(EMPTY);
        } else {
          this.#object(value);
        }
        break;
      case 'undefined':
      case 'function':
      case 'symbol':
        wire.literal(EMPTY);
        break;
    }
  }

  #keyValue(key: string, value: unknown): void {
    const wire = this.#wire;
    const head = this.#keys.get(key);
    if (head === undefined) {
      wire.literal(KEY);
      writeQuoted(wire, key);
      wire.literal(VALUE);
    } else {
      wire.literal(head);
    }
    this.value(value);
    wire.literal(END);
  }

  #number(value: number): void {
    if (Number.isSafeInteger(value)) {
      this.#quoted(INT, String(value));
    } else if (Number.isInteger(value) && value >= MIN_INT64 && value < END_INT64) {
      this.#quoted(INT, BigInt(value).toString());
    } else {
      this.#wire.literal(DOUBLE);
      this.#wire.ascii(Number.isFinite(value) ? String(value) : `"${value}"`);
      this.#wire.literal(END);
    }
  }

  /** For text that needs no escape. */
  #quoted(head: Literal, text: string): void {
    this.#wire.literal(head);
    this.#wire.ascii(text);
    this.#wire.literal(QUOTED_END);
  }

  #object(value: object): void {
    const wire = this.#wire;
    if (isUint8Array(value)) {
      wire.literal(BYTES);
      wire.utf8(Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64'));
      wire.literal(QUOTED_END);
    } else if (this.#nesting.enter(value)) {
      if (Array.isArray(value)) {
        wire.literal(ARRAY);
        this.#items(value);
      } else {
        wire.literal(MAP);
        this.#entries(value);
      }
      wire.literal(VALUES_END);
      this.#nesting.leave();
    } else {
      wire.literal(EMPTY);
    }
  }

  #items(array: readonly unknown[]): void {
    for (let index = 0; index < array.length; index++) {
      this.#nesting.count();
      if (index > 0) {
        this.#wire.literal(COMMA);
      }
      this.value(array[index]);
    }
  }

  #entries(map: object): void {
    let isEmpty = true;
    for (const key in map) {
      if (Object.prototype.hasOwnProperty.call(map, key)) {
        this.#nesting.count();
        if (!isEmpty) {
          this.#wire.literal(COMMA);
        }
        isEmpty = false;
        this.#keyValue(key, (map as Record<string, unknown>)[key]);
      }
    }
  }
}
