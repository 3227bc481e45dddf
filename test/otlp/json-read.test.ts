import fc from 'fast-check';
import { LogsJsonEncoder } from '../../src/otlp/json';
import { LogsJsonReader } from '../../src/otlp/json-read';
import type { LogRecord } from '../../src/record';
import { captureDiag } from '../support/capture-diag';
import { captureRecords, recordByHand } from '../support/captured-records';
import { anyEmittedRecord, anyProvider, anything } from '../support/otlp-arbitraries';
import type { DecodedKeyValue, DecodedLogs, DecodedValue } from '../support/otlp-decode';
import { decodeLogsJson } from '../support/otlp-json-decode';

const encoder = new LogsJsonEncoder();

function write(records: readonly LogRecord[]): string {
  encoder.begin();
  records.forEach((record) => encoder.add(record));
  return encoder.finish();
}

function roundTrip(fields: Parameters<typeof recordByHand>[0]): LogRecord {
  const [record, ...others] = new LogsJsonReader().read(write([recordByHand(fields)]));
  expect(others).toEqual([]);
  return record as LogRecord;
}

/** A map has a key once; two lone surrogates become the same key. The order of keys has no meaning. */
function asMaps(logs: DecodedLogs): unknown {
  const mapOf = (list: readonly DecodedKeyValue[]): unknown => new Map(list.map(({ key, value }) => [key, valueOf(value)]));
  const valueOf = (value: DecodedValue): unknown => {
    if ('kvlistValue' in value) {
      return { kvlistValue: mapOf(value.kvlistValue) };
    }
    return 'arrayValue' in value ? { arrayValue: value.arrayValue.map(valueOf) } : value;
  };
  // One entry a record, so that it does not matter which records share an envelope.
  return logs.resourceLogs.flatMap(({ resource, schemaUrl, scopeLogs }) =>
    scopeLogs.flatMap(({ scope, schemaUrl: scopeSchemaUrl, logRecords }) =>
      logRecords.map((record) => ({
        resource: mapOf(resource.attributes), schemaUrl, scopeSchemaUrl,
        scope: { ...scope, attributes: mapOf(scope.attributes) },
        record: { ...record, attributes: mapOf(record.attributes), body: record.body === undefined ? 'unset' : valueOf(record.body) },
      })),
    ),
  );
}

function expectSame(records: readonly LogRecord[]): void {
  const written = write(records);
  if (written !== '') {
    const read = new LogsJsonReader().read(written);
    expect(asMaps(decodeLogsJson(write(read)))).toEqual(asMaps(decodeLogsJson(written)));
  }
}

describe('what is written, read and written again is the same', () => {
  it('for records of the SDK', () => {
    const { restore } = captureDiag();
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.array(anyEmittedRecord, { maxLength: 4 }), anyProvider), { maxLength: 3 }), (batches) => {
        expectSame(batches.flatMap(([emitted, provider]) => captureRecords(emitted, provider)));
      }),
      { numRuns: 200 },
    );
    restore();
  });

  it('whatever is in any field', () => {
    const { restore } = captureDiag();
    const fields = fc.record(
      {
        hrTime: anything, hrTimeObserved: anything, spanContext: anything, severityText: anything, severityNumber: anything, body: anything, eventName: anything,
        resource: anything, instrumentationScope: anything, attributes: anything, droppedAttributesCount: anything,
      },
      { requiredKeys: [] },
    );
    fc.assert(fc.property(fc.array(fields, { maxLength: 4 }), (list) => expectSame(list.map(recordByHand))), { numRuns: 500 });
    restore();
  });
});

