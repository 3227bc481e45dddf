import { diag, ROOT_CONTEXT, type Context } from '@opentelemetry/api';
import type { LogRecordProcessor } from '@opentelemetry/sdk-logs';
import type { EventLoopObserver } from './event-loop-worker';
import { onProcessExit } from './exit-hook';
import { rejectIfUndelivered } from './flush-error';
import { HEALTH_VIEW, type HealthView } from './health-check';
import { LossRecords } from './loss-records';
import { LossReporter, type LossSource } from './loss-reporter';
import { resolveOptions, type QueueLogRecordProcessorOptions, type ResolvedOptions } from './options';
import { publicStats } from './lane/lane-figures';
import { optionsFromEnvironment, type FromEnvOptions } from './processor-environment';
import type { QueueWorker, WorkerStats } from './queue-worker';
import { ReadyGate } from './ready-gate';
import type { LogRecord } from './record';
import { SelfMetrics } from './self-metrics';
import { LossCounter, sumOfLosses, totalLosses, type LossCounts, type LossReason, type QueueStats } from './stats';
import { makeWorker } from './worker-choice';

type EmittedRecord = Parameters<LogRecordProcessor['onEmit']>[0];
type EnabledOptions = Parameters<NonNullable<LogRecordProcessor['enabled']>>[0];

// Under the 30 s after which the LoggerProvider gives up waiting, without telling why.
const FLUSH_TIMEOUT_MILLIS = 25_000;

// A loss that is noticed at the end has its start and its end told together.
const MOST_LOSS_RECORDS_AT_ONCE = 2;

/**
 * A `LogRecordProcessor` that puts records into a bounded queue for each exporter and delivers them from there.
 *
 * `onEmit` never throws and takes a bounded time; it waits only under `'block'` with a thread, at most for its time-out. Every record is, at every moment, exactly one of delivered, queued, in flight or lost for a counted reason: `stats()`.
 *
 * @throws TypeError or RangeError naming option, range and value received (constructor)
 */
export class QueueLogRecordProcessor implements LogRecordProcessor {
  readonly #options: ResolvedOptions;
  readonly #worker: QueueWorker;
  readonly #losses: LossCounter;
  readonly #reporter: LossReporter;
  readonly #lossRecords: LossRecords | undefined;
  readonly #metrics: SelfMetrics | undefined;
  readonly #gate: ReadyGate;
  readonly #leaveExitHook: () => void;
  #emitted = 0;
  #accepted = 0;
  /** The provider of the metrics is not ready yet, and is asked again at the first record. */
  #isMeterMissing = false;
  #shutdown: Promise<void> | undefined = undefined;

