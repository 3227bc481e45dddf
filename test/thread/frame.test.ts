import fc from 'fast-check';
import { JsonLogsSerializer, ProtobufLogsSerializer } from '@opentelemetry/otlp-transformer';
import { LogsEncoder } from '../../src/otlp/encode';
import { MAX_DEPTH, MAX_VALUES } from '../../src/otlp/nesting';
import type { LogRecord } from '../../src/record';
import { captureDiag } from '../support/capture-diag';
import { captureRecords, recordByHand } from '../support/captured-records';
import { anyEmittedRecord, anyProvider, anything } from '../support/otlp-arbitraries';
import { FrameRig, plainRecord } from './frame-rig';

const SPAN_CONTEXT = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', traceFlags: 1 };

// The second has room for a few strings, the last for nothing: then all of it goes into the frame.
const TABLES = [undefined, 2048, 0];

function firstOf(records: readonly LogRecord[]): LogRecord {
  return records[0] as LogRecord;
}

function nested(levels: number, wrap: (inner: unknown) => unknown): unknown {
  let value: unknown = 'bottom';
  for (let level = 0; level < levels; level++) {
    value = wrap(value);
  }
  return value;
}

describe('a record read from a frame equals the record of the SDK', () => {
  const values = {
    integers: [0, 1, -1, 2 ** 31 - 1, 2 ** 31, -(2 ** 31), -(2 ** 31) - 1, 2 ** 32, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER],
    doubles: [0.1, -1.5, -0, NaN, Infinity, -Infinity, 2 ** 63, 1e300, Number.MIN_VALUE],
    bigints: [0n, -1n, 2n ** 63n, -(2n ** 64n), 10n ** 40n],
    strings: ['', 'plain', 'x'.repeat(5000), 'é', '€'.repeat(50), '😀'.repeat(32), '\0"\\\n', '\ufeff', '\x7f\x80'],
    booleans: [true, false],
    nothing: [null, undefined],
    bytes: [new Uint8Array(), new Uint8Array(7).fill(255), new Uint8Array(8).fill(1), new Uint8Array(300).fill(7), Buffer.from('buffer')],
    arrays: [[], [1, 2], [0.5, 1], ['a', 'é'], [true, null, undefined, 1, 'mixed', [2n, [new Uint8Array(1)]]], new Array(3)],
    maps: [{}, { a: 1 }, { nested: { deeper: { list: [{ b: 'c' }] } }, '': '', 1: 'one' }],
  };

  it.each(Object.entries(values))('for %s as body, attribute, in arrays and in maps', (_name, list) => {
    const rig = new FrameRig();
    const map = Object.fromEntries(list.map((value, index) => [`key ${index}`, value]));
    const records = captureRecords([...(list as string[]).map((body) => ({ body })), { attributes: map } as never, { body: list as never }, { body: { map, list } as never }]);
    // What the SDK does not let through as an attribute.
    records.push(recordByHand({ attributes: map }));
    for (const record of records) {
      expect(plainRecord(rig.through(record))).toStrictEqual(plainRecord(record));
    }
  });

  it.each([
    ['nothing set', {}],
    ['severity', { severityNumber: 17, severityText: 'ERROR' }],
    ['an unspecified severity', { severityNumber: 0, severityText: '' }],
    ['a trace context', { spanContext: SPAN_CONTEXT }],
    ['a remote trace context', { spanContext: { ...SPAN_CONTEXT, isRemote: true } }],
    ['an event name', { eventName: 'user.login' }],
    ['a very long event name', { eventName: 'é'.repeat(1000), severityText: 'x'.repeat(1000) }],
    ['an exception', { exception: new RangeError('out of range') }],
    ['times', { timestamp: [1_700_000_000, 999_999_999] as [number, number], observedTimestamp: new Date(0) }],
    ['more attributes than the SDK takes', { attributes: Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`key${index}`, index])) }],
  ])('for %s', (_name, emitted) => {
    const { restore } = captureDiag();
    const scope: Parameters<typeof captureRecords>[1] = { resourceSchemaUrl: 'https://example.test/resource', scope: ['scope', undefined, { schemaUrl: 'https://example.test/scope', attributes: { a: 1 } }] };
    const record = firstOf(captureRecords([emitted], scope));
    restore();
    for (const tableBytes of TABLES) {
      const read = new FrameRig({ tableBytes: tableBytes as number }).through(record);
      expect(plainRecord(read)).toStrictEqual(plainRecord(record));
      expect(ProtobufLogsSerializer.serializeRequest([read])).toEqual(ProtobufLogsSerializer.serializeRequest([record]));
      expect(JsonLogsSerializer.serializeRequest([read])).toEqual(JsonLogsSerializer.serializeRequest([record]));
    }
  });

  it.each(TABLES)('for whatever an application gives to the SDK (table of %s bytes)', (tableBytes) => {
    const { restore } = captureDiag();
    const shared = new FrameRig({ tableBytes: tableBytes as number });
    fc.assert(
      fc.property(fc.array(anyEmittedRecord, { minLength: 1, maxLength: 4 }), anyProvider, fc.nat(100), (emitted, provider, slot) => {
        for (const record of captureRecords(emitted, provider)) {
          const read = shared.through(record, slot * 8);
          expect(plainRecord(read)).toStrictEqual(plainRecord(record));
          expect(Object.keys(read).filter((key) => read[key as keyof LogRecord] === undefined)).toEqual([]);
        }
      }),
      { numRuns: 150 },
    );
    restore();
  });

  it.each(TABLES)('and a record made by hand becomes the OTLP it would have become, or is refused where the encoder refuses it (table of %s bytes)', (tableBytes) => {
    const shared = new FrameRig({ tableBytes: tableBytes as number });
    const fields = ['hrTime', 'hrTimeObserved', 'spanContext', 'severityText', 'severityNumber', 'body', 'eventName', 'resource', 'instrumentationScope', 'attributes', 'droppedAttributesCount'];
    const outcomes = { sent: 0, refused: 0 };
    fc.assert(
      fc.property(fc.record(Object.fromEntries(fields.map((field) => [field, anything])), { requiredKeys: [] }), (given) => {
        fc.pre(!hasCollidingKeys(given));
        const record = recordByHand(given);
        const length = shared.writer.write(record, 64, shared.bytes.length);
        const expected = encode(record);
        expect(length).not.toBe(0);
        expect(length > 0 ? encode(shared.reader.read(shared.bytes, 64, length)) : undefined).toEqual(expected);
        outcomes[expected === undefined ? 'refused' : 'sent']++;
      }),
      { numRuns: 500 },
    );
    expect(outcomes.sent).toBeGreaterThan(100);
    expect(outcomes.refused).toBeGreaterThan(10);
  });

  function encode(record: LogRecord): Uint8Array | undefined {
    const encoder = new LogsEncoder();
    encoder.begin();
    // An empty body and an unset one are the same to a backend.
    const hasBody = typeof record.body !== 'function' && typeof record.body !== 'symbol';
    return encoder.add(hasBody ? record : { ...record, body: undefined }) ? encoder.finish() : undefined;
  }

  /** An object cannot have two keys that differ only in lone surrogates. */
  function hasCollidingKeys(value: unknown): boolean {
    if (typeof value !== 'object' || value === null) {
      return false;
    }
    try {
      const keys = Object.keys(value);
      return new Set(keys.map((key) => key.toWellFormed())).size < keys.length || Object.values(value).some(hasCollidingKeys);
    } catch {
      return false;
    }
  }
});

