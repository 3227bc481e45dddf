import type { AnyValue } from '../record';

/** What a list of `KeyValue` becomes. */
export type ReadAttributes = Record<string, AnyValue>;

/** @throws TypeError for what is no JSON object */
export function readObject(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TypeError('no object');
  }
  return value as Record<string, unknown>;
}

/**
 * An absent list is an empty one.
 * @throws TypeError for what is no JSON array
 */
export function readList(value: unknown): readonly unknown[] {
  if (value === undefined) {
    return [];
  }
  if (!Array.isArray(value)) {
    throw new TypeError('no list');
  }
  return value;
}

/**
 * An absent text is an empty one.
 * @throws TypeError for what is no JSON string
 */
export function readText(value: unknown): string {
  if (value === undefined) {
    return '';
  }
  if (typeof value !== 'string') {
    throw new TypeError('no text');
  }
  return value;
}

/**
 * A list of `KeyValue`. Of several values of one key, which the specification does not allow, the last one is kept.
 * @throws TypeError for what the specification's JSON does not have there
 */
export function readAttributes(list: unknown): ReadAttributes {
  const attributes: ReadAttributes = {};
  for (const item of readList(list)) {
    const pair = readObject(item);
    const key = readText(pair['key']);
    const value = readAnyValue(pair['value'] ?? {});
    if (key === '__proto__') {
      Object.defineProperty(attributes, key, { value, enumerable: true, configurable: true, writable: true });
    } else {
      attributes[key] = value;
    }
  }
  return attributes;
}

/**
 * An `AnyValue`; an empty one is null. A 64-bit integer is a number where that is exact, else a bigint; bytes are a `Uint8Array`.
 * @throws TypeError for what the specification's JSON does not have there
 */
export function readAnyValue(json: unknown): AnyValue {
  const value = readObject(json);
  for (const kind in value) {
    const content = value[kind];
    switch (kind) {
      case 'stringValue':
        return readText(content);
      case 'intValue':
        return readInteger(content);
      case 'doubleValue':
        return readDouble(content);
      case 'boolValue':
        return readBoolean(content);
      case 'bytesValue':
        return new Uint8Array(Buffer.from(readText(content), 'base64'));
      case 'arrayValue':
        return readList(readObject(content)['values']).map(readAnyValue);
      case 'kvlistValue':
        return readAttributes(readObject(content)['values']);
    }
  }
  return null;
}

function readInteger(value: unknown): AnyValue {
  // The specification writes a string; protobuf's JSON mapping takes a number as well.
  if (typeof value === 'number' && Number.isInteger(value)) {
    return value;
  }
  if (typeof value !== 'string' || !/^-?\d{1,20}$/.test(value)) {
    throw new TypeError('no integer');
  }
  const number = Number(value);
  if (Number.isSafeInteger(number)) {
    return number;
  }
  const exact = BigInt(value);
  // Not in the type of attribute values, but the encoders write it: the only exact form.
  return BigInt(number) === exact ? number : (exact as unknown as AnyValue);
}

function readDouble(value: unknown): number {
  if (typeof value === 'number') {
    return value;
  }
  if (value !== 'NaN' && value !== 'Infinity' && value !== '-Infinity') {
    throw new TypeError('no double');
  }
  return Number(value);
}

function readBoolean(value: unknown): boolean {
  if (typeof value !== 'boolean') {
    throw new TypeError('no boolean');
  }
  return value;
}
