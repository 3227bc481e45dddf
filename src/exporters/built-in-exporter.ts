import type { LogRecordExporter } from '@opentelemetry/sdk-logs';
import type { LogRecord } from '../record';
import type { LossCounts } from '../stats';
import { ExportError } from './export-error';
import { retryUntilSettled, DEFAULT_RETRY } from '../lane/retry';

/** What became of a batch that needs no further attempt. Records that are not counted as lost were delivered. */
export interface ExportOutcome {
  /** Records of the batch that are lost for good, by reason (`rejected`, `too_large`, `invalid`). */
  readonly lost?: LossCounts;
  /** The first words about them, for `diag`; at most 1 KB and without credentials. */
  readonly message?: string;
  /** The HTTP status of the last answer, if there was one. */
  readonly status?: number;
}

type ExportCallback = Parameters<LogRecordExporter['export']>[1];

/**
 * An exporter of this package. In a lane, which retries, times out and counts by itself, `exportOnce` is called, never twice at a time.
 * Elsewhere, for example in the stock processor, `export` retries by the same code.
 */
export abstract class BuiltInExporter implements LogRecordExporter {
  readonly #running = new Set<Promise<void>>();
  readonly #stop = new AbortController();

  /** The default of the lane option `maxExportBatchBytes`. */
  abstract readonly maxBatchBytes: number;

  /** About how many bytes the record adds to a request. Never reads a resource or a scope twice, never throws. */
  abstract sizeOf(record: LogRecord): number;

  /**
   * One attempt. Resolves when the batch needs no other one; rejects with an `ExportError`.
   * Must settle soon after the signal is aborted, and never rejects with anything that holds a credential.
   */
  abstract exportOnce(records: readonly LogRecord[], signal: AbortSignal): Promise<ExportOutcome>;

  /** Lets go of sockets and descriptors. */
  protected abstract close(): void | Promise<void>;

  export(records: LogRecord[], resultCallback: ExportCallback): void {
    if (this.#stop.signal.aborted) {
      resultCallback({ code: 1, error: new ExportError('the exporter has been shut down', { retryable: false }) });
      return;
    }
    const run = retryUntilSettled((signal) => this.exportOnce(records, signal), DEFAULT_RETRY, this.#stop.signal).then(
      (outcome) => settle(outcome, resultCallback),
      (error: unknown) => resultCallback({ code: 1, error: error as Error }),
    );
    this.#running.add(run);
    void run.finally(() => this.#running.delete(run));
  }

  async forceFlush(): Promise<void> {
    await Promise.all(this.#running);
  }

  async shutdown(): Promise<void> {
    if (this.#stop.signal.aborted) {
      return;
    }
    this.#stop.abort(new ExportError('the exporter has been shut down', { retryable: false }));
    await Promise.all(this.#running);
    await this.close();
  }
}

function settle(outcome: ExportOutcome, resultCallback: ExportCallback): void {
  if (outcome.lost === undefined) {
    resultCallback({ code: 0 });
  } else {
    const counts = Object.entries(outcome.lost).map(([reason, count]) => `${count} ${reason}`).join(', ');
    resultCallback({ code: 1, error: new ExportError(`records lost: ${counts}: ${outcome.message ?? ''}`, { retryable: false, reason: 'rejected' }) });
  }
}
