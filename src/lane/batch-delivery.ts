import { performance } from 'node:perf_hooks';
import type { LogRecordExporter } from '@opentelemetry/sdk-logs';
import { BuiltInExporter, type ExportOutcome } from '../exporters/built-in-exporter';
import type { LogRecord } from '../record';
import type { LaneState, LossReason } from '../stats';
import { attemptExport, type AttemptResult, type Failure } from './attempt';
import { Breaker } from './breaker';
import { ExportRun } from './export-run';
import type { ExportScope } from './export-scope';
import type { ResolvedLaneOptions } from './lane-options';
import { PauseTimer } from './pause-timer';
import { ResourceWait } from './resource-wait';

/** What a delivery tells its lane, and asks it. */
export interface DeliveryObserver {
  /** An attempt has failed and another one is to follow. */
  readonly onAttemptFailed: (failure: Failure) => void;
  /** There is to be a pause before the next attempt. True: leave it out, somebody waits for that attempt; never for a pause that the backend has ordered. */
  readonly onPause: (isOrdered: boolean) => boolean;
  /** An exporter that was aborted has not let go; there will be another attempt once it has. */
  readonly onStuck: () => void;
  readonly onStateChange: () => void;
  /** Called before each attempt: what of these records is still to be exported. */
  readonly stillWanted: (records: LogRecord[]) => LogRecord[];
  /** The exporter is about to be given these records, not for the first time perhaps. */
  readonly onAttempt: (records: readonly LogRecord[]) => void;
}

/** What metrics tell of a failure. */
export type FailureKind = Pick<Failure, 'status' | 'errorType'>;

/** How an export ended. What is lost or refused is what the last call of `stillWanted` returned. */
export type Delivered =
  | { readonly kind: 'settled'; readonly records: LogRecord[]; readonly outcome: ExportOutcome }
  /** A part of the records may fare better. */
  | { readonly kind: 'refused'; readonly records: LogRecord[]; readonly reason: LossReason; readonly message: string; readonly failure: FailureKind }
  | {
      readonly kind: 'lost';
      readonly records: LogRecord[];
      readonly reason: LossReason;
      readonly message: string;
      readonly failure: FailureKind;
      /** The exporter still works on the records, and must not be called again before this has resolved. */
      readonly answered?: Promise<void>;
    };

// Given up in the pause before its first attempt.
const NOT_TRIED: FailureKind = { status: undefined, errorType: 'retry_exhausted' };

/** Exports one batch, or a part of one, at a time: waits for its resources, exports, pauses and tries again until it is delivered, refused or lost. */
export class BatchDelivery {
  readonly #exporter: LogRecordExporter;
  readonly #options: ResolvedLaneOptions;
  readonly #scope: ExportScope;
  readonly #observer: DeliveryObserver;
  readonly #resources = new ResourceWait();
  readonly #pause = new PauseTimer();
  readonly #breaker: Breaker | undefined;
  #state: LaneState = 'ready';
  #attempt = 0;
  #retries = 0;
  #abort = new AbortController();
  #ended = false;
  #isSurrendered = false;

  constructor(exporter: LogRecordExporter, options: ResolvedLaneOptions, scope: ExportScope, observer: DeliveryObserver) {
    this.#exporter = exporter;
    this.#options = options;
    this.#scope = scope;
    this.#observer = observer;
    this.#breaker = options.retry === false ? undefined : new Breaker(options.retry, () => performance.now(), Math.random);
  }

  get state(): LaneState {
    return this.#state;
  }

  /** Whether it knows that it cannot deliver now. */
  get isFailing(): boolean {
    return this.#state === 'stuck' || this.#pause.isRunning || (this.#breaker !== undefined && this.#breaker.state !== 'closed');
  }

  /** The number of attempts that have begun, of all batches. */
  get attempt(): number {
    return this.#attempt;
  }

  /** Attempts beyond the first one of each batch. */
  get retries(): number {
    return this.#retries;
  }

