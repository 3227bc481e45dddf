import type { DecodedKeyValue, DecodedLogRecord, DecodedLogs, DecodedResourceLogs, DecodedScopeLogs, DecodedValue } from './otlp-decode';

/**
 * A strict reader of `LogsData` in OTLP/JSON, into the same form as `decodeLogsRequest`.
 * @throws Error for an unknown field or a value that the mapping of the specification does not have there
 */
export function decodeLogsJson(text: string): DecodedLogs {
  const { resourceLogs } = object(JSON.parse(text), ['resourceLogs']);
  return { resourceLogs: list(resourceLogs).map(decodeResourceLogs) };
}

function decodeResourceLogs(value: unknown): DecodedResourceLogs {
  const group = object(value, ['resource', 'scopeLogs', 'schemaUrl']);
  const resource = object(group['resource'] ?? {}, ['attributes', 'droppedAttributesCount']);
  return {
    resource: { attributes: list(resource['attributes']).map(keyValue), droppedAttributesCount: uint32(resource['droppedAttributesCount']) },
    schemaUrl: string(group['schemaUrl']),
    scopeLogs: list(group['scopeLogs']).map(decodeScopeLogs),
  };
}

function decodeScopeLogs(value: unknown): DecodedScopeLogs {
  const group = object(value, ['scope', 'logRecords', 'schemaUrl']);
  const scope = object(group['scope'] ?? {}, ['name', 'version', 'attributes', 'droppedAttributesCount']);
  return {
    scope: {
      name: string(scope['name']),
      version: string(scope['version']),
      attributes: list(scope['attributes']).map(keyValue),
      droppedAttributesCount: uint32(scope['droppedAttributesCount']),
    },
    schemaUrl: string(group['schemaUrl']),
    logRecords: list(group['logRecords']).map(logRecord),
  };
}

function logRecord(value: unknown): DecodedLogRecord {
  const record = object(value, [
    'timeUnixNano', 'observedTimeUnixNano', 'severityNumber', 'severityText', 'body', 'attributes', 'droppedAttributesCount', 'flags', 'traceId', 'spanId', 'eventName',
  ]);
  return {
    timeUnixNano: uint64(record['timeUnixNano']),
    observedTimeUnixNano: uint64(record['observedTimeUnixNano']),
    severityNumber: int32(record['severityNumber']),
    severityText: string(record['severityText']),
    body: record['body'] === undefined ? undefined : anyValue(record['body']),
    attributes: list(record['attributes']).map(keyValue),
    droppedAttributesCount: uint32(record['droppedAttributesCount']),
    flags: uint32(record['flags']),
    traceId: id(record['traceId'], 32),
    spanId: id(record['spanId'], 16),
    eventName: string(record['eventName']),
  };
}

function keyValue(value: unknown): DecodedKeyValue {
  const pair = object(value, ['key', 'value']);
  return { key: string(pair['key']), value: anyValue(pair['value']) };
}

function anyValue(value: unknown): DecodedValue {
  const entries = Object.entries(object(value, ['stringValue', 'boolValue', 'intValue', 'doubleValue', 'arrayValue', 'kvlistValue', 'bytesValue']));
  const [tag, content] = entries[0] ?? [];
  check(entries.length <= 1, 'more than one value', value);
  switch (tag) {
    case undefined:
      return {};
    case 'stringValue':
      check(typeof content === 'string', 'no string', content);
      return { stringValue: string(content) };
    case 'boolValue':
      check(typeof content === 'boolean', 'no boolean', content);
      return { boolValue: content as boolean };
    case 'intValue':
      return { intValue: int64(content) };
    case 'doubleValue':
      return { doubleValue: double(content) };
    case 'arrayValue':
      return { arrayValue: list(object(content, ['values'])['values']).map(anyValue) };
    case 'kvlistValue':
      return { kvlistValue: list(object(content, ['values'])['values']).map(keyValue) };
    default:
      return { bytesValue: base64(content) };
  }
}

function check(condition: boolean, what: string, value: unknown): void {
  if (!condition) {
    throw new Error(`${what}: ${JSON.stringify(value)}`);
  }
}

function object(value: unknown, known: readonly string[]): Record<string, unknown> {
  check(typeof value === 'object' && value !== null && !Array.isArray(value), 'no object', value);
  check(Object.keys(value as object).every((key) => known.includes(key)), 'an unknown field', value);
  return value as Record<string, unknown>;
}

function list(value: unknown): unknown[] {
  check(value === undefined || Array.isArray(value), 'no list', value);
  return (value as unknown[] | undefined) ?? [];
}

function string(value: unknown): string {
  check(value === undefined || (typeof value === 'string' && value.isWellFormed()), 'no well-formed string', value);
  return (value as string | undefined) ?? '';
}

function uint32(value: unknown): number {
  check(value === undefined || (typeof value === 'number' && value >>> 0 === value), 'no uint32', value);
  return (value as number | undefined) ?? 0;
}

function int32(value: unknown): number {
  check(value === undefined || (typeof value === 'number' && (value | 0) === value), 'no int32', value);
  return (value as number | undefined) ?? 0;
}

function int64(value: unknown): bigint {
  const decoded = decimal(value);
  check(BigInt.asIntN(64, decoded) === decoded, 'no int64', value);
  return decoded;
}

function uint64(value: unknown): bigint {
  const decoded = value === undefined ? 0n : decimal(value);
  check(BigInt.asUintN(64, decoded) === decoded, 'no uint64', value);
  return decoded;
}

function decimal(value: unknown): bigint {
  check(typeof value === 'string' && /^(0|-?[1-9]\d*)$/.test(value), 'no integer in a string', value);
  return BigInt(value as string);
}

function double(value: unknown): number {
  check(typeof value === 'number' || value === 'NaN' || value === 'Infinity' || value === '-Infinity', 'no double', value);
  return Number(value);
}

function id(value: unknown, digits: number): string {
  const text = string(value);
  check(text === '' || (text.length === digits && /^[0-9a-f]+$/.test(text)), 'no id', value);
  return text;
}

function base64(value: unknown): string {
  const bytes = Buffer.from(string(value), 'base64');
  check(bytes.toString('base64') === value, 'no base64', value);
  return bytes.toString('hex');
}
