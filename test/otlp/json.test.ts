import fc from 'fast-check';
import { JsonLogsSerializer, ProtobufLogsSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { LogsEncoder, MAX_RECORD_BYTES } from '../../src/otlp/encode';
import { orderByGroup } from '../../src/otlp/grouping';
import { LogsJsonEncoder } from '../../src/otlp/json';
import { MAX_CACHED_KEYS } from '../../src/otlp/key-cache';
import { MAX_VALUES } from '../../src/otlp/nesting';
import { MAX_RETAINED_BYTES } from '../../src/otlp/wire-buffer';
import type { LogRecord } from '../../src/record';
import { captureDiag } from '../support/capture-diag';
import { captureRecords, recordByHand } from '../support/captured-records';
import { anyEmittedRecord, anyProvider, anything } from '../support/otlp-arbitraries';
import { decodeLogsRequest, logRecordsOf, type DecodedLogs } from '../support/otlp-decode';
import { decodeLogsJson } from '../support/otlp-json-decode';

const encoder = new LogsJsonEncoder();

function encode(records: readonly LogRecord[]): { json: string; added: boolean[] } {
  encoder.begin();
  const added = orderByGroup(records).map((record) => encoder.add(record));
  return { json: encoder.finish(), added };
}

function decodeOurs(records: readonly LogRecord[]): DecodedLogs {
  const { json, added } = encode(records);
  expect(added).not.toContain(false);
  return json === '' ? { resourceLogs: [] } : decodeLogsJson(json);
}

/** The one record of a document, as JSON. */
function jsonOf(fields: Parameters<typeof recordByHand>[0]): unknown {
  const { json } = encode([recordByHand(fields)]);
  const document = JSON.parse(json) as { resourceLogs: [{ scopeLogs: [{ logRecords: [unknown] }] }] };
  return document.resourceLogs[0].scopeLogs[0].logRecords[0];
}

describe('the same content as the stock serializers', () => {
  it('as the protobuf one, for any batch of any records of several resources and scopes', () => {
    const { restore } = captureDiag();
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.array(anyEmittedRecord, { maxLength: 4 }), anyProvider), { maxLength: 4 }), fc.infiniteStream(fc.nat()), (batches, random) => {
        const records = batches.flatMap(([emitted, provider]) => captureRecords(emitted, provider));
        const order = new Map(records.map((record) => [record, random.next().value as number]));
        records.sort((one, other) => (order.get(one) as number) - (order.get(other) as number));
        expect(decodeOurs(records)).toEqual(decodeLogsRequest(ProtobufLogsSerializer.serializeRequest(records) as Uint8Array));
      }),
      { numRuns: 100 },
    );
    restore();
  });

  it('as the JSON one, where that is right: with a body, finite numbers, well-formed strings and integers of up to 2^53', () => {
    const spanContext = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', traceFlags: 1 };
    const values = { text: 'é€😀"\\\n', empty: '', integer: -7, large: Number.MAX_SAFE_INTEGER, double: 0.25, yes: true, no: false, nothing: null, bytes: new Uint8Array([0, 255]), list: [1, [2], {}], map: { a: { b: [] } } };
    const records = captureRecords(
      [{ body: values, attributes: values, severityNumber: 9, severityText: 'INFO', eventName: 'event', spanContext, timestamp: [1, 5] }, { body: 'text' }],
      { resource: { 'service.name': 'x', list: ['a', 'b'] }, resourceSchemaUrl: 'https://example.test/resource', scope: ['scope', '1', { schemaUrl: 'https://example.test/scope', attributes: { a: 1 } }] },
    );
    const stock: unknown = JSON.parse(Buffer.from(JsonLogsSerializer.serializeRequest(records) as Uint8Array).toString(), (key, value: unknown) => {
      if (key === 'resource') {
        // Stands in the wrong message as well.
        delete (value as { schemaUrl?: unknown }).schemaUrl;
      }
      return key === 'intValue' ? String(value) : value;
    });
    expect(decodeOurs(records)).toEqual(decodeLogsJson(JSON.stringify(stock)));
  });

  it('as our protobuf form, whatever is in any field', () => {
    const { restore } = captureDiag();
    const fields = fc.record(
      {
        hrTime: anything, hrTimeObserved: anything, spanContext: anything, severityText: anything, severityNumber: anything, body: anything, eventName: anything,
        resource: anything, instrumentationScope: anything, attributes: anything, droppedAttributesCount: anything,
      },
      { requiredKeys: [] },
    );
    const protobuf = new LogsEncoder();
    fc.assert(
      fc.property(fc.array(fields, { maxLength: 5 }), (list) => {
        const records = orderByGroup(list.map(recordByHand));
        protobuf.begin();
        const added = records.map((record) => protobuf.add(record));
        const json = encode(records);
        expect(json.added).toEqual(added);
        expect(json.json === '' ? { resourceLogs: [] } : decodeLogsJson(json.json)).toEqual(decodeLogsRequest(protobuf.finish()));
      }),
      { numRuns: 500 },
    );
    restore();
  });
});

