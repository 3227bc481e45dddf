import { ExportError } from '../exporters/export-error';

export interface RetryOptions {
  /** Upper bound of the first delay, in milliseconds. Default 1000. */
  readonly initialDelayMillis: number;
  /** Upper bound of every delay, in milliseconds. Default 30000. A longer Retry-After wins. */
  readonly maxDelayMillis: number;
  /** Growth of the upper bound from one delay to the next. Default 1.5. */
  readonly multiplier: number;
  /** The last attempt begins at most so long after the first one, in milliseconds. Default 300000. */
  readonly maxElapsedTimeMillis: number;
}

// The Collector's exporterhelper (`retry_on_failure`), but for the initial delay: 5 s there.
export const DEFAULT_RETRY: RetryOptions = { initialDelayMillis: 1000, maxDelayMillis: 30_000, multiplier: 1.5, maxElapsedTimeMillis: 300_000 };

/**
 * The delay before attempt `failures + 1`, in milliseconds, with full jitter, or undefined when the budget is spent.
 *
 * @param failures how often the batch has failed, 1 or more
 * @param elapsedMillis since its first attempt began
 * @param random uniform in [0, 1)
 */
export function nextDelayMillis(
  retry: RetryOptions,
  failures: number,
  elapsedMillis: number,
  retryAfterMillis: number | undefined,
  random: () => number,
): number | undefined {
  const leftMillis = retry.maxElapsedTimeMillis - elapsedMillis;
  if (leftMillis <= 0 || (retryAfterMillis ?? 0) > leftMillis) {
    return undefined;
  }
  // The power may be infinite after many failures, and 0 * Infinity is no number.
  const growth = Math.min(retry.multiplier ** (failures - 1), Number.MAX_VALUE);
  const bound = Math.min(retry.maxDelayMillis, retry.initialDelayMillis * growth);
  // A long delay ends with the budget, so that a last attempt uses all of it.
  return Math.max(Math.min(random() * bound, leftMillis), retryAfterMillis ?? 0);
}

/** Calls `attempt` until it resolves, fails for good, the budget is spent or the signal is aborted. */
export async function retryUntilSettled<T>(attempt: (signal: AbortSignal) => Promise<T>, retry: RetryOptions, signal: AbortSignal): Promise<T> {
  const start = Date.now();
  for (let failures = 1; ; failures++) {
    try {
      return await attempt(signal);
    } catch (error) {
      if (signal.aborted || !(error instanceof ExportError) || !error.retryable) {
        throw error;
      }
      const delay = nextDelayMillis(retry, failures, Date.now() - start, error.retryAfterMillis, Math.random);
      if (delay === undefined || !(await delayOrAbort(delay, signal))) {
        throw error;
      }
    }
  }
}

/** Resolves to true after the delay, to false as soon as the signal is aborted. */
function delayOrAbort(delayMillis: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const onAbort = (): void => {
      clearTimeout(timer);
      resolve(false);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort);
      resolve(true);
    }, delayMillis);
    signal.addEventListener('abort', onAbort, { once: true });
  });
}
