import { setTimeout } from 'node:timers/promises';
import { checkInteger, checkObject, warnUnknownKeys } from '../check';
import type { LogRecord } from '../record';
import { estimateRecordBytes } from '../record-size';
import { BuiltInExporter, type ExportOutcome } from './built-in-exporter';
import { ExportError } from './export-error';
import { abortError } from './write-error';

// What a Node timer can wait for.
const MAX_DELAY_MILLIS = 2 ** 31 - 1;

export interface CountingExporterOptions {
  /** How long each export takes, in milliseconds. Default 0: it is done at once. */
  readonly delayMillis?: number;
  /** Every n-th export fails, retryably; 0 is none. Default 0. */
  readonly failEvery?: number;
}

export type ResolvedCountingOptions = Required<CountingExporterOptions>;

export interface CountingExporterDescription {
  readonly type: 'counting';
  readonly options: ResolvedCountingOptions;
}

/** @throws TypeError or RangeError that names the option, its range and the value received */
export function resolveCountingOptions(options: CountingExporterOptions = {}): ResolvedCountingOptions {
  warnUnknownKeys('counting()', checkObject('options of counting()', options), ['delayMillis', 'failEvery']);
  return {
    delayMillis: options.delayMillis === undefined ? 0 : checkInteger('delayMillis', options.delayMillis, 0, MAX_DELAY_MILLIS),
    failEvery: options.failEvery === undefined ? 0 : checkInteger('failEvery', options.failEvery, 0),
  };
}

/**
 * Counts records and lets go of them: for tests and load runs.
 *
 * @throws TypeError or RangeError that names the option, its range and the value received
 */
export function counting(options?: CountingExporterOptions): CountingExporterDescription {
  return { type: 'counting', options: resolveCountingOptions(options) };
}

/** Counts what it is given. Any number of exports may run at a time. */
export class CountingLogRecordExporter extends BuiltInExporter {
  readonly maxBatchBytes = Number.MAX_SAFE_INTEGER;
  readonly #options: ResolvedCountingOptions;
  #attempts = 0;
  #exported = 0;
  #batches = 0;

  /** @throws TypeError or RangeError that names the option, its range and the value received */
  constructor(options?: CountingExporterOptions) {
    super();
    this.#options = resolveCountingOptions(options);
  }

  /** Records of the exports that succeeded. */
  get exported(): number {
    return this.#exported;
  }

  /** Exports that succeeded. */
  get batches(): number {
    return this.#batches;
  }

  override sizeOf(record: LogRecord): number {
    return estimateRecordBytes(record);
  }

  override async exportOnce(records: readonly LogRecord[], signal: AbortSignal): Promise<ExportOutcome> {
    if (signal.aborted) {
      throw abortError(signal);
    }
    const { delayMillis, failEvery } = this.#options;
    const attempt = ++this.#attempts;
    if (delayMillis > 0) {
      await setTimeout(delayMillis, undefined, { signal }).catch(() => {
        throw abortError(signal);
      });
    }
    if (failEvery > 0 && attempt % failEvery === 0) {
      throw new ExportError(`failed on purpose: export ${attempt}`, { retryable: true });
    }
    this.#exported += records.length;
    this.#batches++;
    return {};
  }

  protected override close(): void {
    // Holds nothing.
  }
}
