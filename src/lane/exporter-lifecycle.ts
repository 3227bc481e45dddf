import { diag } from '@opentelemetry/api';
import type { LogRecordExporter } from '@opentelemetry/sdk-logs';

/** Calls the exporter's `forceFlush` and waits for it, but not longer than the time-out. Never rejects. */
export function flushExporter(exporter: LogRecordExporter, lane: string, timeoutMillis: number): Promise<void> {
  // Optional in older SDKs, and an exporter written for one may lack it.
  return callWithin(timeoutMillis, `forceFlush of the exporter of lane ${lane}`, async () => (exporter as Partial<LogRecordExporter>).forceFlush?.());
}

/** Calls the exporter's `shutdown` and waits for it, but not longer than the time-out. Never rejects. */
export function shutdownExporter(exporter: LogRecordExporter, lane: string, timeoutMillis: number): Promise<void> {
  return callWithin(timeoutMillis, `shutdown of the exporter of lane ${lane}`, async () => exporter.shutdown());
}

/** An exporter that fails or hangs in one of these calls must not cost the flush or the shutdown of which it is the last step. */
async function callWithin(timeoutMillis: number, what: string, call: () => Promise<void>): Promise<void> {
  const called = call().catch((error: unknown) => {
    diag.warn(`otel-log-queue: ${what} failed: ${error instanceof Error ? error.message : 'no reason given'}`);
  });
  let timer: NodeJS.Timeout | undefined;
  const timeUp = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, Math.max(0, timeoutMillis));
  });
  await Promise.race([called, timeUp]);
  clearTimeout(timer);
}