describe('what has no form of its own', () => {
  const rig = new FrameRig();

  it('has no key in the read record where it is unset', () => {
    expect(Object.keys(rig.through(recordByHand()))).toEqual(['hrTime', 'hrTimeObserved', 'resource', 'instrumentationScope', 'attributes', 'droppedAttributesCount']);
  });

  it('functions and symbols become undefined and keep their key', () => {
    expect(rig.through(recordByHand({ attributes: { a: () => 1, b: Symbol('b'), c: [() => 1] }, body: () => 1 }))).toMatchObject({ attributes: { a: undefined, b: undefined, c: [undefined] } });
  });

  it('a cycle is cut where it closes', () => {
    const cycle: Record<string, unknown> = { name: 'loop', list: [] };
    cycle['self'] = cycle;
    (cycle['list'] as unknown[]).push(cycle);
    expect(rig.through(recordByHand({ body: cycle })).body).toEqual({ name: 'loop', self: undefined, list: [undefined] });
  });

  it.each([
    ['arrays', (inner: unknown) => [inner]],
    ['maps', (inner: unknown) => ({ inner })],
  ])('%s are cut below the level that the encoders cut at', (_name, wrap) => {
    expect(rig.through(recordByHand({ body: nested(MAX_DEPTH, wrap) })).body).toEqual(nested(MAX_DEPTH, wrap));
    expect(JSON.stringify(rig.through(recordByHand({ body: nested(MAX_DEPTH + 1, wrap) })).body)).not.toContain('bottom');
  });

  it('fields of a wrong type are unset or empty, and the record is not lost for them', () => {
    const hostile = { hrTime: 'now', hrTimeObserved: [1, '2'], severityNumber: 'INFO', severityText: 5, eventName: {}, droppedAttributesCount: -1, spanContext: { traceId: 5, traceFlags: 'x' }, attributes: 7 };
    const read = rig.through(recordByHand({ ...hostile, resource: undefined, instrumentationScope: null }));
    expect(plainRecord(read)).toEqual({
      hrTime: [0, 0],
      hrTimeObserved: [0, 0],
      severityText: '5',
      spanContext: { traceId: '', spanId: '', traceFlags: 0 },
      attributes: {},
      droppedAttributesCount: 0,
      resource: { attributes: {}, asyncAttributesPending: false },
      instrumentationScope: { name: '' },
    });
  });

  it('a key named __proto__ is a key', () => {
    const attributes = JSON.parse('{"__proto__": {"polluted": true}, "a": 1}') as object;
    const read = rig.through(recordByHand({ attributes })).attributes;
    expect(Object.entries(read)).toEqual([['__proto__', { polluted: true }], ['a', 1]]);
    expect(Object.getPrototypeOf(read)).toBe(Object.prototype);
  });
});

