import type { Failure } from '../../src/lane/attempt';
import { ExportRun } from '../../src/lane/export-run';
import { DEFAULT_RETRY } from '../../src/lane/retry';

const outage: Failure = { message: '503', retryable: true, retryAfterMillis: undefined, status: undefined, errorType: '_OTHER', reason: 'export_failed', isContentRefused: 'no' };

function startedRun(): ExportRun {
  const run = new ExportRun([], false, 0);
  run.noteAttempt(1000);
  return run;
}

describe('the pause before the next attempt', () => {
  it('is at least what the breaker asks for', () => {
    const run = startedRun();
    expect(run.mayRetry(DEFAULT_RETRY, outage, 5000, 1010)).toBe(true);
    expect(run.delayMillis).toBe(5000);
  });

  it('ends with the budget, which began with the first attempt', () => {
    const run = startedRun();
    // Not the first one: it changes nothing.
    run.noteAttempt(200_000);
    expect(run.mayRetry(DEFAULT_RETRY, outage, 30_000, 299_000)).toBe(true);
    expect(run.delayMillis).toBe(2000);
    expect(run.mayRetry(DEFAULT_RETRY, outage, 30_000, 301_000)).toBe(false);
    expect(run.delayMillis).toBeUndefined();
  });

  it('is there before the first attempt if the breaker asks for one', () => {
    expect(new ExportRun([], false, 7).delayMillis).toBe(7);
    expect(new ExportRun([], false, 0).delayMillis).toBeUndefined();
  });
});

describe('words that blame the records', () => {
  const poison: Failure = { ...outage, isContentRefused: 'maybe' };

  it('count when they come twice in a row', () => {
    const run = startedRun();
    expect([poison, outage, poison, poison].map((failure) => run.isRefusedBy(failure))).toEqual([false, false, false, true]);
  });

  it('count at once where the records are under suspicion', () => {
    expect(new ExportRun([], true, 0).isRefusedBy(poison)).toBe(true);
  });
});
