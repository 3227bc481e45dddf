import fc from 'fast-check';
import { ExportError } from '../../src/exporters/export-error';
import { nextDelayMillis, retryUntilSettled, type RetryOptions } from '../../src/lane/retry';

const retryOptions = fc.record({
  initialDelayMillis: fc.integer({ min: 0, max: 10_000 }),
  maxDelayMillis: fc.integer({ min: 0, max: 60_000 }),
  multiplier: fc.double({ min: 1, max: 10, noNaN: true }),
  maxElapsedTimeMillis: fc.integer({ min: 0, max: 600_000 }),
});

describe('nextDelayMillis', () => {
  it('stays between 0 and both bounds, and within the budget', () => {
    fc.assert(
      fc.property(retryOptions, fc.integer({ min: 1, max: 2000 }), fc.integer({ min: 0, max: 700_000 }), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (retry, failures, elapsed, draw) => {
        const delay = nextDelayMillis(retry, failures, elapsed, undefined, () => draw);
        if (elapsed >= retry.maxElapsedTimeMillis) {
          expect(delay).toBeUndefined();
        } else {
          expect(delay).toBeGreaterThanOrEqual(0);
          expect(delay).toBeLessThanOrEqual(retry.maxDelayMillis);
          expect(delay).toBeLessThanOrEqual(retry.initialDelayMillis * Math.min(retry.multiplier ** (failures - 1), 1e300));
          expect(elapsed + (delay as number)).toBeLessThanOrEqual(retry.maxElapsedTimeMillis);
        }
      }),
    );
  });

  it('ends every series of failures, whatever the jitter', () => {
    fc.assert(
      fc.property(retryOptions, fc.infiniteStream(fc.double({ min: 0.5, max: 1, maxExcluded: true, noNaN: true })), (retry, draws) => {
        let elapsed = 0;
        for (let failures = 1; failures < 100_000; failures++) {
          const delay = nextDelayMillis(retry, failures, elapsed, undefined, () => draws.next().value as number);
          if (delay === undefined) {
            return;
          }
          // An attempt takes time too.
          elapsed += delay + 10;
        }
        throw new Error('no end');
      }),
      { numRuns: 20 },
    );
  });

  const retry: RetryOptions = { initialDelayMillis: 1000, maxDelayMillis: 30_000, multiplier: 1.5, maxElapsedTimeMillis: 300_000 };

  it('waits at least as long as the backend asked, however long the jitter', () => {
    expect(nextDelayMillis(retry, 1, 0, 45_000, () => 0.5)).toBe(45_000);
    expect(nextDelayMillis(retry, 3, 0, 100, () => 0.5)).toBe(1125);
  });

  it('gives up when the backend asks for more than the budget has left', () => {
    expect(nextDelayMillis(retry, 1, 290_000, 10_001, () => 0)).toBeUndefined();
    expect(nextDelayMillis(retry, 1, 290_000, 10_000, () => 0)).toBe(10_000);
  });
});

describe('retryUntilSettled', () => {
  const quick: RetryOptions = { initialDelayMillis: 1, maxDelayMillis: 1, multiplier: 1, maxElapsedTimeMillis: 60_000 };
  const transient = new ExportError('not now', { retryable: true });

  it('tries until it works', async () => {
    const attempt = jest.fn().mockRejectedValueOnce(transient).mockRejectedValueOnce(transient).mockResolvedValueOnce('done');
    await expect(retryUntilSettled(attempt, quick, new AbortController().signal)).resolves.toBe('done');
    expect(attempt).toHaveBeenCalledTimes(3);
  });

  it('does not repeat what failed for good', async () => {
    const attempt = jest.fn().mockRejectedValue(new ExportError('never', { retryable: false }));
    await expect(retryUntilSettled(attempt, quick, new AbortController().signal)).rejects.toThrow('never');
    expect(attempt).toHaveBeenCalledTimes(1);
  });

  it('ends at once when it is aborted during a delay', async () => {
    const abort = new AbortController();
    const attempt = jest.fn().mockRejectedValue(transient);
    const result = retryUntilSettled(attempt, { ...quick, initialDelayMillis: 1_000_000_000, maxDelayMillis: 1_000_000_000, maxElapsedTimeMillis: 1_000_000_000 }, abort.signal);
    await Promise.resolve();
    setImmediate(() => abort.abort());
    await expect(result).rejects.toThrow('not now');
    expect(attempt).toHaveBeenCalledTimes(1);
  });
});
