import fc from 'fast-check';
import { UnixNanos } from '../../src/otlp/unix-nanos';

const nanos = new UnixNanos();

function halves(): bigint {
  return (BigInt(nanos.high) << 32n) | BigInt(nanos.low);
}

function clamped(value: bigint): bigint {
  return value < 0n ? 0n : value > 2n ** 64n - 1n ? 2n ** 64n - 1n : value;
}

describe('UnixNanos', () => {
  it('is exact for every time that fits into 64 bits, and clamps every other', () => {
    const seconds = fc.oneof(fc.integer({ min: 0, max: 2 ** 35 - 1 }), fc.integer({ min: 18_446_744_070, max: 18_446_744_080 }), fc.integer({ min: -5, max: 5 }));
    const nanoseconds = fc.oneof(fc.integer({ min: 0, max: 999_999_999 }), fc.integer({ min: -(2 ** 52), max: 2 ** 52 }));
    fc.assert(
      fc.property(seconds, nanoseconds, (s, n) => {
        const expected = clamped(BigInt(s) * 1_000_000_000n + BigInt(n));
        nanos.set([s, n]);
        expect(halves()).toBe(expected);
        expect(nanos.toString()).toBe(expected.toString());
      }),
      { numRuns: 2_000, examples: [[18_446_744_073, 709_551_615], [18_446_744_073, 709_551_616], [4, 294_967_295], [4, 294_967_296], [0, 999_999], [0, 1_000_000]] },
    );
  });

  it('drops fractions', () => {
    expect(nanos.set([1.999, 5.999]).toString()).toBe('1000000005');
  });

  it('stays within 64 bits for any two numbers', () => {
    fc.assert(
      fc.property(fc.double(), fc.double(), (s, n) => {
        nanos.set([s, n]);
        expect(nanos.low >>> 0).toBe(nanos.low);
        expect(nanos.high >>> 0).toBe(nanos.high);
        expect(nanos.toString()).toBe(halves().toString());
      }),
    );
  });

  it.each([undefined, null, 5, '5', {}, [], ['1', '2'], [1], [NaN, 0], [0, Infinity], [1n, 2n]])('is 0 for %p', (value) => {
    nanos.set([1, 1]);
    expect(nanos.set(value).toString()).toBe('0');
  });
});