describe('a record that has no valid form', () => {
  it.each([
    ['a getter of the record throws', { get body(): never { throw new Error('no body'); } }],
    ['a getter of the body throws', { body: { get value(): never { throw new Error('no value'); } } }],
    ['its values are too many', { body: new Array(MAX_VALUES + 1).fill(0) }],
    ['its values are too many along many paths', { body: nested(30, (inner) => ({ left: inner, right: inner })) }],
    ['its text is longer than a string can be', { body: new Array(30).fill('x'.repeat(2 ** 25)) }],
  ])('is refused with -1 when %s, and the next one is written', (_name, fields) => {
    const rig = new FrameRig({ dataBytes: 4 * 1024 * 1024 });
    const record = recordByHand();
    Object.defineProperties(record, Object.getOwnPropertyDescriptors(fields));
    expect(rig.writer.write(record, 0, rig.bytes.length)).toBe(-1);
    expect(rig.through(recordByHand({ body: 'next' })).body).toBe('next');
  });

  it('is one that a getter of another record logs: that one is whole', () => {
    const rig = new FrameRig();
    const inner: number[] = [];
    const body = {
      first: 'first',
      get second(): string {
        inner.push(rig.writer.write(recordByHand({ body: 'inner' }), 0, rig.bytes.length));
        return 'second';
      },
    };
    expect(rig.through(recordByHand({ body })).body).toEqual({ first: 'first', second: 'second' });
    expect(inner).toEqual([-1]);
  });
});

describe('the values are those at emit', () => {
  it('whatever happens to body, bytes and attributes afterwards', () => {
    const rig = new FrameRig();
    const record = recordByHand({ body: { list: [1], bytes: new Uint8Array([1]) }, attributes: { list: ['a'] } });
    const length = rig.writer.write(record, 0, rig.bytes.length);
    const expected = { body: { list: [1], bytes: new Uint8Array([1]) }, attributes: { list: ['a'] } };
    (record.body as { list: number[] }).list.push(2);
    (record.body as { bytes: Uint8Array }).bytes[0] = 2;
    (record.attributes['list'] as string[]).push('b');
    const read = rig.reader.read(rig.bytes, 0, length);
    rig.bytes.fill(0);
    expect(read).toMatchObject(expected);
  });
});

