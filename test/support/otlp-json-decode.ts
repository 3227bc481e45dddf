import type { DecodedKeyValue, DecodedLogRecord, DecodedLogs, DecodedValue } from './otlp-decode';

type Json = Record<string, unknown>;

/** Shapes that the OTLP/JSON mapping does not have and that the stock serializer writes. */
export interface JsonLeniency {
  /** 64-bit integers as JSON numbers: allowed for readers by the specification, lossy above 2^53. */
  readonly integersAsNumbers?: boolean;
}

/**
 * A strict reader of `LogsData` in OTLP/JSON, into the same form as `decodeLogsRequest`.
 * @throws Error for an unknown field or a value of a wrong type
 */
export function decodeLogsJson(text: string, leniency: JsonLeniency = {}): DecodedLogs {
  const document = JSON.parse(text) as unknown;
  const fail = (what: string, value: unknown): never => {
    throw new Error(`${what}: ${JSON.stringify(value)}`);
  };
  const object = (value: unknown, known: readonly string[]): Json => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return fail('no object', value);
    }
    const unknown = Object.keys(value).find((key) => !known.includes(key));
    return unknown === undefined ? (value as Json) : fail('unknown field', unknown);
  };
  const list = (value: unknown): unknown[] => (value === undefined ? [] : Array.isArray(value) ? (value as unknown[]) : fail('no list', value));
  const string = (value: unknown): string => {
    if (value === undefined) {
      return '';
    }
    return typeof value === 'string' && value.isWellFormed() ? value : fail('no well-formed string', value);
  };
  const uint32 = (value: unknown): number => {
    if (value === undefined) {
      return 0;
    }
    return typeof value === 'number' && value >>> 0 === value ? value : fail('no uint32', value);
  };
  const int32 = (value: unknown): number => {
    if (value === undefined) {
      return 0;
    }
    return typeof value === 'number' && (value | 0) === value ? value : fail('no int32', value);
  };
  const integer = (value: unknown): bigint => {
    if (typeof value === 'number' && leniency.integersAsNumbers === true) {
      return BigInt(value);
    }
    return typeof value === 'string' && /^(0|-?[1-9]\d*)$/.test(value) ? BigInt(value) : fail('no decimal string', value);
  };
  const int64 = (value: unknown): bigint => (BigInt.asIntN(64, integer(value)) === integer(value) ? integer(value) : fail('no int64', value));
  const uint64 = (value: unknown): bigint => (value === undefined ? 0n : BigInt.asUintN(64, integer(value)) === integer(value) ? integer(value) : fail('no uint64', value));
  const double = (value: unknown): number => {
    if (value === 'NaN' || value === 'Infinity' || value === '-Infinity') {
      return Number(value);
    }
    return typeof value === 'number' ? value : fail('no double', value);
  };
  const id = (value: unknown, digits: number): string => {
    const text = string(value);
    return text === '' || (text.length === digits && /^[0-9a-f]+$/.test(text)) ? text : fail('no id', value);
  };
  const base64 = (value: unknown): string => {
    const bytes = Buffer.from(string(value), 'base64');
    return bytes.toString('base64') === value ? bytes.toString('hex') : fail('no base64', value);
  };
  const keyValue = (value: unknown): DecodedKeyValue => {
    const pair = object(value, ['key', 'value']);
    return { key: string(pair['key']), value: anyValue(pair['value']) };
  };
  const anyValue = (value: unknown): DecodedValue => {
    const entries = Object.entries(object(value, ['stringValue', 'boolValue', 'intValue', 'doubleValue', 'arrayValue', 'kvlistValue', 'bytesValue']));
    const [tag, content] = entries[0] ?? [];
    if (entries.length > 1) {
      return fail('more than one value', value);
    }
    switch (tag) {
      case undefined:
        return {};
      case 'stringValue':
        return { stringValue: string(content) };
      case 'boolValue':
        return typeof content === 'boolean' ? { boolValue: content } : fail('no boolean', content);
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
  };
  const logRecord = (value: unknown): DecodedLogRecord => {
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
  };
  const resourceLogs = list(object(document, ['resourceLogs'])['resourceLogs']).map((entry) => {
    const group = object(entry, ['resource', 'scopeLogs', 'schemaUrl']);
    const resource = object(group['resource'] ?? {}, ['attributes', 'droppedAttributesCount', ...(leniency.integersAsNumbers === true ? ['schemaUrl'] : [])]);
    return {
      resource: { attributes: list(resource['attributes']).map(keyValue), droppedAttributesCount: uint32(resource['droppedAttributesCount']) },
      schemaUrl: string(group['schemaUrl']),
      scopeLogs: list(group['scopeLogs']).map((inner) => {
        const scopeGroup = object(inner, ['scope', 'logRecords', 'schemaUrl']);
        const scope = object(scopeGroup['scope'] ?? {}, ['name', 'version', 'attributes', 'droppedAttributesCount']);
        return {
          scope: {
            name: string(scope['name']),
            version: string(scope['version']),
            attributes: list(scope['attributes']).map(keyValue),
            droppedAttributesCount: uint32(scope['droppedAttributesCount']),
          },
          schemaUrl: string(scopeGroup['schemaUrl']),
          logRecords: list(scopeGroup['logRecords']).map(logRecord),
        };
      }),
    };
  });
  return { resourceLogs };
}
