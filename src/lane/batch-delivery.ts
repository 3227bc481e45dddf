import { performance } from 'node:perf_hooks';
import type { LogRecordExporter } from '@opentelemetry/sdk-logs';
import { BuiltInExporter, type ExportOutcome } from '../exporters/built-in-exporter';
import type { LogRecord } from '../record';
import type { LaneState, LossReason } from '../stats';
import { attemptExport, type AttemptResult, type Failure } from './attempt';
import type { ExportScope } from './export-scope';
import type { ResolvedLaneOptions } from './lane-options';
import { ResourceWait } from './resource-wait';
import { nextDelayMillis } from './retry';

/** What a delivery tells its lane. */
export interface DeliveryObserver {
  /** An attempt has failed and another one is to follow. True: without a delay, somebody waits for it. */
  onAttemptFailed(failure: Failure): boolean;
  onStuck(): void;
  onStateChange(): void;
}

/** How a batch ended; undefined if `end` came first, which leaves its records to the caller. */
export type Delivered = ExportOutcome | undefined;

/** Delivers one batch at a time: waits for its resources, exports, backs off and tries again until it is delivered or lost. */
export class BatchDelivery {
  readonly #exporter: LogRecordExporter;
  readonly #options: ResolvedLaneOptions;
  readonly #scope: ExportScope;
  readonly #observer: DeliveryObserver;
  readonly #resources = new ResourceWait();
  #state: LaneState = 'ready';
  #attempt = 0;
  #retries = 0;
  #abort = new AbortController();
  #endBackOff: (() => void) | undefined = undefined;
  #ended = false;

  constructor(exporter: LogRecordExporter, options: ResolvedLaneOptions, scope: ExportScope, observer: DeliveryObserver) {
    this.#exporter = exporter;
    this.#options = options;
    this.#scope = scope;
    this.#observer = observer;
  }

  get state(): LaneState {
    return this.#state;
  }

  /** The number of attempts that have begun, of all batches. */
  get attempt(): number {
    return this.#attempt;
  }

  get retries(): number {
    return this.#retries;
  }

  /**
   * Never rejects. Must not be called again before it has resolved, nor while `answered` of an earlier call is pending.
   *
   * @param onStuck called if the batch was given up while its exporter still works on it; the promise resolves when that is over
   */
  async deliver(records: LogRecord[], onStuck: (answered: Promise<void>) => void): Promise<Delivered> {
    const begin = performance.now();
    for (let failures = 1; ; failures++) {
      this.#setState('exporting');
      await this.#resources.for(records, this.#options.exportTimeoutMillis);
      if (this.#ended) {
        return undefined;
      }
      this.#attempt++;
      this.#abort = new AbortController();
      const result = await this.#scope.run(() => attemptExport(this.#exporter, records, this.#options.exportTimeoutMillis, this.#abort));
      if (this.#ended) {
        return undefined;
      }
      if (result.kind === 'settled') {
        this.#setState('ready');
        return result.outcome;
      }
      if (result.kind === 'stuck') {
        this.#setState('stuck');
        this.#observer.onStuck();
        if (!(this.#exporter instanceof BuiltInExporter)) {
          // It may still succeed, so a second attempt could deliver twice.
          onStuck(result.answered.then(() => this.#leaveStuck()));
          return lostAs('export_failed', records.length, result.failure);
        }
        await result.answered;
      }
      const reason = await this.#mayRetry(result, failures, performance.now() - begin);
      if (this.#ended) {
        return undefined;
      }
      if (reason !== undefined) {
        this.#setState('ready');
        return lostAs(reason, records.length, result.failure);
      }
      this.#retries++;
    }
  }

  /** Ends a back-off now, unless the backend has asked for it (Retry-After). True if there will be an attempt. */
  hurry(): boolean {
    this.#endBackOff?.();
    return this.#state !== 'backing-off' && this.#state !== 'stuck';
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
    this.#endBackOff?.();
  }

  #setState(state: LaneState): void {
    this.#state = state;
    this.#observer.onStateChange();
  }

  #leaveStuck(): void {
    if (!this.#ended) {
      this.#setState('ready');
    }
  }

  /** Waits until the next attempt; or the reason why there is none. */
  async #mayRetry({ failure }: Exclude<AttemptResult, { kind: 'settled' }>, failures: number, elapsedMillis: number): Promise<LossReason | undefined> {
    const retry = this.#options.retry;
    if (!failure.retryable || retry === false) {
      return failure.reason;
    }
    const delayMillis = nextDelayMillis(retry, failures, elapsedMillis, failure.retryAfterMillis, Math.random);
    if (delayMillis === undefined) {
      return 'retry_exhausted';
    }
    this.#setState('backing-off');
    const atOnce = this.#observer.onAttemptFailed(failure);
    if (!atOnce || failure.retryAfterMillis !== undefined) {
      await this.#backOff(delayMillis, failure.retryAfterMillis !== undefined);
    }
    return undefined;
  }

  #backOff(delayMillis: number, isOrdered: boolean): Promise<void> {
    return new Promise((resolve) => {
      const resume = (): void => {
        clearTimeout(timer);
        this.#endBackOff = undefined;
        this.#setState(this.#ended ? 'shutdown' : 'exporting');
        resolve();
      };
      // Not referenced: at a natural end the flush at `beforeExit` makes the last attempt, at once.
      const timer = setTimeout(resume, delayMillis).unref();
      this.#endBackOff = () => {
        if (!isOrdered || this.#ended) {
          resume();
        }
      };
    });
  }
}

function lostAs(reason: LossReason, count: number, failure: Failure): ExportOutcome {
  return { lost: { [reason]: count }, message: failure.message };
}