describe('the limit', () => {
  const WATERMARK = 0xaa;
  const record = firstOf(
    captureRecords([
      {
        body: { text: 'é€😀', list: [1, 0.5, null], bytes: new Uint8Array(11), big: 2n ** 70n as unknown as string },
        attributes: { key: 'value', number: 0.25, 'a key': ['x', 'y'] },
        severityText: 'INFO',
        eventName: 'event',
        spanContext: SPAN_CONTEXT,
      },
    ]),
  );

  it.each(TABLES)('is respected wherever it is: 0 for every one that is too small, and not a byte beyond (table of %s bytes)', (tableBytes) => {
    const rig = new FrameRig({ tableBytes: tableBytes as number, dataBytes: 4096 });
    const offset = 1024;
    // Once, so that the table has all it takes.
    const needed = rig.writer.write(record, offset, rig.bytes.length);
    expect(needed).toBeGreaterThan(100);
    for (let limit = offset; limit <= offset + needed; limit++) {
      rig.bytes.fill(WATERMARK);
      expect(rig.writer.write(record, offset, limit)).toBe(limit === offset + needed ? needed : 0);
      expect(rig.bytes.subarray(0, offset).every((byte) => byte === WATERMARK)).toBe(true);
      expect(rig.bytes.subarray(limit).every((byte) => byte === WATERMARK)).toBe(true);
    }
    expect(plainRecord(rig.reader.read(rig.bytes, offset, needed))).toStrictEqual(plainRecord(record));
  });

  it('is respected for any record, and the frame that fits exactly is whole', () => {
    const { restore } = captureDiag();
    const rig = new FrameRig({ dataBytes: 256 * 1024 });
    fc.assert(
      fc.property(anyEmittedRecord, fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), (emitted, share) => {
        const written = firstOf(captureRecords([emitted]));
        const needed = rig.writer.write(written, 8, rig.bytes.length);
        expect(needed % 8).toBe(0);
        rig.bytes.fill(WATERMARK);
        const limit = 8 + Math.floor(needed * share);
        expect(rig.writer.write(written, 8, limit)).toBe(0);
        expect(rig.bytes.subarray(limit).every((byte) => byte === WATERMARK)).toBe(true);
        expect(rig.writer.write(written, 8, 8 + needed)).toBe(needed);
        expect(rig.bytes.subarray(8 + needed).every((byte) => byte === WATERMARK)).toBe(true);
        expect(plainRecord(rig.reader.read(rig.bytes, 8, needed))).toStrictEqual(plainRecord(written));
      }),
      { numRuns: 100 },
    );
    restore();
  });
});

describe('strings', () => {
  it('that end and begin with halves of a surrogate pair stay apart, each well-formed, and shift no other', () => {
    const rig = new FrameRig();
    const parts = ['a\ud83d', '\ude00b', '\ud83d', '\ude00', '\ud83d\ude00', '\ude00\ud83d', '€', 'plain', ''];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...parts), { maxLength: 12 }), fc.constantFrom(...parts), fc.constantFrom(...parts), (list, severityText, eventName) => {
        const attributes = Object.fromEntries(list.map((value, index) => [`${index}`, value]));
        const record = recordByHand({ body: list, severityText, eventName, attributes });
        const read = rig.through(record);
        expect(plainRecord(read)).toStrictEqual(plainRecord(record));
        expect((read.body as string[]).every((text) => text.isWellFormed())).toBe(true);
      }),
    );
  });

  it.each(TABLES)('as keys are made well-formed as well (table of %s bytes)', (tableBytes) => {
    const rig = new FrameRig({ tableBytes: tableBytes as number });
    expect(rig.through(recordByHand({ attributes: { 'a\ud83d': '\ude00', '\ude00b': '\ud83d' }, body: { '\ud83d': 1 } }))).toMatchObject({
      attributes: { 'a\ufffd': '\ufffd', '\ufffdb': '\ufffd' },
      body: { '\ufffd': 1 },
    });
  });

  it.each(['x', 'é', '€', '😀'])('of 20 MB cross whole, made of %s', (character) => {
    const units = (20 * 1024 * 1024) / Buffer.byteLength(character);
    const body = character.repeat(units);
    const rig = new FrameRig({ dataBytes: 20 * 1024 * 1024 + 1024 });
    const read = rig.through(recordByHand({ body, attributes: { after: 'it' } }));
    // Not `toBe`: it would print them.
    expect(read.body === body).toBe(true);
    expect(read.attributes).toEqual({ after: 'it' });
    // One byte less than the text alone takes.
    expect(rig.writer.write(recordByHand({ body }), 0, 20 * 1024 * 1024 - 1)).toBe(0);
  });
});

describe('a copy taken out of the ring', () => {
  const records = captureRecords(Array.from({ length: 50 }, (_, index) => ({ body: `record ${index} é`, attributes: { index, half: index / 2 }, severityText: 'INFO', spanContext: SPAN_CONTEXT })));

  it.each([
    ['of its own memory', (bytes: Uint8Array) => Uint8Array.from(bytes)],
    ['of a pooled buffer at any address', (bytes: Uint8Array) => Buffer.concat([Buffer.from('1'), bytes]).subarray(1)],
  ])('%s reads like the ring', (_name, copy) => {
    const rig = new FrameRig();
    const frames: [offset: number, length: number][] = [];
    let position = 512;
    for (const record of records) {
      const length = rig.writer.write(record, position, rig.bytes.length);
      frames.push([position - 512, length]);
      position += length;
    }
    const piece = copy(rig.bytes.subarray(512, position));
    rig.bytes.fill(0);
    expect(frames.map(([offset, length]) => plainRecord(rig.reader.read(piece, offset, length)))).toStrictEqual(records.map(plainRecord));
  });
});
