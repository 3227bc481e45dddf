import fc from 'fast-check';
import { ProtobufLogsSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { LogsEncoder, MAX_RECORD_BYTES } from '../../src/otlp/encode';
import { orderByGroup } from '../../src/otlp/grouping';
import { MAX_CACHED_KEYS } from '../../src/otlp/key-cache';
import { MAX_DEPTH, MAX_VALUES } from '../../src/otlp/nesting';
import { MAX_RETAINED_BYTES } from '../../src/otlp/wire-buffer';
import type { LogRecord } from '../../src/record';
import { captureDiag } from '../support/capture-diag';
import { captureRecords, recordByHand } from '../support/captured-records';
import { anyEmittedRecord, anyProvider, anything } from '../support/otlp-arbitraries';
import { decodeLogsRequest, logRecordsOf, plainAttributes, plainValue, type DecodedLogRecord, type DecodedLogs } from '../support/otlp-decode';

const encoder = new LogsEncoder();

function encode(records: readonly LogRecord[]): { bytes: Uint8Array; added: boolean[] } {
  encoder.begin();
  const added = orderByGroup(records).map((record) => encoder.add(record));
  return { bytes: encoder.finish(), added };
}

function decodeOurs(records: readonly LogRecord[]): DecodedLogs {
  const { bytes, added } = encode(records);
  expect(added).not.toContain(false);
  return decodeLogsRequest(bytes);
}

function decodeStock(records: readonly LogRecord[]): DecodedLogs {
  return decodeLogsRequest(ProtobufLogsSerializer.serializeRequest([...records]) as Uint8Array);
}

function decodeOne(fields: Parameters<typeof recordByHand>[0]): DecodedLogRecord {
  return logRecordsOf(decodeOurs([recordByHand(fields)]))[0] as DecodedLogRecord;
}

function nested(levels: number, wrap: (inner: unknown) => unknown): unknown {
  let value: unknown = 'bottom';
  for (let level = 0; level < levels; level++) {
    value = wrap(value);
  }
  return value;
}

/** How many containers lie around the innermost value, and that value. */
function unwrap(value: unknown): { levels: number; bottom: unknown } {
  let bottom = value;
  let levels = 0;
  for (; typeof bottom === 'object' && bottom !== null; levels++) {
    bottom = Object.values(bottom)[0];
  }
  return { levels, bottom };
}

describe('the same content as the stock serializer', () => {
  const spanContext = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', traceFlags: 1 };
  const integers = [0, -0, 1, -1, 127, 128, 16_384, 2 ** 31 - 1, 2 ** 31, -(2 ** 31) - 1, 2 ** 32, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 2 ** 62, 2 ** 63 - 1024, -(2 ** 63)];
  const doubles = [0.1, -1.5, NaN, Infinity, -Infinity, 2 ** 63, -(2 ** 64), 1e300, Number.MIN_VALUE];
  const strings = ['', 'plain', 'x'.repeat(20), 'x'.repeat(21), 'x'.repeat(200), 'é'.repeat(20), '€'.repeat(43), '😀'.repeat(32), '\ud83d', 'a\ude00b', '\ud83d'.repeat(50), '\0"\\\n', '\ufeff'];
  const values = { integers, doubles, strings, booleans: [true, false], nulls: [null, undefined], bytes: [new Uint8Array(), new Uint8Array(300).fill(7), Buffer.from('buffer')] };

  it.each(Object.entries(values))('for %s as bodies, attributes, in arrays and in maps', (_name, list) => {
    const map = Object.fromEntries(list.map((value, index) => [`key ${index}`, value]));
    const records = captureRecords([...(list as string[]).map((body) => ({ body })), { attributes: map }, { body: list }, { body: { map, list } }]);
    expect(decodeOurs(records)).toEqual(decodeStock(records));
  });

  it.each([
    ['nothing set', {}],
    ['severity', { severityNumber: 17, severityText: 'ERROR' }],
    ['an unspecified severity', { severityNumber: 0, severityText: '' }],
    ['a trace context', { spanContext }],
    ['an event name', { eventName: 'user.login' }],
    ['an empty map and an empty array', { body: {}, attributes: { list: [] } }],
    ['an exception', { exception: new RangeError('out of range') }],
    ['times', { timestamp: [1_700_000_000, 999_999_999] as [number, number], observedTimestamp: new Date(0) }],
    ['more attributes than the SDK takes', { attributes: Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`key${index}`, index])) }],
  ])('for %s', (_name, emitted) => {
    const { restore } = captureDiag();
    const records = captureRecords([emitted], { resourceSchemaUrl: 'https://example.test/resource', scope: ['scope', undefined, { schemaUrl: 'https://example.test/scope', attributes: { a: 1 } }] });
    restore();
    expect(decodeOurs(records)).toEqual(decodeStock(records));
  });

  it('for any batch of any records of several resources and scopes', () => {
    const { restore } = captureDiag();
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.array(anyEmittedRecord, { maxLength: 4 }), anyProvider), { maxLength: 4 }), fc.infiniteStream(fc.nat()), (batches, random) => {
        const records = batches.flatMap(([emitted, provider]) => captureRecords(emitted, provider));
        const order = new Map(records.map((record) => [record, random.next().value as number]));
        records.sort((one, other) => (order.get(one) as number) - (order.get(other) as number));
        expect(decodeOurs(records)).toEqual(decodeStock(records));
      }),
      { numRuns: 100 },
    );
    restore();
  });
});