  /** Never rejects; undefined if `end` came first. Must not be called again before it has resolved, nor while `answered` of an earlier call is pending. */
  async deliver(records: LogRecord[], isPart: boolean): Promise<Delivered | undefined> {
    // Without retry there is no second answer.
    const run = new ExportRun(records, isPart || this.#options.retry === false, this.#breaker?.waitMillis ?? 0);
    this.#isSurrendered = false;
    for (;;) {
      await this.#pauseBefore(run);
      if (this.#ended) {
        return undefined;
      }
      if (this.#isSurrendered) {
        return this.#rest({ kind: 'lost', records: run.records, reason: 'retry_exhausted', message: 'there was no time for another attempt', failure: run.lastFailure ?? NOT_TRIED });
      }
      run.records = this.#observer.stillWanted(run.records);
      if (run.records.length === 0) {
        return this.#rest({ kind: 'settled', records: [], outcome: {} });
      }
      const result = await this.#attemptOnce(run, isPart || run.hasFailed);
      if (result === undefined || this.#ended) {
        return undefined;
      }
      const delivered = this.#judge(run, result);
      if (delivered !== undefined) {
        return delivered;
      }
    }
  }

  /** Ends a pause now, unless the backend has asked for it (Retry-After). True if there will be an attempt. */
  hurry(): boolean {
    if (this.#state === 'stuck' || (this.#pause.isRunning && this.#isOrderedToPause)) {
      return false;
    }
    this.#pause.end();
    return true;
  }

  /** Gives up what waits for another attempt, or will have to, as if its budget were spent. */
  surrender(): void {
    this.#isSurrendered = true;
    this.#pause.end();
  }

  /** No longer waits for resource attributes. */
  hurryResources(): void {
    this.#resources.hurry();
  }

  /** Aborts the running attempt of a built-in exporter, which then counts as failed. */
  abortAttempt(reason: Error): void {
    this.#abort.abort(reason);
  }

  /** Ends everything; a pending `deliver` resolves to undefined. */
  end(reason: Error): void {
    this.#ended = true;
    this.#setState('shutdown');
    this.#resources.hurry();
    this.abortAttempt(reason);
    this.#pause.end();
  }

  get #isOrderedToPause(): boolean {
    return this.#breaker !== undefined && this.#breaker.orderedMillis > 0;
  }

  #setState(state: LaneState): void {
    this.#state = state;
    this.#observer.onStateChange();
  }

  /** Between two batches. */
  #rest(delivered: Delivered): Delivered {
    this.#setState(this.#breaker?.state === 'open' ? 'open' : 'ready');
    return delivered;
  }

  async #pauseBefore({ delayMillis }: ExportRun): Promise<void> {
    if (delayMillis === undefined || this.#isSurrendered) {
      return;
    }
    this.#setState(this.#breaker?.state === 'open' ? 'open' : 'backing-off');
    if (!this.#observer.onPause(this.#isOrderedToPause)) {
      await this.#pause.wait(delayMillis);
    }
  }

  /** Undefined if `end` came first. */
  async #attemptOnce(run: ExportRun, isRetry: boolean): Promise<AttemptResult | undefined> {
    this.#breaker?.onAttempt();
    this.#setState(this.#breaker?.state === 'half-open' ? 'half-open' : 'exporting');
    await this.#resources.for(run.records, this.#options.exportTimeoutMillis);
    if (this.#ended) {
      return undefined;
    }
    run.noteAttempt(performance.now());
    this.#observer.onAttempt(run.records);
    this.#attempt++;
    this.#retries += isRetry ? 1 : 0;
    this.#abort = new AbortController();
    const result = await this.#scope.run(() => attemptExport(this.#exporter, run.records, this.#options.exportTimeoutMillis, this.#abort));
    if (result.kind === 'stuck' && !this.#ended) {
      this.#setState('stuck');
      if (this.#exporter instanceof BuiltInExporter) {
        this.#observer.onStuck();
        await result.answered;
      }
    }
    return result;
  }

  /** How the run ends with this attempt; undefined if another one is to follow. */
  #judge(run: ExportRun, result: AttemptResult): Delivered | undefined {
    const { records } = run;
    if (result.kind === 'settled') {
      this.#breaker?.onAnswer();
      return this.#rest({ kind: 'settled', records, outcome: result.outcome });
    }
    const { failure } = result;
    const { message, reason } = failure;
    if (failure.retryAfterMillis !== undefined) {
      this.#breaker?.onRetryAfter(failure.retryAfterMillis);
    }
    if (result.kind === 'stuck' && !(this.#exporter instanceof BuiltInExporter)) {
      this.#breaker?.onFailure();
      // It may still succeed, so a second attempt could deliver twice.
      return { kind: 'lost', records, reason: 'export_failed', message, failure, answered: result.answered.then(() => this.#leaveStuck()) };
    }
    const { retry } = this.#options;
    const isRefused = run.isRefusedBy(failure);
    if (isRefused || !failure.retryable || retry === false) {
      this.#breaker?.onAnswer();
      return this.#rest({ kind: isRefused ? 'refused' : 'lost', records, reason, message, failure });
    }
    this.#breaker?.onFailure();
    if (!run.mayRetry(retry, failure, this.#breaker?.waitMillis ?? 0, performance.now())) {
      return this.#rest({ kind: 'lost', records, reason: 'retry_exhausted', message, failure });
    }
    this.#observer.onAttemptFailed(failure);
    return undefined;
  }

  #leaveStuck(): void {
    if (!this.#ended) {
      this.#setState(this.#breaker?.state === 'open' ? 'open' : 'ready');
    }
  }
}
