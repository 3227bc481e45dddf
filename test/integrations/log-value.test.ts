import fc from 'fast-check';
import { isPlainObject, toLogValue } from '../../src/integrations/log-value';
import { endRigs, makeRecordRig } from '../support/record-rig';

afterEach(endRigs);

class Money {
  constructor(readonly amount: number) {}
}

it.each<[string, unknown, unknown]>([
  ['a string', 'text', 'text'],
  ['null', null, null],
  ['a small bigint', 12n, 12],
  ['a large bigint', 2n ** 70n + 1n, '1180591620717411303425'],
  ['a symbol', Symbol('s'), 'Symbol(s)'],
  ['a function', function named() {}, '[Function: named]'],
  ['a date', new Date(0), '1970-01-01T00:00:00.000Z'],
  ['no date', new Date(NaN), 'Invalid Date'],
  ['a map', new Map<unknown, unknown>([['a', 1], [2, new Set([3])]]), { a: 1, 2: [3] }],
  ['an instance of a class', { price: new Money(3) }, { price: { amount: 3 } }],
  ['toJSON', { toJSON: () => ({ at: new Date(0) }) }, { at: '1970-01-01T00:00:00.000Z' }],
  ['bytes', Buffer.from('ab'), Buffer.from('ab')],
  ['a getter that throws', { ok: 1, inner: { get bad(): never { throw new Error('no'); } } }, { ok: 1, inner: { bad: '[Unreadable]' } }],
  ['toJSON that throws', { ok: 1, inner: { toJSON: () => { throw new Error('no'); } } }, { ok: 1, inner: '[Unreadable]' }],
  ['a key __proto__', JSON.parse('{"__proto__":{"x":1}}'), JSON.parse('{"__proto__":{"x":1}}')],
])('%s', (_, value, expected) => {
  expect(toLogValue(value)).toStrictEqual(expected);
});

it('a cycle is named, and what is there twice is there twice', () => {
  const shared = { a: 1 };
  const cyclic: Record<string, unknown> = { shared, again: shared };
  cyclic['self'] = cyclic;
  expect(toLogValue(cyclic)).toEqual({ shared, again: shared, self: '[Circular]' });
});

it('an error has its plain fields, and not the request with the credentials that HTTP clients hang on it', () => {
  const error = Object.assign(new TypeError('failed'), { code: 'E_HTTP', config: { headers: { authorization: 's3cret' } } });
  const value = toLogValue({ error }) as { error: Record<string, unknown> };
  expect(value.error).toMatchObject({ name: 'TypeError', message: 'failed', code: 'E_HTTP', stack: error.stack });
  expect(value.error).not.toHaveProperty('config');
});

it('is bounded in depth and in number', () => {
  const deep: unknown[] = [];
  let inner = deep;
  for (let level = 0; level < 100; level++) {
    const next: unknown[] = [];
    inner.push(next);
    inner = next;
  }
  expect(JSON.stringify(toLogValue(deep))).toBe('[[[[[[[["[Truncated]"]]]]]]]]');
  const wide = Array.from({ length: 100_000 }, (_, index) => index);
  expect((toLogValue({ a: wide, b: wide }) as { a: unknown[] }).a.length).toBeLessThan(10_001);
  let reads = 0;
  const read = (): number => reads++;
  const many = Object.fromEntries(wide.map((index) => [`key${index}`, 0]));
  for (const key of wide.slice(20_000)) {
    Object.defineProperty(many, `key${key}`, { enumerable: true, get: read });
  }
  toLogValue(many);
  expect(reads).toBe(0);
});

it('whatever it is given: it does not throw, and the SDK takes the value as an attribute', async () => {
  const rig = makeRecordRig();
  const logger = rig.provider.getLogger('test');
  let count = 0;
  fc.assert(
    fc.property(fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withNullPrototype: true, withSparseArray: true, withTypedArray: true }), (value) => {
      // SDK 3.x leaves an attribute out that is undefined.
      fc.pre(value !== undefined);
      logger.emit({ attributes: { value: toLogValue(value) } });
      count++;
    }),
  );
  const emitted = await rig.records();
  expect(emitted).toHaveLength(count);
  expect(emitted.filter(({ attributes }) => !('value' in attributes))).toEqual([]);
});

it('plain are object literals', () => {
  expect([{}, Object.create(null) as unknown, [], new Money(1), new Date(), null, 'x'].map((value) => isPlainObject(value))).toEqual([true, true, false, false, false, false, false]);
});
