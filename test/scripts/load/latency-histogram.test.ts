import fc from 'fast-check';
import { LatencyHistogram } from '../../../scripts/load/latency-histogram';

describe('LatencyHistogram', () => {
  it('is all zero without values', () => {
    expect(new LatencyHistogram().summary()).toEqual({ mean: 0, p50: 0, p90: 0, p99: 0, p999: 0, max: 0 });
  });

  it('keeps mean and maximum exactly', () => {
    const histogram = new LatencyHistogram();
    for (const micros of [1, 2, 3, 4, 1234.5678]) {
      histogram.record(micros);
    }
    expect(histogram.count).toBe(5);
    expect(histogram.summary().mean).toBeCloseTo(1244.5678 / 5, 9);
    expect(histogram.summary().max).toBe(1234.5678);
  });

  it('finds every percentile within half a percent of the sorted values, from a nanosecond to an hour', () => {
    const anyMicros = fc.double({ min: -3, max: 9.5, noNaN: true }).map((exponent) => 10 ** exponent);
    fc.assert(
      fc.property(fc.array(anyMicros, { minLength: 1, maxLength: 200 }), fc.double({ min: 0.001, max: 1, noNaN: true }), (values, part) => {
        const histogram = new LatencyHistogram();
        values.forEach((micros) => histogram.record(micros));
        const exact = [...values].sort((a, b) => a - b)[Math.ceil(part * values.length) - 1]!;
        expect(Math.abs(histogram.percentile(part) / exact - 1)).toBeLessThan(0.005);
      }),
    );
  });

  it('takes zero, a clock that went back, and values beyond its last bucket', () => {
    const histogram = new LatencyHistogram();
    for (const micros of [0, -5, 1e12]) {
      histogram.record(micros);
    }
    expect(histogram.percentile(0.5)).toBeLessThan(0.002);
    expect(histogram.summary().max).toBe(1e12);
    expect(histogram.summary().mean).toBeCloseTo(1e12 / 3, 0);
  });
});
