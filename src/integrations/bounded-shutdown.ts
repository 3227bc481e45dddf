import { diag } from '@opentelemetry/api';

/** Anything that can be shut down: a `LoggerProvider`, a `NodeSDK`, a `QueueLogRecordProcessor`. */
export interface ShutsDown {
  shutdown: (options: { readonly timeoutMillis: number }) => Promise<unknown>;
}

/** @throws TypeError if the value has no method `shutdown` */
export function checkShutsDown(option: string, value: unknown): ShutsDown {
  if (typeof (value as Partial<ShutsDown> | null | undefined)?.shutdown !== 'function') {
    throw new TypeError(`${option} must have a method shutdown()`);
  }
  return value as ShutsDown;
}

/**
 * Shuts it down within the time-out. Never rejects: a failure is one `diag.error`.
 * @param occasion for the message: "the shutdown …"
 */
export async function shutDownWithin(provider: ShutsDown, timeoutMillis: number, occasion: string): Promise<void> {
  // Less for the shutdown itself, which may have to end a thread, and whose own last words say more.
  const own = timeoutMillis - Math.min(500, timeoutMillis / 5);
  await settleWithin(() => provider.shutdown({ timeoutMillis: own }), timeoutMillis, `the shutdown ${occasion}`);
}

/**
 * Waits for the work, at most for so long. Never rejects: a failure is one `diag.error`.
 * @param what for the message: "… failed"
 */
export async function settleWithin(work: () => Promise<unknown>, timeoutMillis: number, what: string): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  // Referenced: a natural end of the process in the middle of it would not be the end that was asked for.
  const timeUp = new Promise<string>((resolve) => (timer = setTimeout(resolve, timeoutMillis, `it took longer than ${timeoutMillis} ms`)));
  const failure = await Promise.race([failureOf(work), timeUp]);
  clearTimeout(timer);
  if (failure !== undefined) {
    diag.error(`otel-log-queue: ${what} failed: ${failure}`);
  }
}

async function failureOf(work: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