  constructor(options: QueueLogRecordProcessorOptions) {
    this.#options = resolveOptions(options);
    this.#losses = new LossCounter(() => this.#reporter.note());
    this.#gate = new ReadyGate(
      () => this.#worker.room(),
      () => this.#worker.onWaiting(),
    );
    const lossRecords = this.#options.lossRecords ? new LossRecords({ stats: () => this.stats(), emit: (record) => this.#emitOwn(record) }, this.#options.lanes) : undefined;
    this.#lossRecords = lossRecords;
    const { selfObsMeterProvider, lanes } = this.#options;
    this.#metrics = selfObsMeterProvider && new SelfMetrics(selfObsMeterProvider, lanes, () => this.#workerStats());
    this.#worker = makeWorker(this.#options, this.#observer());
    this.#isMeterMissing = this.#metrics?.attach() === false;
    this.#reporter = new LossReporter([this.#frontSource(), ...this.#worker.lossSources], this.#options.onLoss, lossRecords);
    this.#leaveExitHook =
      this.#options.exitTimeoutMillis === 0
        ? () => undefined
        : onProcessExit({ onBeforeExit: () => this.#onBeforeExit(), onExitBegin: () => this.#onExitBegin(), onExit: () => this.#onExit() });
  }

  /**
   * A processor as the environment says: `OTEL_LOGS_EXPORTER` (`otlp` if unset), `OTEL_BLRP_*`, `OTEL_EXPORTER_OTLP_*` and `OTEL_LOG_QUEUE_*`. README has every variable.
   * Empty is unset; what cannot be read is one `diag.warn`, and the default holds. With `OTEL_LOGS_EXPORTER=none` it takes records and does nothing with them.
   *
   * @param options each wins over its variable
   * @throws TypeError or RangeError for an option that makes no sense
   */
  static fromEnv(options: FromEnvOptions = {}): QueueLogRecordProcessor {
    return new QueueLogRecordProcessor(optionsFromEnvironment(options));
  }

  /** Takes the record. Never throws; waits only under `'block'` with a thread; what cannot be taken is counted. */
  onEmit(record: EmittedRecord, context?: Context): void {
    this.#emitted++;
    if (this.#isMeterMissing) {
      this.#attachMetrics();
    }
    if (this.#shutdown !== undefined) {
      this.#losses.add('already_shutdown', 1);
      return;
    }
    if (this.#take(record, context) === undefined) {
      this.#gate.noteEmit();
    }
  }

  /** Whether a record of this severity would reach a lane. */
  enabled({ severityNumber }: EnabledOptions): boolean {
    return this.#shutdown === undefined && this.#worker.wants(severityNumber);
  }

  /**
   * Resolves when every record emitted before the call has been delivered. Concurrent calls each wait for their own.
   * A lane that is backing off gets one attempt at once (not during a Retry-After); if that fails, it is not waited for.
   *
   * @param options `timeoutMillis`: default 25000
   * @throws FlushError (rejects) if some of these records were lost or are still queued
   */
  async forceFlush(options: { timeoutMillis?: number } = {}): Promise<void> {
    if (this.#shutdown !== undefined) {
      return this.#shutdown;
    }
    rejectIfUndelivered('forceFlush', await this.#worker.flush(timeoutOf(options, FLUSH_TIMEOUT_MILLIS)));
  }

  /**
   * A flush, then the end. Idempotent: later calls get the same promise. Ends within its time-out whatever the backends do.
   *
   * @param options `timeoutMillis`: default the option `shutdownTimeoutMillis`
   * @throws FlushError (rejects) if records were lost meanwhile; what could not be delivered is lost as `shutdown_timeout`
   */
  shutdown(options: { timeoutMillis?: number } = {}): Promise<void> {
    return (this.#shutdown ??= this.#end(timeoutOf(options, this.#options.shutdownTimeoutMillis)));
  }

  /**
   * Resolves when there is room for one more record in every lane; after `shutdown()` at once.
   * First come, first served; who was let through holds its place until the end of that turn of the event loop.
   */
  ready(): Promise<void> {
    return this.#gate.wait();
  }

  /** Counters of this moment, one consistent snapshot. */
  stats(): QueueStats {
    const worker = this.#workerStats();
    const lost = totalLosses(worker.dropped);
    const laneLosses = Object.values(worker.lanes).map((lane) => totalLosses(lane.dropped));
    return {
      worker: this.#worker.kind,
      emitted: this.#emitted,
      accepted: this.#accepted + this.#losses.total - lost,
      ...worker,
      lost: laneLosses.reduce((sum, laneLost) => sum + laneLost, lost),
      lanes: Object.fromEntries(Object.entries(worker.lanes).map(([name, lane]) => [name, publicStats(lane)])),
    };
  }

  /** For `healthCheck`. */
  get [HEALTH_VIEW](): HealthView {
    return { isShutDown: this.#shutdown !== undefined, recentLosses: this.#reporter.recent };
  }

  /** The worker's figures, with all that was lost in front of the lanes. */
  #workerStats(): WorkerStats {
    const worker = this.#worker.stats();
    return { ...worker, dropped: sumOfLosses(this.#losses.counts, worker.dropped) };
  }

  #attachMetrics(): void {
    this.#isMeterMissing = false;
    if (this.#metrics?.attach() === false) {
      diag.warn('otel-log-queue: there will be no metrics: selfObsMeterProvider gives a meter that does nothing');
    }
  }

  #take(record: LogRecord, context: Context | undefined): LossReason | undefined {
    let reason: LossReason | undefined;
    try {
      if (this.#lossRecords !== undefined) {
        this.#lossRecords.resource = record.resource;
      }
      reason = this.#worker.take(record, context);
    } catch {
      reason = 'invalid';
    }
    if (reason === undefined) {
      this.#accepted++;
    } else {
      this.#losses.add(reason, 1);
      this.#lossRecords?.noteRefused(record);
    }
    return reason;
  }

  /** A record about losses. It is counted like any other, in the root context: what has been lost may have been noticed from inside an export. */
  #emitOwn(record: LogRecord): boolean {
    this.#emitted++;
    return this.#take(record, ROOT_CONTEXT) === undefined;
  }

  #observer(): EventLoopObserver {
    const lossRecords = this.#lossRecords;
    return {
      onLoss: () => this.#reporter.note(),
      onRoom: () => this.#gate.letThrough(),
      exports: this.#metrics,
      ...(lossRecords && { onRefused: (record) => lossRecords.noteRefused(record) }),
    };
  }

  async #end(timeoutMillis: number): Promise<void> {
    this.#gate.open();
    const end = Date.now() + timeoutMillis;
    if (this.#lossRecords !== undefined) {
      if (this.#worker.room() < MOST_LOSS_RECORDS_AT_ONCE) {
        await this.#worker.flush(timeoutMillis / 2);
      }
      // Before the last flush, which is to deliver it. What is lost in that flush is told everywhere else.
      this.#lossRecords.end();
    }
    const undelivered = await this.#worker.shutdown(Math.max(0, end - Date.now()));
    this.#leaveExitHook();
    this.#metrics?.end();
    this.#reporter.end();
    rejectIfUndelivered('shutdown', undelivered);
  }

  /** What was lost before any lane. */
  #frontSource(): LossSource {
    const counts = (): LossCounts => this.#workerStats().dropped;
    return {
      lane: undefined,
      losses: {
        get counts() {
          return counts();
        },
      },
    };
  }

  async #onBeforeExit(): Promise<void> {
    if (this.#shutdown === undefined) {
      this.#lossRecords?.settle();
      await this.#worker.onBeforeExit();
    }
  }

  #onExitBegin(): void {
    if (this.#shutdown === undefined && this.#worker.kind === 'thread') {
      this.#lossRecords?.settle();
    }
    this.#worker.onExitBegin();
  }

  #onExit(): void {
    this.#worker.onExit();
    this.#reporter.end();
  }
}

function timeoutOf(options: { timeoutMillis?: number } | undefined, byDefault: number): number {
  const given = options?.timeoutMillis;
  return typeof given === 'number' && given >= 0 && given < 2 ** 31 ? given : byDefault;
}
