import type { AnyValue, Attributes, LogRecord } from './record';

// Deeper nesting is cut: no backend shows it, and a recursion must have an end.
const MAX_DEPTH = 64;

// An object graph that shares its parts can have exponentially many paths; past this it is no log record.
const MAX_VALUES = 1_000_000;

/**
 * The record as it is now. The SDK copies attributes, but keeps the body and byte arrays as they are, and the application may change them after emit.
 * A record without such parts, the rule by far, is returned itself.
 *
 * @throws whatever a getter of the record throws, and RangeError for a value that is too large to copy: such a record has no valid form
 */
export function snapshotRecord(record: LogRecord): LogRecord {
  const body = record.body;
  const attributes = record.attributes;
  const bodyIsMutable = isObject(body);
  if (!bodyIsMutable && !hasBytes(attributes)) {
    return record;
  }
  const copier = new ValueCopier();
  return {
    hrTime: record.hrTime,
    hrTimeObserved: record.hrTimeObserved,
    body: bodyIsMutable ? copier.copy(body) : body,
    attributes: copier.copyMap(isObject(attributes) ? attributes : {}) as Attributes,
    resource: record.resource,
    instrumentationScope: record.instrumentationScope,
    droppedAttributesCount: record.droppedAttributesCount,
    ...(record.spanContext === undefined ? undefined : { spanContext: record.spanContext }),
    ...(record.severityText === undefined ? undefined : { severityText: record.severityText }),
    ...(record.severityNumber === undefined ? undefined : { severityNumber: record.severityNumber }),
    ...(record.eventName === undefined ? undefined : { eventName: record.eventName }),
  };
}

/** Whether an attribute is or may hold a byte array. */
function hasBytes(attributes: Attributes): boolean {
  for (const key in attributes) {
    const value = attributes[key];
    if (isObject(value) && (!Array.isArray(value) || value.some(isObject))) {
      return true;
    }
  }
  return false;
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

class ValueCopier {
  readonly #ancestors: object[] = [];
  #values = 0;

  copy(value: unknown): AnyValue {
    if (++this.#values > MAX_VALUES) {
      throw new RangeError('a record of more than a million values');
    }
    switch (typeof value) {
      case 'object':
        return value === null ? null : this.#copyObject(value);
      case 'function':
      case 'symbol':
        return undefined;
      default:
        return value as AnyValue;
    }
  }

  copyMap(map: object): AnyValue {
    const copy: Record<string, AnyValue> = {};
    for (const key of Object.keys(map)) {
      // Not by assignment: a key named __proto__ would set the prototype.
      Object.defineProperty(copy, key, { value: this.copy((map as Record<string, unknown>)[key]), enumerable: true, configurable: true, writable: true });
    }
    return copy;
  }

  #copyObject(value: object): AnyValue {
    if (value instanceof Uint8Array) {
      return Uint8Array.prototype.slice.call(value);
    }
    if (this.#ancestors.length >= MAX_DEPTH || this.#ancestors.includes(value)) {
      return undefined;
    }
    this.#ancestors.push(value);
    const copy = Array.isArray(value) ? value.map((each) => this.copy(each)) : this.copyMap(value);
    this.#ancestors.pop();
    return copy;
  }
}