describe('where the stock serializer has no valid form or none at all', () => {
  it('writes a bigint as an int64 if it fits, and as a decimal string if not', () => {
    const body = [1n, -(2n ** 63n), 2n ** 63n - 1n, 2n ** 63n, -(2n ** 70n)];
    expect(decodeOne({ body }).body).toEqual({
      arrayValue: [{ intValue: 1n }, { intValue: -(2n ** 63n) }, { intValue: 2n ** 63n - 1n }, { stringValue: '9223372036854775808' }, { stringValue: '-1180591620717411303424' }],
    });
  });

  it('leaves functions and symbols empty and keeps their keys', () => {
    expect(decodeOne({ attributes: { f: () => 1, s: Symbol('s'), rest: 1 } }).attributes).toEqual([
      { key: 'f', value: {} },
      { key: 's', value: {} },
      { key: 'rest', value: { intValue: 1n } },
    ]);
  });

  it.each([
    ['hrTime', 'yesterday', 'timeUnixNano', 0n],
    ['hrTime', [NaN, 1], 'timeUnixNano', 0n],
    ['hrTime', [-5, 0], 'timeUnixNano', 0n],
    ['hrTime', [1e300, 0], 'timeUnixNano', 2n ** 64n - 1n],
    ['hrTime', [1.9, 5.9], 'timeUnixNano', 1_000_000_005n],
    ['hrTimeObserved', undefined, 'observedTimeUnixNano', 0n],
    ['severityNumber', '9', 'severityNumber', 0],
    ['severityNumber', 9.5, 'severityNumber', 0],
    ['severityNumber', -1, 'severityNumber', -1],
    ['severityText', 7, 'severityText', '7'],
    ['severityText', {}, 'severityText', ''],
    ['eventName', null, 'eventName', ''],
    ['attributes', null, 'attributes', []],
    ['attributes', 'text', 'attributes', []],
    ['droppedAttributesCount', -1, 'droppedAttributesCount', 0],
    ['droppedAttributesCount', 2 ** 40, 'droppedAttributesCount', 2 ** 32 - 1],
    ['spanContext', 'text', 'traceId', ''],
    ['spanContext', { traceId: 'xyz', spanId: 'b7ad6b7169203331' }, 'spanId', ''],
    ['spanContext', { traceId: '0'.repeat(32), spanId: 'b7ad6b7169203331' }, 'traceId', ''],
    ['spanContext', { traceId: 'A'.repeat(32), spanId: 5 }, 'traceId', 'a'.repeat(32)],
    ['spanContext', { traceId: 'a'.repeat(32), spanId: 'g'.repeat(16) }, 'spanId', ''],
    ['spanContext', { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 'on' }, 'flags', 0],
  ])('takes the nearest valid form of %s %p', (field, value, decodedField, expected) => {
    expect(decodeOne({ [field]: value, body: 'kept' })).toMatchObject({ [decodedField]: expected, body: { stringValue: 'kept' } });
  });

  it('counts a resource or scope that is none as an empty one', () => {
    const { resourceLogs } = decodeOurs([recordByHand({ resource: undefined, instrumentationScope: 5 })]);
    expect(resourceLogs).toMatchObject([{ resource: { attributes: [] }, scopeLogs: [{ scope: { name: '' }, logRecords: [{}] }] }]);
  });
});

