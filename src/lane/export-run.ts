import type { LogRecord } from '../record';
import type { Failure } from './attempt';
import { nextDelayMillis, type RetryOptions } from './retry';

// Words that blame the batch must come twice before it counts as refused: an overloaded backend says many things.
const POISON_ANSWERS = 2;

/** The attempts for one batch, or for one part of it. */
export class ExportRun {
  /** What is still to be exported. */
  records: LogRecord[];
  /** The pause before the next attempt, in milliseconds; undefined: none. */
  delayMillis: number | undefined;
  /** Of the last attempt; undefined before the first one. */
  lastFailure: Failure | undefined = undefined;
  readonly #maxPoisonAnswers: number;
  #failures = 0;
  #poisonAnswers = 0;
  #begin: number | undefined = undefined;

  /** @param isSuspect one answer that blames the records is enough */
  constructor(records: LogRecord[], isSuspect: boolean, delayMillis: number) {
    this.records = records;
    this.delayMillis = delayMillis > 0 ? delayMillis : undefined;
    this.#maxPoisonAnswers = isSuspect ? 1 : POISON_ANSWERS;
  }

  get hasFailed(): boolean {
    return this.#failures > 0;
  }

  /** The budget of time begins with the first attempt. */
  noteAttempt(nowMillis: number): void {
    this.#begin ??= nowMillis;
  }

  /** Whether the failure means that the backend will never take these records together. */
  isRefusedBy({ isContentRefused }: Failure): boolean {
    this.#poisonAnswers = isContentRefused === 'maybe' ? this.#poisonAnswers + 1 : 0;
    return isContentRefused === 'for-good' || this.#poisonAnswers >= this.#maxPoisonAnswers;
  }

  /**
   * Sets the pause before the next attempt; false if the budget is spent.
   * @param breakerMillis what the breaker asks for; it ends with the budget, as a back-off does, so that a last attempt uses all of it
   */
  mayRetry(retry: RetryOptions, failure: Failure, breakerMillis: number, nowMillis: number): boolean {
    this.#failures++;
    this.lastFailure = failure;
    const elapsedMillis = nowMillis - (this.#begin ?? nowMillis);
    const delayMillis = nextDelayMillis(retry, this.#failures, elapsedMillis, failure.retryAfterMillis, Math.random);
    this.delayMillis = delayMillis === undefined ? undefined : Math.max(delayMillis, Math.min(breakerMillis, retry.maxElapsedTimeMillis - elapsedMillis));
    return delayMillis !== undefined;
  }
}
