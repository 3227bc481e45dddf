import { types } from 'node:util';
import type { LogValue } from './logger-source';

// As deep as anybody reads, and so many values that a cache or a connection that gets into a log call by mistake does not stop the event loop.
const MAX_DEPTH = 8;
const MAX_VALUES = 10_000;

/** In the place of what throws when it is read. */
export const UNREADABLE = '[Unreadable]';

/** Whether Nest and this package take the value for a bag of named values: an object literal, or one without a prototype. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) {
    return false;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

/**
 * The value in a form that the SDK takes: it refuses an attribute with anything in it but strings, numbers, booleans, byte arrays, arrays and object literals, without a count.
 * Dates become ISO 8601, errors their name, message and stack; `toJSON` is honoured; a cycle, and what is too deep or too much, becomes a word that says so. Never throws.
 */
export function toLogValue(value: unknown): LogValue {
  return convert(value, { ancestors: [], left: MAX_VALUES });
}

interface Walk {
  readonly ancestors: object[];
  left: number;
}

function convert(value: unknown, walk: Walk): LogValue {
  if (--walk.left < 0) {
    return '[Truncated]';
  }
  switch (typeof value) {
    case 'string':
    case 'number':
    case 'boolean':
    case 'undefined':
      return value;
    case 'bigint':
      return BigInt(Number(value)) === value ? Number(value) : String(value);
    case 'symbol':
      return String(value);
    case 'function':
      return `[Function: ${value.name}]`;
    case 'object':
      return value === null ? null : convertGuarded(value, walk);
  }
}

function convertGuarded(value: object, walk: Walk): LogValue {
  if (walk.ancestors.includes(value)) {
    return '[Circular]';
  }
  if (walk.ancestors.length >= MAX_DEPTH) {
    return '[Truncated]';
  }
  walk.ancestors.push(value);
  try {
    return convertObject(value, walk);
  } catch {
    // A proxy or a `toJSON` of the application.
    return UNREADABLE;
  } finally {
    walk.ancestors.pop();
  }
}

function convertObject(value: object, walk: Walk): LogValue {
  if (types.isUint8Array(value)) {
    return value;
  }
  if (value instanceof Date) {
    return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  }
  if (value instanceof Error) {
    return convertError(value);
  }
  if (Array.isArray(value) || value instanceof Set) {
    return convertItems(value, walk);
  }
  if (value instanceof Map) {
    return convertEntries(value, walk);
  }
  const { toJSON } = value as { toJSON?: unknown };
  return typeof toJSON === 'function' ? convert(toJSON.call(value), walk) : convertEntries(fieldsOf(value), walk);
}

function convertItems(items: Iterable<unknown>, walk: Walk): LogValue[] {
  const converted: LogValue[] = [];
  for (const item of items) {
    converted.push(convert(item, walk));
    if (walk.left < 0) {
      break;
    }
  }
  return converted;
}

function convertEntries(entries: Iterable<readonly [unknown, unknown]>, walk: Walk): LogValue {
  const converted: [string, LogValue][] = [];
  for (const [key, item] of entries) {
    converted.push([String(key), convert(item, walk)]);
    if (walk.left < 0) {
      break;
    }
  }
  // Not by assignment: a key may be `__proto__`.
  return Object.fromEntries(converted);
}

/** One by one, so that a getter behind the last one that counts is not called. */
function* fieldsOf(value: object): Iterable<[string, unknown]> {
  for (const key of Object.keys(value)) {
    yield [key, fieldOf(value, key)];
  }
}

function fieldOf(value: object, key: string): unknown {
  try {
    return (value as Record<string, unknown>)[key];
  } catch {
    return UNREADABLE;
  }
}

/** Its own fields only as far as they are plain: errors of HTTP clients carry the request with its credentials. */
function convertError(error: Error): LogValue {
  const fields = Object.entries(error).filter((entry): entry is [string, string | number | boolean] => ['string', 'number', 'boolean'].includes(typeof entry[1]));
  return { ...Object.fromEntries(fields), name: error.name, message: error.message, stack: error.stack };
}
