import { inspect } from 'node:util';
import fc from 'fast-check';
import type { EmittedRecord, ProviderOptions } from './captured-records';

// Every width of UTF-8, what JSON escapes, and both halves of a surrogate pair without the other.
const CHARACTERS = ['a', '"', '\\', '\n', '\0', '\x7f', 'é', '€', '\u2028', '\ufeff', '😀', '\ud83d', '\ude00'];

// Around the ends of the fast ways and of the widths of a length.
const LENGTHS = [0, 1, 19, 20, 21, 31, 32, 42, 43, 63, 64, 65, 124, 125, 126, 127, 128, 129, 5_461, 5_462, 16_378, 16_380, 16_382, 16_384];

export const anyString: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: fc.string() },
  { weight: 4, arbitrary: fc.array(fc.constantFrom(...CHARACTERS), { maxLength: 50 }).map((parts) => parts.join('')) },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom(...CHARACTERS), fc.constantFrom(...LENGTHS)).map(([character, length]) => character.repeat(length)) },
);

export const anyNumber: fc.Arbitrary<number> = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.constantFrom(0, -0, 127, 128, 16_383, 16_384, 2 ** 31, 2 ** 32, 2 ** 53, 2 ** 62, 2 ** 63, 2 ** 63 - 1024, -(2 ** 31) - 1, -(2 ** 32), -(2 ** 63), -(2 ** 63) - 2048, 1e20, 1e300),
  fc.constantFrom(NaN, Infinity, -Infinity, 0.1, Number.MIN_VALUE),
);

/** Everything that has a form of its own in OTLP, and undefined. */
export const anyValue: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    anyString,
    anyNumber,
    fc.boolean(),
    fc.constantFrom(null, undefined),
    fc.uint8Array({ maxLength: 200 }),
    fc.array(tie('value'), { maxLength: 6 }),
    fc.dictionary(anyString, tie('value'), { maxKeys: 6, noNullPrototype: true }),
  ),
})).value;

const hexId = (digits: number): fc.Arbitrary<string> =>
  fc.array(fc.constantFrom(...'0123456789abcdef'), { minLength: digits, maxLength: digits }).map((hex) => hex.join('')).filter((hex) => /[^0]/.test(hex));

export const anyAttributes = fc.dictionary(anyString, anyValue, { maxKeys: 12, noNullPrototype: true });

/** What an application gives to `Logger.emit`. */
export const anyEmittedRecord = fc.record(
  {
    timestamp: fc.tuple(fc.integer({ min: 0, max: 18_446_744_072 }), fc.integer({ min: 0, max: 999_999_999 })),
    observedTimestamp: fc.date({ min: new Date(0), max: new Date(1e13), noInvalidDate: true }),
    severityNumber: fc.integer({ min: 0, max: 24 }),
    severityText: anyString,
    body: anyValue,
    eventName: anyString,
    attributes: anyAttributes,
    spanContext: fc.record({ traceId: hexId(32), spanId: hexId(16), traceFlags: fc.integer({ min: 0, max: 255 }) }),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<EmittedRecord>;

// The SDK itself throws, in getLogger, on attributes of a scope with a key of this name.
const anyScopeAttributes = anyAttributes.filter((attributes) => !inspect(attributes, { depth: Infinity }).includes('__proto__'));

export const anyProvider = fc.record(
  {
    resource: fc.dictionary(anyString, fc.oneof(anyString, anyNumber, fc.boolean(), fc.array(anyString, { maxLength: 3 })), { maxKeys: 5, noNullPrototype: true }),
    resourceSchemaUrl: fc.constantFrom('', 'https://opentelemetry.io/schemas/1.30.0'),
    scope: fc.tuple(
      anyString.filter((name) => name !== ''),
      fc.option(anyString, { nil: undefined }),
      fc.record({ schemaUrl: fc.constantFrom('', 'https://opentelemetry.io/schemas/1.31.0'), attributes: anyScopeAttributes }, { requiredKeys: [] }),
    ),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<ProviderOptions>;

/** What no type checker would let through, in any field. */
export const anything = fc.oneof(
  fc.anything({ withBigInt: true, withBoxedValues: true, withDate: true, withMap: true, withSet: true, withNullPrototype: true, withObjectString: true, withTypedArray: true, withSparseArray: true }),
  anyValue,
  fc.constantFrom<unknown[]>(
    () => 'a function',
    Symbol('a symbol'),
    10n ** 40n,
    -(2n ** 63n),
    new Error('an error'),
    new Proxy({}, { ownKeys: () => { throw new Error('no keys'); } }),
    { get: 'fine', get hostile(): never { throw new Error('a getter'); } },
    Object.create({ inherited: 1 }) as object,
    [1.5, Infinity],
    [2 ** 60, -1],
    ['1', '2'],
    { traceId: 'not hexadecimal', spanId: 7, traceFlags: '1' },
    { traceId: 'ABCDEF0123456789ABCDEF0123456789', spanId: 'g'.repeat(16), traceFlags: 2 ** 40 },
    { traceId: '0'.repeat(32), spanId: '1'.repeat(16), traceFlags: -1 },
    { asyncAttributesPending: true },
    { attributes: null, schemaUrl: 5, name: 7n, version: {}, droppedAttributesCount: -3 },
  ),
);
