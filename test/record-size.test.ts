import { LogsEncoder } from '../src/otlp/encode';
import { estimateRecordBytes } from '../src/record-size';
import type { LogRecord } from '../src/record';
import { makeRecord } from './support/records';

function encodedBytes(record: LogRecord): number {
  const encoder = new LogsEncoder();
  const sizes = [1, 2].map((count) => {
    encoder.begin();
    for (let index = 0; index < count; index++) {
      encoder.add(record);
    }
    return encoder.finish().byteLength;
  });
  return (sizes[1] as number) - (sizes[0] as number);
}

const shapes: [string, Partial<LogRecord>][] = [
  ['a short body', { body: 'request completed' }],
  ['a long body', { body: 'x'.repeat(100_000) }],
  ['an object body', { body: { user: { name: 'n'.repeat(500), roles: ['admin', 'user'] }, took: 1.5 } }],
  ['many attributes', { attributes: Object.fromEntries(Array.from({ length: 128 }, (_, index) => [`attribute.${index}`, 'value '.repeat(5)])) }],
  ['a byte array', { attributes: { bytes: new Uint8Array(5000) } }],
  ['a long array of strings', { attributes: { list: Array.from({ length: 20_000 }, () => 'twenty characters...') } }],
];

test.each(shapes)('the estimate for %s is within half and double of the encoded size', (_name, overrides) => {
  const record = makeRecord(1, overrides);
  const estimate = estimateRecordBytes(record);
  const actual = encodedBytes(record);
  expect(estimate).toBeGreaterThan(actual / 2);
  expect(estimate).toBeLessThan(actual * 2 + 100);
});

test('every part of a record that grows makes the estimate grow', () => {
  const size = (overrides: Partial<LogRecord>): number => estimateRecordBytes(makeRecord(1, overrides));
  const text = 'x'.repeat(1000);
  for (const overrides of [
    { body: text },
    { severityText: text },
    { eventName: text },
    { attributes: { [text]: 1 } },
    { attributes: { key: text } },
    { attributes: { key: [text] } },
    { attributes: { key: { inner: { [text]: null } } } },
  ]) {
    expect(size(overrides)).toBeGreaterThanOrEqual(size({ body: '', attributes: {}, severityText: '' }) + 1000);
  }
});

test('values that contain themselves end within a bound of visited containers', () => {
  let reads = 0;
  const twice: Record<string, unknown> = {};
  for (const key of ['left', 'right']) {
    Object.defineProperty(twice, key, {
      enumerable: true,
      get: () => {
        reads++;
        return twice;
      },
    });
  }
  expect(estimateRecordBytes(makeRecord(1, { body: twice as never, attributes: { twice: twice as never } }))).toBeGreaterThan(0);
  // Two for each of 10,000 containers.
  expect(reads).toBeLessThanOrEqual(20_000);
});

test('a long array is read only at its beginning', () => {
  let reads = 0;
  const list = new Proxy(new Array<string>(1_000_000).fill('abcd'), {
    get: (target, key) => {
      reads++;
      return Reflect.get(target, key) as unknown;
    },
  });
  expect(estimateRecordBytes(makeRecord(1, { body: list }))).toBeGreaterThan(4_000_000);
  expect(reads).toBeLessThan(2_000);
});

test('nesting is followed 64 levels deep', () => {
  let deep: Record<string, unknown> = { text: 'x'.repeat(1_000_000) };
  for (let level = 0; level < 100_000; level++) {
    deep = { deep };
  }
  expect(estimateRecordBytes(makeRecord(1, { body: deep as never }))).toBeLessThan(10_000);
});

test('wrong types and throwing getters of any field give a number', () => {
  const throwing = {
    get bad(): never {
      throw new Error('getter');
    },
  };
  const records: unknown[] = [
    {},
    undefined,
    makeRecord(1, { body: throwing }),
    makeRecord(1, { attributes: throwing }),
    makeRecord(1, { body: Symbol('s') as never, attributes: 'text' as never }),
    makeRecord(1, { body: 10n as never, attributes: { f: (() => 1) as never, n: null, u: undefined } }),
    makeRecord(1, { severityText: 5 as never, eventName: {} as never, attributes: undefined as never }),
    Object.defineProperty({}, 'attributes', { get: () => { throw new Error('getter'); } }),
  ];
  for (const record of records) {
    const estimate = estimateRecordBytes(record as LogRecord);
    expect(Number.isFinite(estimate) && estimate > 0).toBe(true);
  }
});
