import type { Literal } from './literal';
import { varintWidth, type WireBuffer } from './wire-buffer';

// Most attributes are short strings and small integers. Written in one go, with lengths of one byte that are known beforehand,
// they take half the time of the general way. With these limits a whole attribute stays below 128 bytes.
const MAX_KEY_BYTES = 60;
const MAX_STRING_CHARS = 20;
const MAX_ATTRIBUTE_BYTES = 128;

const STRING_TAG = 0x0a;
const INT_TAG = 0x18;

/** @returns false, with nothing written, if the string or its key is not short or not ASCII */
export function writeShortString(wire: WireBuffer, tag: number, key: Literal, value: string): boolean {
  const length = value.length;
  if (length > MAX_STRING_CHARS || key.length > MAX_KEY_BYTES) {
    return false;
  }
  wire.reserve(MAX_ATTRIBUTE_BYTES);
  const bytes = wire.bytes;
  const start = wire.position;
  const valueStart = start + 2 + key.length;
  const stringStart = valueStart + 3;
  writeHead(wire, tag, key, key.length + 3 + length);
  bytes[valueStart] = 2 + length;
  bytes[valueStart + 1] = STRING_TAG;
  bytes[valueStart + 2] = length;
  for (let index = 0; index < length; index++) {
    const code = value.charCodeAt(index);
    if (code > 0x7f) {
      wire.position = start;
      return false;
    }
    bytes[stringStart + index] = code;
  }
  wire.position = stringStart + length;
  return true;
}

/**
 * @param value an integer from 0 to 2^31 - 1
 * @returns false, with nothing written, if the key is not short
 */
export function writeSmallInteger(wire: WireBuffer, tag: number, key: Literal, value: number): boolean {
  if (key.length > MAX_KEY_BYTES) {
    return false;
  }
  wire.reserve(MAX_ATTRIBUTE_BYTES);
  const bytes = wire.bytes;
  const width = varintWidth(value);
  writeHead(wire, tag, key, key.length + 2 + width);
  let position = wire.position;
  bytes[position++] = 1 + width;
  bytes[position++] = INT_TAG;
  let rest = value;
  while (rest > 0x7f) {
    bytes[position++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  bytes[position++] = rest;
  wire.position = position;
  return true;
}

function writeHead(wire: WireBuffer, tag: number, key: Literal, length: number): void {
  wire.byte(tag);
  wire.byte(length);
  wire.literal(key);
}
