import { isUint8Array } from 'node:util/types';
import { Nesting } from '../otlp/nesting';
import { BLOCK_HEAD_SLOTS, KIND_ARRAY, KIND_BIGINT, KIND_BITS, KIND_BYTES, KIND_DOUBLE, KIND_FALSE, KIND_INT32, KIND_KEY, KIND_MAP,
  KIND_NULL, KIND_SHORT_STRING, KIND_STRING, KIND_TRUE, KIND_UNDEFINED, MAX_SHORT_STRING, SLOT_BYTES } from './frame-layout';
import { nativeBuffer, type NativeBuffer } from './native-buffer';

// UTF-8 takes at most three bytes for a UTF-16 unit.
const MAX_BYTES_PER_UNIT = 3;

// The hexadecimal id of a trace, which is nearly always the only longer string of a record with short ones.
const MAX_SHORT_ID = 32;

/** Where keys of attributes may have ids. */
export interface KeyIds {
  /** 0 if it has none. `previousId` is the id of the key before it in the map, 0 for the first. */
  keyIdAfter(previousId: number, key: string): number;
}

/**
 * Writes blocks (see `frame-layout`) into shared memory.
 * The rules of `AnyValueWriter` for what has no form: functions, symbols, cycles and what is nested too deep become undefined and keep their key.
 */
export class BlockWriter {
  readonly words: Uint32Array;
  readonly doubles: Float64Array;
  readonly #bytes: NativeBuffer;
  readonly #keys: KeyIds | undefined;
  readonly #nesting = new Nesting();
  #hasNested = false;
  #startSlot = 0;
  #endSlot = 0;
  #slot = 0;
  #text = '';

  constructor(data: SharedArrayBuffer, keys?: KeyIds) {
    this.words = new Uint32Array(data);
    this.doubles = new Float64Array(data);
    this.#bytes = nativeBuffer(data);
    this.#keys = keys;
  }

  /**
   * @param offset bytes, a multiple of a slot
   * @param limit bytes; nothing is written there or beyond
   * @param headSlots slots after the head of the block that the caller writes by itself
   * @returns false if there is no room for the head
   */
  begin(offset: number, limit: number, headSlots: number): boolean {
    this.#startSlot = Math.floor(offset / SLOT_BYTES);
    this.#endSlot = Math.floor(limit / SLOT_BYTES);
    this.#slot = this.#startSlot + BLOCK_HEAD_SLOTS + headSlots;
    this.#text = '';
    if (this.#hasNested) {
      this.#hasNested = false;
      this.#nesting.reset();
    }
    return this.#slot <= this.#endSlot;
  }

  /** A string of the text without a slot of its own: its length stands where the caller puts it. */
  text(value: string): void {
    this.#text += value;
  }

  /** @throws whatever a getter throws, and RangeError for too many values or too much text */
  value(value: unknown): void {
    this.#value(0, value);
  }

  /** A string that is known to be short, of ASCII characters, and different in each record. */
  id(value: string): void {
    this.#string(0, value, MAX_SHORT_ID);
  }

  /** As `value`, for a map at the top, which does not count as a level of nesting. What is no object is undefined. */
  attributes(attributes: unknown): void {
    if (typeof attributes === 'object' && attributes !== null) {
      const slot = this.#slot++;
      this.#put(slot, KIND_MAP, this.#entries(attributes, false));
    } else {
      this.#value(0, undefined);
    }
  }

  /** @returns the bytes of the block, a multiple of a slot; 0 if it does not fit */
  end(): number {
    const text = this.#text;
    this.#text = '';
    const textOffset = this.#slot * SLOT_BYTES;
    const room = this.#endSlot * SLOT_BYTES - textOffset;
    // The native write cuts what does not fit and does not say so. Negative room: the values did not fit.
    if (room < text.length * MAX_BYTES_PER_UNIT && (room < text.length || room < Buffer.byteLength(text))) {
      return 0;
    }
    const textBytes = text === '' ? 0 : this.#bytes.utf8Write(text, textOffset, room);
    const start = this.#startSlot * SLOT_BYTES;
    const blockBytes = Math.ceil((textOffset + textBytes) / SLOT_BYTES) * SLOT_BYTES - start;
    // The four words of the head, in their order.
    this.#put(this.#startSlot, textOffset - start, textBytes);
    this.#put(this.#startSlot + 1, text.length, blockBytes);
    return blockBytes;
  }

  /** Lets go of the strings of a block that will not be ended. */
  abandon(): void {
    this.#text = '';
  }