describe('records without a valid form', () => {
  const hostile = {
    'a getter': recordByHand({ attributes: { first: 1, get second(): never { throw new Error('a getter'); } } }),
    'a nested getter': recordByHand({ body: { outer: [{ get inner(): never { throw new Error('a getter'); } }] } }),
    'too many values': recordByHand({ body: Array.from({ length: MAX_VALUES + 1 }, () => 1) }),
    'a graph that grows exponentially': recordByHand({ body: nested(60, (inner) => [inner, inner]) }),
    'too many bytes': recordByHand({ body: new Uint8Array(MAX_RECORD_BYTES) }),
    'no record': undefined as unknown as LogRecord,
    'a resource that throws': Object.defineProperty(recordByHand(), 'resource', { get: () => { throw new Error('resource'); } }),
    'another resource, which throws': recordByHand({ resource: { get attributes(): never { throw new Error('attributes'); } } }),
    'another scope, which throws': recordByHand({ instrumentationScope: { get name(): never { throw new Error('name'); } } }),
    'another scope and a getter': recordByHand({ instrumentationScope: { name: 'other' }, attributes: { get second(): never { throw new Error('a getter'); } } }),
  };

  it.each(Object.entries(hostile))('leave nothing behind: %s', (_name, bad) => {
    const good = [1, 2, 3].map((number) => recordByHand({ body: number }));
    const [one, two, three] = good as [LogRecord, LogRecord, LogRecord];
    encoder.begin();
    expect([bad, one, bad, two, bad, three, bad].map((record) => encoder.add(record))).toEqual([false, true, false, true, false, true, false]);
    expect(logRecordsOf(decodeLogsRequest(encoder.finish())).map((record) => record.body)).toEqual([{ intValue: 1n }, { intValue: 2n }, { intValue: 3n }]);
    encoder.begin();
    expect(encoder.add(bad)).toBe(false);
    expect(encoder.finish()).toHaveLength(0);
  });

  it('do not change the envelopes of their neighbours', () => {
    const resources = [resourceFromAttributes({ one: 1 }), resourceFromAttributes({ two: 2 })];
    const scopes = [{ name: 'a' }, { name: 'b' }];
    const anyRecord = fc.record({ resource: fc.constantFrom(...resources), instrumentationScope: fc.constantFrom(...scopes), body: fc.string(), isBad: fc.boolean() });
    fc.assert(
      fc.property(fc.array(anyRecord, { maxLength: 20 }), (specifications) => {
        const bad = new Set<LogRecord>();
        const records = specifications.map(({ isBad, ...fields }) => {
          const record = recordByHand(isBad ? { ...fields, attributes: { get hostile(): never { throw new Error('a getter'); } } } : fields);
          return isBad ? (bad.add(record), record) : record;
        });
        const ordered = orderByGroup(records);
        const { bytes, added } = encode(ordered);
        expect(added).toEqual(ordered.map((record) => !bad.has(record)));
        expect(decodeLogsRequest(bytes)).toEqual(decodeOurs(ordered.filter((record) => !bad.has(record))));
      }),
    );
  });

  it('are the only ones that are missing, whatever is in any field', () => {
    const { restore } = captureDiag();
    const fields = fc.record(
      {
        hrTime: anything, hrTimeObserved: anything, spanContext: anything, severityText: anything, severityNumber: anything, body: anything, eventName: anything,
        resource: anything, instrumentationScope: anything, attributes: anything, droppedAttributesCount: anything,
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.array(fields, { maxLength: 5 }), (list) => {
        const { bytes, added } = encode(list.map(recordByHand));
        expect(logRecordsOf(decodeLogsRequest(bytes))).toHaveLength(added.filter(Boolean).length);
      }),
      { numRuns: 500 },
    );
    restore();
  });
});

describe('nesting', () => {
  it.each([
    ['arrays', (inner: unknown) => [inner]],
    ['maps', (inner: unknown) => ({ inner })],
  ])('keeps %s 64 levels deep and empties the container below', (_name, wrap) => {
    const atLimit = nested(MAX_DEPTH, wrap);
    expect(unwrap(plainValue(decodeOne({ body: atLimit }).body ?? {}))).toEqual({ levels: 64, bottom: 'bottom' });
    const { levels, bottom } = unwrap(plainAttributes(decodeOne({ attributes: { deep: nested(MAX_DEPTH + 1, wrap) } }).attributes)['deep']);
    expect({ levels, bottom }).toEqual({ levels: 64, bottom: null });
  });

  it.each([100, 200, 20_000, 300_000])('has valid lengths around %i bytes, however deep', (size) => {
    for (const levels of [1, 3, 4, 5, 6, 20]) {
      const body = { array: nested(levels, (inner) => [inner, 'x'.repeat(size)]), map: nested(levels, (inner) => ({ inner, null: null })), bytes: nested(levels, () => [new Uint8Array(size)]) };
      const records = [recordByHand({ body })];
      expect(decodeOurs(records)).toEqual(decodeStock(records));
    }
  });

  it('empties what contains itself, where it does, however many ways lead back', () => {
    const circular: Record<string, unknown> = { name: 'kept' };
    Object.assign(circular, { self: circular, again: [circular], shared: {} });
    expect(plainValue(decodeOne({ body: circular }).body ?? {})).toEqual({ name: 'kept', self: null, again: [null], shared: {} });
  });

  it('writes an object that is there twice, but not inside itself, twice', () => {
    const shared = { a: 1 };
    expect(plainValue(decodeOne({ body: { one: shared, two: shared } }).body ?? {})).toEqual({ one: { a: 1 }, two: { a: 1 } });
  });

  it('takes as many values as the limit, for each record anew', () => {
    const body = Array.from({ length: MAX_VALUES }, (_, index) => index);
    expect(encode([recordByHand({ body }), recordByHand({ body })]).added).toEqual([true, true]);
  });
});