describe('the record that is read', () => {
  it('has every field of the one that was written', () => {
    const fields = {
      hrTime: [1_700_000_000, 5],
      hrTimeObserved: [18_446_744_073, 709_551_615],
      severityNumber: 17,
      severityText: 'ERROR',
      eventName: 'event',
      spanContext: { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', traceFlags: 1 },
      body: { int: 2 ** 60, negative: -(2 ** 63), bigint: 2n ** 63n - 1n, bytes: new Uint8Array([251, 255]), nested: [[], {}, [{ a: [1.5] }]] },
      attributes: { nan: NaN, infinity: Infinity, minus: -Infinity, double: 1e21, text: '😀\n"', empty: '', yes: true, no: false, nothing: null, ['__proto__']: { a: 1 } },
      droppedAttributesCount: 2,
      instrumentationScope: { name: 'scope', version: '1', schemaUrl: 'https://example.test/scope', attributes: { a: true }, droppedAttributesCount: 1 },
    };
    const { resource, ...rest } = roundTrip(fields);
    expect(rest).toEqual(fields);
    expect(Object.keys(rest.attributes)).toContain('__proto__');
    expect(resource.attributes).toEqual({ 'service.name': 'by-hand' });
    expect(resource.asyncAttributesPending).toBe(false);
    expect(resource.getRawAttributes()).toEqual([['service.name', 'by-hand']]);
    expect(resource.merge(null)).toBe(resource);
  });

  it('has no key for what is unset, but an empty body for an empty one', () => {
    const unset = roundTrip({ hrTime: undefined, hrTimeObserved: undefined });
    expect(Object.keys(unset).sort()).toEqual(['attributes', 'droppedAttributesCount', 'hrTime', 'hrTimeObserved', 'instrumentationScope', 'resource']);
    expect(unset).toMatchObject({ hrTime: [0, 0], hrTimeObserved: [0, 0], attributes: {}, droppedAttributesCount: 0, instrumentationScope: { name: 'by-hand' } });
    expect(roundTrip({ body: null }).body).toBeNull();
    expect(roundTrip({ body: { unset: undefined } }).body).toEqual({ unset: null });
  });

  it('keeps a trace id without a span id', () => {
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    expect(roundTrip({ spanContext: { traceId, spanId: 'none', traceFlags: 0 } }).spanContext).toEqual({ traceId, spanId: '0000000000000000', traceFlags: 0 });
  });

  it('shares its resource and its scope with every equal one, from document to document', () => {
    const reader = new LogsJsonReader();
    const scopes = [{ name: 'one' }, { name: 'two' }];
    const read = [0, 1, 0, 1].flatMap((index) => reader.read(write([recordByHand({ instrumentationScope: scopes[index] })])));
    expect(new Set(read.map(({ resource }) => resource)).size).toBe(1);
    expect(new Set(read.map(({ instrumentationScope }) => instrumentationScope)).size).toBe(2);
    // Bounded: thousands of scopes are read right, and do not pile up.
    for (let index = 0; index < 1000; index++) {
      expect(reader.read(write([recordByHand({ instrumentationScope: { name: `scope ${index}` } })]))[0]?.instrumentationScope.name).toBe(`scope ${index}`);
    }
  });
});

describe('what is no such document', () => {
  const documentOf = (record: string): string => `{"resourceLogs":[{"scopeLogs":[{"logRecords":[${record}]}]}]}`;

  it.each([
    '', '{', 'null', '[]', '"text"', '{}', '{"resourceSpans":[]}', '{"resourceLogs":{}}', '{"resourceLogs":[1]}', '{"resourceLogs":[{"scopeLogs":[null]}]}',
    documentOf('7'), documentOf('{"timeUnixNano":"x"}'), documentOf('{"timeUnixNano":5}'), documentOf('{"severityNumber":"9"}'), documentOf('{"severityText":9}'),
    documentOf('{"attributes":{}}'), documentOf('{"attributes":[{"key":1}]}'), documentOf('{"body":"text"}'), documentOf('{"body":{"intValue":"1.5"}}'),
    documentOf('{"body":{"doubleValue":"1"}}'), documentOf('{"body":{"boolValue":"true"}}'), documentOf('{"body":{"arrayValue":[]}}'), documentOf('{"body":{"kvlistValue":{"values":{}}}}'),
    documentOf('{"body":{"bytesValue":[1]}}'),
  ])('throws: %s', (text) => {
    expect(() => new LogsJsonReader().read(text)).toThrow(/./);
  });

  it('reads what other writers may write: numbers for integers, unknown fields, absent groups', () => {
    expect(new LogsJsonReader().read(documentOf('{"body":{"intValue":7},"futureField":{}}'))[0]).toMatchObject({ body: 7, instrumentationScope: { name: '' } });
    expect(new LogsJsonReader().read('{"resourceLogs":[{}]}')).toEqual([]);
  });
});
