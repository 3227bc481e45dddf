import { readMessage } from './protobuf-reader';

/** An `AnyValue`, tagged as in OTLP/JSON; `{}` is an empty one. Bytes are in hex. */
export type DecodedValue =
  | { stringValue: string }
  | { boolValue: boolean }
  | { intValue: bigint }
  | { doubleValue: number }
  | { arrayValue: DecodedValue[] }
  | { kvlistValue: DecodedKeyValue[] }
  | { bytesValue: string }
  | Record<string, never>;

export interface DecodedKeyValue {
  key: string;
  value: DecodedValue;
}

/** Unset fields hold their default (0, '', []), but an unset body is undefined. Ids are in hex. */
export interface DecodedLogRecord {
  timeUnixNano: bigint;
  observedTimeUnixNano: bigint;
  severityNumber: number;
  severityText: string;
  body: DecodedValue | undefined;
  attributes: DecodedKeyValue[];
  droppedAttributesCount: number;
  flags: number;
  traceId: string;
  spanId: string;
  eventName: string;
}

export interface DecodedScopeLogs {
  scope: { name: string; version: string; attributes: DecodedKeyValue[]; droppedAttributesCount: number };
  schemaUrl: string;
  logRecords: DecodedLogRecord[];
}

export interface DecodedResourceLogs {
  resource: { attributes: DecodedKeyValue[]; droppedAttributesCount: number };
  schemaUrl: string;
  scopeLogs: DecodedScopeLogs[];
}

export interface DecodedLogs {
  resourceLogs: DecodedResourceLogs[];
}

/**
 * A strict decoder of `ExportLogsServiceRequest` (= `LogsData`), for receivers and as a judge of encoders.
 * @throws Error for a malformed length or varint, an unknown field, a wrong wire type, a field that is there twice, text that is no UTF-8, an id of a wrong length
 */
export function decodeLogsRequest(bytes: Uint8Array): DecodedLogs {
  const logs: DecodedLogs = { resourceLogs: [] };
  readMessage(bytes, {
    1: (reader) => logs.resourceLogs.push(resourceLogs(reader.message())),
  }, [1]);
  return logs;
}

/** All records of a request, in order. */
export function logRecordsOf(logs: DecodedLogs): DecodedLogRecord[] {
  return logs.resourceLogs.flatMap((resource) => resource.scopeLogs.flatMap((scope) => scope.logRecords));
}

/** The value as plain JavaScript: integers within the safe range as numbers, others as bigint, an empty value as null. */
export function plainValue(value: DecodedValue): unknown {
  const [tag, content] = (Object.entries(value) as [string, unknown][])[0] ?? ['empty', null];
  switch (tag) {
    case 'intValue':
      return Number.isSafeInteger(Number(content)) ? Number(content) : content;
    case 'arrayValue':
      return (content as DecodedValue[]).map(plainValue);
    case 'kvlistValue':
      return plainAttributes(content as DecodedKeyValue[]);
    default:
      return content;
  }
}

export function plainAttributes(attributes: readonly DecodedKeyValue[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, plainValue(value)]));
}

function resourceLogs(bytes: Uint8Array): DecodedResourceLogs {
  const decoded: DecodedResourceLogs = { resource: { attributes: [], droppedAttributesCount: 0 }, schemaUrl: '', scopeLogs: [] };
  readMessage(bytes, {
    1: (reader) => readMessage(reader.message(), {
      1: (inner) => decoded.resource.attributes.push(keyValue(inner.message())),
      2: (inner) => (decoded.resource.droppedAttributesCount = Number(inner.varint())),
    }, [1]),
    2: (reader) => decoded.scopeLogs.push(scopeLogs(reader.message())),
    3: (reader) => (decoded.schemaUrl = reader.string()),
  }, [2]);
  return decoded;
}

function scopeLogs(bytes: Uint8Array): DecodedScopeLogs {
  const decoded: DecodedScopeLogs = { scope: { name: '', version: '', attributes: [], droppedAttributesCount: 0 }, schemaUrl: '', logRecords: [] };
  const { scope } = decoded;
  readMessage(bytes, {
    1: (reader) => readMessage(reader.message(), {
      1: (inner) => (scope.name = inner.string()),
      2: (inner) => (scope.version = inner.string()),
      3: (inner) => scope.attributes.push(keyValue(inner.message())),
      4: (inner) => (scope.droppedAttributesCount = Number(inner.varint())),
    }, [3]),
    2: (reader) => decoded.logRecords.push(logRecord(reader.message())),
    3: (reader) => (decoded.schemaUrl = reader.string()),
  }, [2]);
  return decoded;
}

function logRecord(bytes: Uint8Array): DecodedLogRecord {
  const decoded: DecodedLogRecord = {
    timeUnixNano: 0n, observedTimeUnixNano: 0n, severityNumber: 0, severityText: '', body: undefined, attributes: [],
    droppedAttributesCount: 0, flags: 0, traceId: '', spanId: '', eventName: '',
  };
  readMessage(bytes, {
    1: (reader) => (decoded.timeUnixNano = reader.fixed64()),
    2: (reader) => (decoded.severityNumber = Number(BigInt.asIntN(32, reader.varint()))),
    3: (reader) => (decoded.severityText = reader.string()),
    5: (reader) => (decoded.body = anyValue(reader.message())),
    6: (reader) => decoded.attributes.push(keyValue(reader.message())),
    7: (reader) => (decoded.droppedAttributesCount = Number(reader.varint())),
    8: (reader) => (decoded.flags = reader.fixed32()),
    9: (reader) => (decoded.traceId = reader.id(16)),
    10: (reader) => (decoded.spanId = reader.id(8)),
    11: (reader) => (decoded.observedTimeUnixNano = reader.fixed64()),
    12: (reader) => (decoded.eventName = reader.string()),
  }, [6]);
  return decoded;
}

function keyValue(bytes: Uint8Array): DecodedKeyValue {
  const decoded: DecodedKeyValue = { key: '', value: {} };
  readMessage(bytes, {
    1: (reader) => (decoded.key = reader.string()),
    2: (reader) => (decoded.value = anyValue(reader.message())),
  });
  return decoded;
}

function anyValue(bytes: Uint8Array): DecodedValue {
  const values: DecodedValue[] = [];
  readMessage(bytes, {
    1: (reader) => values.push({ stringValue: reader.string() }),
    2: (reader) => values.push({ boolValue: reader.varint() !== 0n }),
    3: (reader) => values.push({ intValue: BigInt.asIntN(64, reader.varint()) }),
    4: (reader) => values.push({ doubleValue: reader.double() }),
    5: (reader) => values.push({ arrayValue: list(reader.message(), anyValue) }),
    6: (reader) => values.push({ kvlistValue: list(reader.message(), keyValue) }),
    7: (reader) => values.push({ bytesValue: Buffer.from(reader.message()).toString('hex') }),
  });
  if (values.length > 1) {
    throw new Error('an AnyValue holds more than one value');
  }
  return values[0] ?? {};
}

function list<T>(bytes: Uint8Array, decode: (bytes: Uint8Array) => T): T[] {
  const values: T[] = [];
  readMessage(bytes, { 1: (reader) => values.push(decode(reader.message())) }, [1]);
  return values;
}