describe('the JSON of the specification', () => {
  it('has names in lowerCamelCase, ids in hex, enums as numbers, 64-bit integers as strings and bytes in base64', () => {
    const record = recordByHand({
      severityNumber: 17,
      severityText: 'ERROR',
      eventName: 'event',
      spanContext: { traceId: '0AF7651916CD43DD8448EB211C80319C', spanId: 'b7ad6b7169203331', traceFlags: 1 },
      body: { int: 2 ** 60, negative: -(2 ** 63), bigint: 2n ** 63n - 1n, bytes: new Uint8Array([251, 255]), text: 'line\n"quoted"' },
      attributes: { nan: NaN, infinity: Infinity, minus: -Infinity, double: 1e21, empty: null, lone: '\ud83d', '\ude00': 'key' },
      droppedAttributesCount: 2,
      resource: resourceFromAttributes({ 'service.name': 'svc' }, { schemaUrl: 'https://example.test/resource' }),
      instrumentationScope: { name: 'scope', version: '1', schemaUrl: 'https://example.test/scope', attributes: { a: true }, droppedAttributesCount: 1 },
    });
    expect(JSON.parse(encode([record]).json)).toEqual({
      resourceLogs: [
        {
          resource: { attributes: [{ key: 'service.name', value: { stringValue: 'svc' } }] },
          schemaUrl: 'https://example.test/resource',
          scopeLogs: [
            {
              scope: { name: 'scope', version: '1', attributes: [{ key: 'a', value: { boolValue: true } }], droppedAttributesCount: 1 },
              schemaUrl: 'https://example.test/scope',
              logRecords: [
                {
                  timeUnixNano: '1700000000123456789',
                  observedTimeUnixNano: '1700000000223456789',
                  severityNumber: 17,
                  severityText: 'ERROR',
                  body: {
                    kvlistValue: {
                      values: [
                        { key: 'int', value: { intValue: '1152921504606846976' } },
                        { key: 'negative', value: { intValue: '-9223372036854775808' } },
                        { key: 'bigint', value: { intValue: '9223372036854775807' } },
                        { key: 'bytes', value: { bytesValue: '+/8=' } },
                        { key: 'text', value: { stringValue: 'line\n"quoted"' } },
                      ],
                    },
                  },
                  attributes: [
                    { key: 'nan', value: { doubleValue: 'NaN' } },
                    { key: 'infinity', value: { doubleValue: 'Infinity' } },
                    { key: 'minus', value: { doubleValue: '-Infinity' } },
                    { key: 'double', value: { doubleValue: 1e21 } },
                    { key: 'empty', value: {} },
                    { key: 'lone', value: { stringValue: '\ufffd' } },
                    { key: '\ufffd', value: { stringValue: 'key' } },
                  ],
                  droppedAttributesCount: 2,
                  flags: 1,
                  traceId: '0af7651916cd43dd8448eb211c80319c',
                  spanId: 'b7ad6b7169203331',
                  eventName: 'event',
                },
              ],
            },
          ],
        },
      ],
    });
  });

  it('leaves unset fields out, but not an empty body', () => {
    const unset = { timeUnixNano: '0', observedTimeUnixNano: '0' };
    expect(jsonOf({ hrTime: undefined, hrTimeObserved: undefined })).toEqual(unset);
    expect(jsonOf({ hrTime: undefined, hrTimeObserved: undefined, body: null })).toEqual({ ...unset, body: {} });
  });

  it('is one line', () => {
    expect(encode([recordByHand({ body: 'two\nlines\r\u2028', attributes: { 'a\nb': ['\n'.repeat(100)] } })]).json).not.toMatch(/[\n\r]/);
  });

  it('is the same as bytes', () => {
    const records = [recordByHand({ body: 'é€😀' })];
    const { json } = encode(records);
    encoder.begin();
    records.map((record) => encoder.add(record));
    expect(Buffer.from(encoder.finishBytes()).toString()).toBe(json);
  });

  it('is empty without a record', () => {
    encoder.begin();
    expect(encoder.finish()).toBe('');
    encoder.begin();
    expect(encoder.finishBytes()).toHaveLength(0);
  });
});

describe('records without a valid form', () => {
  it.each(
    Object.entries({
      'a getter that throws': recordByHand({ attributes: { first: 1, get second(): never { throw new Error('a getter'); } } }),
      'too many values': recordByHand({ body: Array.from({ length: MAX_VALUES + 1 }, () => 1) }),
      'too many bytes': recordByHand({ body: 'x'.repeat(MAX_RECORD_BYTES) }),
      'no record': undefined as unknown as LogRecord,
      'another resource, which throws': recordByHand({ resource: { get attributes(): never { throw new Error('attributes'); } } }),
      'another scope, which throws': recordByHand({ instrumentationScope: { get name(): never { throw new Error('name'); } } }),
    }),
  )('leave nothing behind: %s', (_name, bad) => {
    encoder.begin();
    expect([bad, recordByHand({ body: 1 }), bad, recordByHand({ body: 2 }), bad].map((record) => encoder.add(record))).toEqual([false, true, false, true, false]);
    const { resourceLogs } = decodeLogsJson(encoder.finish());
    expect(resourceLogs).toHaveLength(1);
    expect(logRecordsOf({ resourceLogs }).map(({ body }) => body)).toEqual([{ intValue: 1n }, { intValue: 2n }]);
    encoder.begin();
    expect(encoder.add(bad)).toBe(false);
    expect(encoder.finish()).toBe('');
  });
});

describe('memory', () => {
  it('of a huge document is not kept', () => {
    encode([recordByHand({ body: 'x'.repeat(2 * MAX_RETAINED_BYTES) })]);
    encoder.begin();
    encoder.add(recordByHand());
    expect(encoder.finishBytes().buffer.byteLength).toBeLessThanOrEqual(4 * 1024 * 1024);
  });

  it('of keys ends where they are no names any more, and the records are right beyond', () => {
    const keys = Array.from({ length: 2 * MAX_CACHED_KEYS }, (_, index) => `key "${index}"`);
    const records = keys.map((key) => recordByHand({ attributes: { [key]: key } }));
    expect(logRecordsOf(decodeOurs(records)).map(({ attributes }) => attributes)).toEqual(keys.map((key) => [{ key, value: { stringValue: key } }]));
  });
});
