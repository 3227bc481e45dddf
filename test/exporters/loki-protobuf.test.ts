import fc from 'fast-check';
import { uncompress } from 'snappyjs';
import { LokiJsonPush } from '../../src/exporters/loki-json';
import { labelText } from '../../src/exporters/loki-label-text';
import { LokiMapping, type LokiMappingOptions } from '../../src/exporters/loki-mapping';
import { LokiProtobufPush } from '../../src/exporters/loki-protobuf';
import type { LokiPush } from '../../src/exporters/loki-push';
import { snappyLiteralHead } from '../../src/exporters/snappy';
import type { LogRecord } from '../../src/record';
import { decodePush, type DecodedStream } from '../support/loki-decode';
import { lokiRecord, lokiText } from '../support/loki-arbitraries';
import { makeRecord, range } from '../support/records';

const OPTIONS: LokiMappingOptions = { labels: {}, indexAttributes: ['service.name', 'service.namespace'], maxLineBytes: 262_144, detectedLevel: true };

function resourceOf(attributes: Record<string, unknown>): LogRecord['resource'] {
  return { attributes, getRawAttributes: () => Object.entries(attributes) } as unknown as LogRecord['resource'];
}

function bodiesOf(records: readonly LogRecord[], push: LokiPush, mapping = new LokiMapping(OPTIONS, () => undefined)): ReturnType<LokiPush['finish']> {
  mapping.startBatch();
  for (const record of records) {
    mapping.write(record, push);
  }
  return push.finish();
}

const protobufStreams = (bytes: Uint8Array): DecodedStream[] => decodePush({ 'content-type': 'application/x-protobuf' }, Buffer.from(bytes));
const jsonStreams = (bytes: Uint8Array): DecodedStream[] => decodePush({ 'content-type': 'application/json' }, Buffer.from(bytes));
const contentOf = (streams: readonly DecodedStream[]): unknown => streams.map(({ labels, values }) => [Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)), values]);

describe('protobuf', () => {
  it('carries what JSON carries: the same streams, entries, structured metadata and times', () => {
    const label = fc.oneof(lokiText, fc.string({ unit: 'binary', minLength: 1 }), fc.constantFrom('\ufeff', '\u2028', '\x00', '\u200d', '\u{e0001}', '\\n', '"', 'a\nb'));
    const labelled = fc.tuple(lokiRecord, fc.option(label)).map(([record, value]) => (value === null ? record : { ...record, resource: resourceOf({ 'service.name': value, 'service.namespace': value, 'host.name': value }) }));
    fc.assert(
      fc.property(fc.array(labelled, { minLength: 1, maxLength: 8 }), (records) => {
        const mapping = new LokiMapping(OPTIONS, () => undefined);
        const [json, protobuf] = [new LokiJsonPush(), new LokiProtobufPush()];
        const isWritten = (record: LogRecord, push: LokiPush): boolean => {
          try {
            mapping.write(record, push);
            return true;
          } catch {
            return false;
          }
        };
        for (const record of records) {
          expect(isWritten(record, protobuf)).toBe(isWritten(record, json));
        }
        const [jsonBodies, protobufBodies] = [json.finish(), protobuf.finish()];
        expect(contentOf(protobufBodies.flatMap(({ bytes }) => protobufStreams(bytes)))).toEqual(contentOf(jsonBodies.flatMap(({ bytes }) => jsonStreams(bytes))));
        expect(protobufBodies.map((body) => body.records)).toEqual(jsonBodies.map((body) => body.records));
      }),
      { numRuns: 120 },
    );
  });

  it.each([0, 1, 99, 100, 101, 127, 128, 129, 16_380, 16_384, 70_000, 262_144])('keeps a line and a value of %d characters, of one byte or three each', (length) => {
    for (const character of ['x', '€']) {
      const text = character.repeat(Math.min(length, character === 'x' ? 60_000 : 20_000));
      const line = character.repeat(character === 'x' ? length : Math.floor(length / 3));
      const [body] = bodiesOf([makeRecord(1, { body: line, attributes: { text } }), makeRecord(2)], new LokiProtobufPush());
      const [stream] = protobufStreams(body?.bytes as Uint8Array);
      expect(stream?.values.map((entry) => entry.line)).toEqual([line, 'record 2']);
      expect(stream?.values[0]?.metadata.find(([name]) => name === 'text')?.[1] ?? '').toBe(text);
    }
  });

  it.each([
    [[1_700_000_000, 123_456_789], 1_700_000_000_123_456_789n],
    [[1_700_000_000, 0], 1_700_000_000_000_000_000n],
    [[0, 7], 7n],
    [[1, 0], 1_000_000_000n],
    [[9_223_372_036, 854_775_807], 2n ** 63n - 1n],
  ])('has the time %j to the nanosecond', (hrTime, timestamp) => {
    const [body] = bodiesOf([makeRecord(1, { hrTime: hrTime as [number, number] })], new LokiProtobufPush());
    expect(protobufStreams(body?.bytes as Uint8Array)[0]?.values[0]?.timestamp).toBe(timestamp);
  });

  it('is one push for each set of labels, in the order of the records, whatever their scopes', () => {
    const records = range(0, 9).map((seq) => makeRecord(seq, { resource: resourceOf({ 'service.name': 'aba'[seq % 3] }), instrumentationScope: { name: `scope ${seq % 2}` } }));
    const bodies = bodiesOf(records, new LokiProtobufPush());
    expect(bodies.flatMap(({ bytes }) => protobufStreams(bytes)).map(({ labels, values }) => [labels, values.map(({ line }) => line.slice(-1)).join('')])).toEqual([
      [{ service_name: 'a' }, '023568'],
      [{ service_name: 'b' }, '147'],
    ]);
    expect(bodies.map((body) => body.records)).toEqual([6, 3]);
    expect(new LokiProtobufPush().finish()).toEqual([]);
  });
});