describe('envelopes', () => {
  it('are not there without a record', () => {
    encoder.begin();
    expect(encoder.finish()).toHaveLength(0);
  });

  it.each([10, 500, 20_000])('have a valid length around %i records', (count) => {
    const records = Array.from({ length: count }, (_, index) => recordByHand({ body: index }));
    expect(logRecordsOf(decodeOurs(records)).map(({ body }) => body)).toEqual(records.map(({ body }) => ({ intValue: BigInt(body as number) })));
  });

  it('read a resource and a scope that have settled once', () => {
    const reads = { resource: 0, scope: 0 };
    const resource = { get attributes(): object { reads.resource++; return { a: 1 }; } };
    const instrumentationScope = { get name(): string { reads.scope++; return 'name'; } };
    const records = [recordByHand({ resource, instrumentationScope })];
    const first = decodeOurs(records);
    expect(decodeOurs(records)).toEqual(first);
    expect(reads).toEqual({ resource: 1, scope: 1 });
  });

  it('hold what has settled of a resource, and all of it later', async () => {
    const { lines, restore } = captureDiag();
    const resource = resourceFromAttributes({ sync: 1, async: Promise.resolve('late') });
    const attributes = (): unknown => plainAttributes(decodeOurs([recordByHand({ resource })]).resourceLogs[0]?.resource.attributes ?? []);
    expect(attributes()).toEqual({ sync: 1 });
    await resource.waitForAsyncAttributes?.();
    expect(attributes()).toEqual({ sync: 1, async: 'late' });
    restore();
    expect(lines).toEqual([]);
  });
});

describe('memory', () => {
  it.each(['x', '€', '\ud83d'])('takes strings of 20 MB of %p', (character) => {
    const text = character.repeat(20_000_000 / Buffer.byteLength(character));
    const { body } = decodeOne({ body: text });
    expect((body as { stringValue: string }).stringValue === text.toWellFormed()).toBe(true);
  });

  it('grows in time, wherever in a record it ends', () => {
    const wide = { ['€'.repeat(30)]: '€'.repeat(20), list: ['€'.repeat(21), 'y'.repeat(20), 'x'.repeat(300), new Uint8Array(50), 2 ** 60, 0.1] };
    for (let filler = 64 * 1024 - 900; filler <= 64 * 1024; filler++) {
      const fresh = new LogsEncoder();
      fresh.begin();
      fresh.add(recordByHand({ body: 'x'.repeat(filler) }));
      fresh.add(recordByHand({ body: '€'.repeat(40), attributes: wide, severityText: '€'.repeat(20) }));
      const record = logRecordsOf(decodeLogsRequest(fresh.finish()))[1];
      expect(plainAttributes(record?.attributes ?? [])).toEqual({ ...wide, list: [...wide.list.slice(0, 3), '00'.repeat(50), 2n ** 60n, 0.1] });
      expect(record).toMatchObject({ body: { stringValue: '€'.repeat(40) }, severityText: '€'.repeat(20) });
    }
  });

  it('is used again by the next request if it is small', () => {
    const { buffer } = encode([recordByHand()]).bytes;
    expect(encode([recordByHand({ body: 'another' })]).bytes.buffer).toBe(buffer);
  });

  it('is given away with a huge request, and no more than 4 MiB is kept for the next', () => {
    const huge = encode([recordByHand({ body: new Uint8Array(2 * MAX_RETAINED_BYTES).fill(1) })]).bytes;
    expect(huge.buffer.byteLength).toBeGreaterThan(MAX_RETAINED_BYTES);
    const copy = Buffer.from(huge);
    const next = encode([recordByHand()]).bytes;
    expect(next.buffer.byteLength).toBeLessThanOrEqual(4 * 1024 * 1024);
    expect(copy.equals(huge)).toBe(true);
  });

  it('of keys ends where they are no names any more, and the records are right beyond', () => {
    const records = Array.from({ length: 10 }, (_, number) => {
      const keys = Array.from({ length: MAX_CACHED_KEYS / 4 }, (_key, index) => `key ${number}-${index} ${'é'.repeat(index)}`);
      return recordByHand({ attributes: Object.fromEntries(keys.map((key) => [key, key])) });
    });
    expect(decodeOurs(records)).toEqual(decodeStock(records));
  });
});
