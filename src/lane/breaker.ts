import type { RetryOptions } from './retry';

export type BreakerState = 'closed' | 'open' | 'half-open';

/** Retryable failures in a row, of whichever batches, after which the breaker opens. */
export const BREAKER_FAILURES = 5;

// A Retry-After is honoured up to here: a receiver that says "tomorrow" by mistake must not end the delivery of logs.
export const MAX_RETRY_AFTER_MILLIS = 3_600_000;

/**
 * Keeps a lane from hammering a backend that does not work, across its batches.
 *
 * closed: attempts are free. After `BREAKER_FAILURES` failures in a row open: none before the interval is over. Then half-open: one attempt, whose success closes it and whose failure opens it
 * again, for longer, up to `maxDelayMillis`. A Retry-After holds in every state.
 *
 * The interval grows like the bound of the back-off, and is between half of it and all of it, so that many processes do not come back at once.
 */
export class Breaker {
  readonly #retry: RetryOptions;
  readonly #now: () => number;
  readonly #random: () => number;
  #state: BreakerState = 'closed';
  #failures = 0;
  #openUntil = -Infinity;
  #orderedUntil = -Infinity;

  /**
   * @param now milliseconds of a clock that never goes back
   * @param random uniform in [0, 1)
   */
  constructor(retry: RetryOptions, now: () => number, random: () => number) {
    this.#retry = retry;
    this.#now = now;
    this.#random = random;
  }

  get state(): BreakerState {
    return this.#state;
  }

  /** Milliseconds until the end of the pause the backend has asked for; 0 if there is none. */
  get orderedMillis(): number {
    return Math.max(0, this.#orderedUntil - this.#now());
  }

  /** Milliseconds until the next attempt; 0 if it may begin now. */
  get waitMillis(): number {
    return this.#state === 'open' ? Math.max(this.orderedMillis, this.#openUntil - this.#now()) : this.orderedMillis;
  }

  /** An attempt begins, before the end of the interval if somebody waits for it. */
  onAttempt(): void {
    if (this.#state === 'open') {
      this.#state = 'half-open';
    }
  }

  /** The backend works, even where it has refused the batch. */
  onAnswer(): void {
    this.#state = 'closed';
    this.#failures = 0;
  }

  /** An attempt has failed, and the same batch could be tried again. */
  onFailure(): void {
    this.#failures++;
    if (this.#state === 'half-open' || this.#failures >= BREAKER_FAILURES) {
      const { initialDelayMillis, maxDelayMillis, multiplier } = this.#retry;
      // The power may be infinite after many failures, and 0 * Infinity is no number.
      const bound = Math.min(maxDelayMillis, initialDelayMillis * Math.min(multiplier ** (this.#failures - 1), Number.MAX_VALUE));
      this.#state = 'open';
      this.#openUntil = this.#now() + (bound * (1 + this.#random())) / 2;
    }
  }

  /** The backend asks to be left alone. */
  onRetryAfter(millis: number): void {
    this.#orderedUntil = Math.max(this.#orderedUntil, this.#now() + Math.min(millis, MAX_RETRY_AFTER_MILLIS));
  }
}
