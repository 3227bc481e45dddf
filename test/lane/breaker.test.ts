import { Breaker, BREAKER_FAILURES, MAX_RETRY_AFTER_MILLIS } from '../../src/lane/breaker';
import { DEFAULT_RETRY } from '../../src/lane/retry';

function makeBreaker(retry = DEFAULT_RETRY, random = 0) {
  const clock = { now: 0 };
  return { clock, breaker: new Breaker(retry, () => clock.now, () => random) };
}

function failTimes(breaker: Breaker, count: number): void {
  for (let failure = 0; failure < count; failure++) {
    breaker.onAttempt();
    breaker.onFailure();
  }
}

describe('Breaker', () => {
  it('opens after so many failures in a row, and not before', () => {
    const { breaker } = makeBreaker();
    failTimes(breaker, BREAKER_FAILURES - 1);
    expect(breaker).toMatchObject({ state: 'closed', waitMillis: 0 });
    failTimes(breaker, 1);
    expect(breaker.state).toBe('open');
    // Half of what the back-off is bounded by after the fifth failure.
    expect(breaker.waitMillis).toBeCloseTo((1000 * 1.5 ** 4) / 2);
  });

  it('does not open for failures with an answer in between', () => {
    const { breaker } = makeBreaker();
    failTimes(breaker, BREAKER_FAILURES - 1);
    breaker.onAnswer();
    failTimes(breaker, BREAKER_FAILURES - 1);
    expect(breaker.state).toBe('closed');
  });

  it('lets a single attempt decide, whose success closes it', () => {
    const { breaker, clock } = makeBreaker();
    failTimes(breaker, BREAKER_FAILURES);
    clock.now = 10_000;
    expect(breaker).toMatchObject({ state: 'open', waitMillis: 0 });
    breaker.onAttempt();
    expect(breaker.state).toBe('half-open');
    breaker.onAnswer();
    expect(breaker).toMatchObject({ state: 'closed', waitMillis: 0 });
    failTimes(breaker, BREAKER_FAILURES - 1);
    expect(breaker.state).toBe('closed');
  });

  it('stays open for longer after each failed attempt, up to maxDelayMillis', () => {
    const { breaker, clock } = makeBreaker(DEFAULT_RETRY, 0.999_999);
    failTimes(breaker, BREAKER_FAILURES);
    const intervals: number[] = [];
    for (let probe = 0; probe < 10; probe++) {
      intervals.push(Math.round(breaker.waitMillis));
      clock.now += breaker.waitMillis;
      failTimes(breaker, 1);
      expect(breaker.state).toBe('open');
    }
    expect(intervals[1]).toBeGreaterThan(intervals[0] as number);
    expect(intervals).toEqual([...intervals].sort((a, b) => a - b));
    expect(intervals.at(-1)).toBe(30_000);
  });

  it('knows no other interval than a number after thousands of failures', () => {
    const { breaker } = makeBreaker({ ...DEFAULT_RETRY, initialDelayMillis: 0, multiplier: 100 });
    failTimes(breaker, 5000);
    expect(breaker.waitMillis).toBe(0);
  });

  it('honours a Retry-After in every state, also beyond an answer, but not for days', () => {
    const { breaker, clock } = makeBreaker();
    breaker.onRetryAfter(20_000);
    breaker.onAnswer();
    expect(breaker).toMatchObject({ state: 'closed', waitMillis: 20_000, orderedMillis: 20_000 });
    // A shorter one does not end it early.
    breaker.onRetryAfter(1);
    clock.now = 5000;
    expect(breaker.waitMillis).toBe(15_000);
    failTimes(breaker, BREAKER_FAILURES);
    expect(breaker.waitMillis).toBe(15_000);
    clock.now = 20_000;
    expect(breaker).toMatchObject({ state: 'open', orderedMillis: 0 });
    breaker.onRetryAfter(10 * MAX_RETRY_AFTER_MILLIS);
    expect(breaker.waitMillis).toBe(MAX_RETRY_AFTER_MILLIS);
  });
});
