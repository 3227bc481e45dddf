import type { InstrumentationScope, LogRecord, Resource } from '../record';
import { readAnyValue, readAttributes, readList, readObject, readText } from './any-value-json-read';
import { isValidId } from './record-fields';

/** Different resources, and scopes, that are one object from line to line, at most; beyond they become new objects from time to time. */
const MAX_KNOWN_DEFINITIONS = 256;

const INVALID_SPAN_ID = '0000000000000000';

type Writable<T> = { -readonly [Field in keyof T]: T[Field] };

/**
 * Reads `LogsData` documents in OTLP's JSON, as `LogsJsonEncoder` writes them, back into plain records. Unknown fields are skipped, what is unset has no key.
 * Equal resources, and scopes, are the same object in all documents of one reader, as exporters group by identity.
 */
export class LogsJsonReader {
  readonly #resources = new Map<string, Resource>();
  readonly #scopes = new Map<string, InstrumentationScope>();

  /**
   * In the order of the document.
   * @throws SyntaxError or TypeError if the text is no such document: then nothing of it counts
   */
  read(text: string): LogRecord[] {
    const records: LogRecord[] = [];
    // Without the field it is another kind of file, or a line of another signal.
    const groups = readObject(JSON.parse(text))['resourceLogs'];
    if (groups === undefined) {
      throw new TypeError('no logs');
    }
    for (const item of readList(groups)) {
      const group = readObject(item);
      const resource = this.#resource(group);
      for (const scopeItem of readList(group['scopeLogs'])) {
        const scopeGroup = readObject(scopeItem);
        const scope = this.#scope(scopeGroup);
        for (const record of readList(scopeGroup['logRecords'])) {
          records.push(readRecord(readObject(record), resource, scope));
        }
      }
    }
    return records;
  }

  #resource(group: Record<string, unknown>): Resource {
    const json = group['resource'] ?? {};
    return known(this.#resources, JSON.stringify([json, group['schemaUrl']]), () =>
      settledResource(readAttributes(readObject(json)['attributes']) as Resource['attributes'], readText(group['schemaUrl'])),
    );
  }

  #scope(group: Record<string, unknown>): InstrumentationScope {
    const json = group['scope'] ?? {};
    return known(this.#scopes, JSON.stringify([json, group['schemaUrl']]), () => readScope(readObject(json), readText(group['schemaUrl'])));
  }
}

function known<T>(definitions: Map<string, T>, key: string, read: () => T): T {
  let definition = definitions.get(key);
  if (definition === undefined) {
    definition = read();
    if (definitions.size >= MAX_KNOWN_DEFINITIONS) {
      definitions.clear();
    }
    definitions.set(key, definition);
  }
  return definition;
}

/** A resource that nothing more will come for. Merging is for set-up: it returns the resource itself. */
function settledResource(attributes: Resource['attributes'], schemaUrl: string): Resource {
  const resource: Resource = {
    attributes,
    asyncAttributesPending: false,
    getRawAttributes: () => Object.entries(attributes),
    merge: () => resource,
    ...(schemaUrl === '' ? {} : { schemaUrl }),
  };
  return resource;
}

function readScope(json: Record<string, unknown>, schemaUrl: string): InstrumentationScope {
  const version = readText(json['version']);
  const attributes = readAttributes(json['attributes']);
  const droppedAttributesCount = readNumber(json['droppedAttributesCount']);
  return {
    name: readText(json['name']),
    ...(version === '' ? {} : { version }),
    ...(schemaUrl === '' ? {} : { schemaUrl }),
    ...(Object.keys(attributes).length === 0 ? {} : { attributes }),
    ...(droppedAttributesCount === 0 ? {} : { droppedAttributesCount }),
  };
}

function readRecord(json: Record<string, unknown>, resource: Resource, instrumentationScope: InstrumentationScope): LogRecord {
  const record: Writable<LogRecord> = {
    hrTime: readTime(json['timeUnixNano']),
    hrTimeObserved: readTime(json['observedTimeUnixNano']),
    resource,
    instrumentationScope,
    attributes: readAttributes(json['attributes']),
    droppedAttributesCount: readNumber(json['droppedAttributesCount']),
  };
  if (json['body'] !== undefined) {
    record.body = readAnyValue(json['body']);
  }
  const severityNumber = readNumber(json['severityNumber']);
  if (severityNumber !== 0) {
    record.severityNumber = severityNumber;
  }
  const severityText = readText(json['severityText']);
  if (severityText !== '') {
    record.severityText = severityText;
  }
  const eventName = readText(json['eventName']);
  if (eventName !== '') {
    record.eventName = eventName;
  }
  const traceId = readText(json['traceId']);
  if (isValidId(traceId, 32)) {
    const spanId = readText(json['spanId']);
    record.spanContext = { traceId, spanId: spanId === '' ? INVALID_SPAN_ID : spanId, traceFlags: readNumber(json['flags']) };
  }
  return record;
}

function readNumber(value: unknown): number {
  if (value === undefined) {
    return 0;
  }
  if (typeof value !== 'number') {
    throw new TypeError('no number');
  }
  return value;
}

/** Nanoseconds since the epoch in decimal, as seconds and nanoseconds. */
function readTime(value: unknown): [number, number] {
  if (value === undefined) {
    return [0, 0];
  }
  if (typeof value !== 'string' || !/^\d{1,20}$/.test(value)) {
    throw new TypeError('no time');
  }
  return [Number(value.slice(0, -9)), Number(value.slice(-9))];
}