describe.each([
  ['json', () => new LokiJsonPush(), jsonStreams],
  ['protobuf', () => new LokiProtobufPush(), protobufStreams],
] as const)('a push of %s', (_name, newPush, streamsOf) => {
  const MESSAGE_BYTES = 4 * 1024 * 1024;

  it('is split before it is larger than what Loki can take, and keeps every record', () => {
    const records = range(0, 100).map((seq) => makeRecord(seq, { body: `${seq} ${'€'.repeat(40_000)}`, resource: resourceOf({ 'service.name': 'shop' }) }));
    const bodies = bodiesOf(records, newPush());
    expect(bodies.map((body) => body.records).reduce((a, b) => a + b)).toBe(100);
    expect(bodies.length).toBeGreaterThan(2);
    expect(bodies.length).toBeLessThan(6);
    expect(bodies.every(({ bytes }) => bytes.length < MESSAGE_BYTES - 262_144)).toBe(true);
    const lines = bodies.flatMap(({ bytes }) => streamsOf(bytes)).flatMap(({ values }) => values).map(({ line }) => parseInt(line, 10));
    expect(lines).toEqual(range(0, 100));
  });

  it('of tiny records leaves room for what Loki adds to each of them', () => {
    const tiny = { hrTime: [1_700_000_000, 5], body: 'x', attributes: {} } as unknown as LogRecord;
    const bodies = bodiesOf(new Array<LogRecord>(200_000).fill(tiny), newPush());
    expect(bodies.map((body) => body.records).reduce((a, b) => a + b)).toBe(200_000);
    // Time, line and the detected level, with their tags and lengths, as protobuf.
    const messageBytes = 2 + 13 + 3 + 30;
    for (const { records } of bodies) {
      expect(records * messageBytes).toBeLessThan(MESSAGE_BYTES);
    }
  });
});

describe('the labels of a stream as text', () => {
  it.each([
    [{}, '{}'],
    [{ b: '1', a: '2', _c: '3', B: '4' }, '{B="4", _c="3", a="2", b="1"}'],
    [{ a: 'back\\slash "quoted"' }, '{a="back\\\\slash \\"quoted\\""}'],
    [{ a: 'line\nbreak\ttab\u0000nul\u007fdel\u0085' }, '{a="line\\u000abreak\\u0009tab\\u0000nul\\u007fdel\\u0085"}'],
    [{ a: 'é 日本 😀 {x="y"}' }, '{a="é 日本 😀 {x=\\"y\\"}"}'],
    [{ a: '\u2028\ufeff\u00a0\u{e0001}' }, '{a="\\u2028\\ufeff\\u00a0\\U000e0001"}'],
    [{ a: 'lone \ud800' }, '{a="lone \ufffd"}'],
  ])('%j', (labels, text) => {
    expect(labelText(Object.entries(labels))).toBe(text);
  });
});

test.each([1, 2, 127, 128, 255, 256, 16_383, 16_384, 65_536, 3_000_000])('a block of Snappy with a literal of %d bytes is what was put into it', (length) => {
  const bytes = Buffer.alloc(length, 'abc');
  expect(Buffer.from(uncompress(Buffer.concat([snappyLiteralHead(length), bytes]))).equals(bytes)).toBe(true);
});

test('a body that is no block of Snappy is refused by the fake as by Loki', () => {
  const [body] = bodiesOf([makeRecord(1)], new LokiProtobufPush());
  expect(() => protobufStreams((body?.bytes as Uint8Array).subarray(10))).toThrow('snappy: corrupt input');
});