  /** Slots are taken even if there is no room for them: then `end` finds the block too long. */
  #put(slot: number, first: number, second: number): void {
    if (slot < this.#endSlot) {
      this.words[2 * slot] = first;
      this.words[2 * slot + 1] = second;
    }
  }

  /** `keyBits`: the id of the key, above the bits of the kind. */
  #value(keyBits: number, value: unknown): void {
    switch (typeof value) {
      case 'string':
        this.#string(keyBits, value, MAX_SHORT_STRING);
        break;
      case 'number':
        this.#number(keyBits, value);
        break;
      case 'boolean':
        this.#put(this.#slot++, keyBits | (value ? KIND_TRUE : KIND_FALSE), 0);
        break;
      case 'object':
        if (value === null) {
          this.#put(this.#slot++, keyBits | KIND_NULL, 0);
        } else {
          this.#object(keyBits, value);
        }
        break;
      case 'bigint': {
        const digits = value.toString();
        this.#put(this.#slot++, keyBits | KIND_BIGINT, digits.length);
        this.#text += digits;
        break;
      }
      default:
        this.#put(this.#slot++, keyBits | KIND_UNDEFINED, 0);
        break;
    }
  }

  #object(keyBits: number, value: object): void {
    const slot = this.#slot++;
    if (isUint8Array(value)) {
      this.#put(slot, keyBits | KIND_BYTES, value.length);
      const start = this.#slot;
      this.#slot += Math.ceil(value.length / SLOT_BYTES);
      if (this.#slot <= this.#endSlot) {
        this.#bytes.set(value, start * SLOT_BYTES);
      }
      return;
    }
    this.#hasNested = true;
    if (!this.#nesting.enter(value)) {
      this.#put(slot, keyBits | KIND_UNDEFINED, 0);
      return;
    }
    if (Array.isArray(value)) {
      this.#put(slot, keyBits | KIND_ARRAY, this.#elements(value));
    } else {
      this.#put(slot, keyBits | KIND_MAP, this.#entries(value, true));
    }
    this.#nesting.leave();
  }

  /** @returns how many there are */
  #elements(array: readonly unknown[]): number {
    let count = 0;
    for (; count < array.length; count++) {
      this.#nesting.count();
      this.#value(0, array[count]);
    }
    return count;
  }

  /** @returns how many there are */
  #entries(map: object, isNested: boolean): number {
    let count = 0;
    let keyId = 0;
    for (const key in map) {
      // V8 optimises this away inside a for-in loop, `Object.hasOwn` it does not.
      if (Object.prototype.hasOwnProperty.call(map, key)) {
        if (isNested) {
          this.#nesting.count();
        }
        count++;
        const id = this.#keys === undefined ? 0 : this.#keys.keyIdAfter(keyId, key);
        if (id === 0) {
          this.#put(this.#slot++, KIND_KEY, key.length);
          this.#text += key;
        } else {
          keyId = id;
        }
        const keyBits = id << KIND_BITS;
        this.#value(keyBits, (map as Record<string, unknown>)[key]);
      }
    }
    return count;
  }

  #string(keyBits: number, value: string, maxShort: number): void {
    const length = value.length;
    if (length > maxShort || !this.#shortString(keyBits, value)) {
      this.#put(this.#slot++, keyBits | KIND_STRING, length);
      this.#text += value;
    }
  }

  /** @returns false, with nothing taken, if it is not ASCII */
  #shortString(keyBits: number, value: string): boolean {
    const length = value.length;
    const slot = this.#slot;
    const start = (slot + 1) * SLOT_BYTES;
    const hasRoom = start + length <= this.#endSlot * SLOT_BYTES;
    const bytes = this.#bytes;
    for (let index = 0; index < length; index++) {
      const code = value.charCodeAt(index);
      if (code > 0x7f) {
        return false;
      }
      if (hasRoom) {
        bytes[start + index] = code;
      }
    }
    this.#put(slot, keyBits | KIND_SHORT_STRING, length);
    this.#slot = slot + 1 + ((length + SLOT_BYTES - 1) >>> 3);
    return true;
  }

  #number(keyBits: number, value: number): void {
    const slot = this.#slot++;
    const integer = value | 0;
    if (integer === value && !Object.is(value, -0)) {
      this.#put(slot, keyBits | KIND_INT32, integer);
    } else {
      this.#put(slot, keyBits | KIND_DOUBLE, 0);
      const next = this.#slot++;
      if (next < this.#endSlot) {
        this.doubles[next] = value;
      }
    }
  }
}
