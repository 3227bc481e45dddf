import { diag, type Context } from '@opentelemetry/api';
import type { LogRecordProcessor } from '@opentelemetry/sdk-logs';
import { onProcessExit } from './exit-hook';
import { FlushError } from './flush-error';
import { ExportScope } from './lane/export-scope';
import { Lane } from './lane/lane';
import { LossReporter } from './loss-reporter';
import { resolveOptions, type QueueLogRecordProcessorOptions, type ResolvedOptions } from './options';
import { ReadyGate } from './ready-gate';
import { estimateRecordBytes } from './record-size';
import { snapshotRecord } from './snapshot';
import { LossCounter, type LossCounts, type LossReason, type QueueStats } from './stats';

type EmittedRecord = Parameters<LogRecordProcessor['onEmit']>[0];
type EnabledOptions = Parameters<NonNullable<LogRecordProcessor['enabled']>>[0];

// Under the 30 s after which the LoggerProvider gives up waiting, without telling why.
const FLUSH_TIMEOUT_MILLIS = 25_000;

/**
 * A `LogRecordProcessor` that puts records into a bounded queue for each exporter and delivers them from there.
 *
 * `onEmit` never throws, never waits and takes a bounded time. Every record is, at every moment, exactly one of delivered, queued, in flight or lost for a counted reason: `stats()`.
 *
 * @throws TypeError or RangeError naming option, range and value received (constructor)
 */
export class QueueLogRecordProcessor implements LogRecordProcessor {
  readonly #options: ResolvedOptions;
  readonly #lanes: readonly Lane[];
  readonly #scope = new ExportScope();
  readonly #losses: LossCounter;
  readonly #reporter: LossReporter;
  readonly #gate: ReadyGate;
  readonly #boundsBytes: boolean;
  readonly #leaveExitHook: () => void;
  #emitted = 0;
  #accepted = 0;
  #emittedBeforeExit = -1;
  #largestBytes = 1;
  #shutdown: Promise<void> | undefined = undefined;

  constructor(options: QueueLogRecordProcessorOptions) {
    this.#options = resolveOptions(options);
    this.#losses = new LossCounter(() => this.#reporter.note());
    this.#gate = new ReadyGate(() => Math.min(...this.#lanes.map((lane) => lane.roomFor(this.#largestBytes))));
    const observer = {
      onLoss: () => this.#reporter.note(),
      onFailing: (lane: Lane, message: string) => diag.warn(`otel-log-queue: lane ${lane.name} cannot deliver and tries again: ${message}`),
      onRecovered: (lane: Lane) => diag.info(`otel-log-queue: lane ${lane.name} delivers again`),
      onRoom: () => this.#gate.letThrough(),
    };
    this.#lanes = this.#options.lanes.map(({ name, exporter, options: laneOptions }) => new Lane(name, exporter, laneOptions, this.#scope, observer));
    this.#boundsBytes = this.#options.lanes.some((lane) => lane.options.maxQueueBytes !== undefined);
    this.#reporter = new LossReporter([{ lane: undefined, losses: this.#losses }, ...this.#lanes.map(lossSource)], this.#options.onLoss);
    this.#leaveExitHook =
      this.#options.exitTimeoutMillis === 0 ? () => undefined : onProcessExit({ onBeforeExit: () => this.#onBeforeExit(), onExit: () => this.#onExit() });
  }

  /** Takes the record. Never throws, never waits; what cannot be taken is counted. */
  onEmit(record: EmittedRecord, context?: Context): void {
    this.#emitted++;
    if (this.#shutdown !== undefined) {
      this.#losses.add('already_shutdown', 1);
      return;
    }
    let reason: LossReason;
    try {
      if (!this.#scope.isInside(context)) {
        const snapshot = snapshotRecord(record);
        const severityNumber = snapshot.severityNumber;
        const bytes = this.#boundsBytes ? estimateRecordBytes(snapshot) : 0;
        this.#largestBytes = Math.max(this.#largestBytes, bytes);
        this.#accepted++;
        this.#gate.noteEmit();
        for (const lane of this.#lanes) {
          if (lane.wants(severityNumber)) {
            lane.offer(snapshot, severityNumber, bytes);
          }
        }
        return;
      }
      reason = 'suppressed';
    } catch {
      reason = 'invalid';
    }
    this.#losses.add(reason, 1);
  }

  /** Whether a record of this severity would reach a lane. */
  enabled({ severityNumber }: EnabledOptions): boolean {
    return this.#shutdown === undefined && this.#lanes.some((lane) => lane.wants(severityNumber));
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
    const results = await Promise.all(this.#lanes.map((lane) => lane.flush(timeoutOf(options, FLUSH_TIMEOUT_MILLIS))));
    const lost: Record<string, LossCounts> = {};
    const queued: Record<string, number> = {};
    this.#lanes.forEach(({ name }, index) => {
      const result = results[index];
      if (result !== undefined && Object.keys(result.lost).length > 0) {
        lost[name] = result.lost;
      }
      if (result !== undefined && result.remaining > 0) {
        queued[name] = result.remaining;
      }
    });
    if (Object.keys(lost).length > 0 || Object.keys(queued).length > 0) {
      throw new FlushError('forceFlush', lost, queued);
    }
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
    return {
      worker: 'event-loop',
      emitted: this.#emitted,
      accepted: this.#accepted,
      dropped: { ...this.#losses.counts },
      queued: 0,
      queuedBytes: 0,
      capacity: {},
      lost: this.#lanes.reduce((sum, lane) => sum + lane.losses.total, this.#losses.total),
      lanes: Object.fromEntries(this.#lanes.map((lane) => [lane.name, lane.stats()])),
    };
  }

  async #end(timeoutMillis: number): Promise<void> {
    this.#gate.open();
    const before = this.#lanes.map((lane) => ({ ...lane.losses.counts }));
    await Promise.all(this.#lanes.map((lane) => lane.shutdown(timeoutMillis)));
    this.#leaveExitHook();
    this.#reporter.end();
    const lost: Record<string, LossCounts> = {};
    this.#lanes.forEach((lane, index) => {
      const counts = difference(lane.losses.counts, before[index] ?? {});
      if (Object.keys(counts).length > 0) {
        lost[lane.name] = counts;
      }
    });
    if (Object.keys(lost).length > 0) {
      throw new FlushError('shutdown', lost, {});
    }
  }

  /** A flush that a backend without an answer cannot hold for longer than `exitTimeoutMillis`, nor anything for longer than `shutdownTimeoutMillis`. */
  async #onBeforeExit(): Promise<void> {
    // What an earlier round could not deliver has had its attempt.
    if (this.#shutdown !== undefined || this.#emitted === this.#emittedBeforeExit || this.#lanes.every((lane) => lane.pending === 0)) {
      return;
    }
    this.#emittedBeforeExit = this.#emitted;
    const settled = (): number => this.#lanes.reduce((sum, lane) => sum + lane.progress, 0);
    let progress = settled();
    const watch = setInterval(() => {
      const now = settled();
      if (now === progress) {
        this.#lanes.forEach((lane) => lane.abortAttempt('no progress within exitTimeoutMillis at the end of the process'));
      }
      progress = now;
    }, this.#options.exitTimeoutMillis);
    await this.forceFlush({ timeoutMillis: this.#options.shutdownTimeoutMillis }).catch(() => undefined);
    clearInterval(watch);
  }

  #onExit(): void {
    // For what later listeners of the event emit.
    this.#shutdown ??= Promise.resolve();
    this.#lanes.forEach((lane) => lane.end());
    this.#reporter.end();
  }
}

function lossSource(lane: Lane): { lane: string; losses: LossCounter; readonly lastFailure: string | undefined } {
  return {
    lane: lane.name,
    losses: lane.losses,
    get lastFailure() {
      return lane.lastFailure;
    },
  };
}

function timeoutOf(options: { timeoutMillis?: number } | undefined, byDefault: number): number {
  const given = options?.timeoutMillis;
  return typeof given === 'number' && given >= 0 && given < 2 ** 31 ? given : byDefault;
}

function difference(after: LossCounts, before: LossCounts): LossCounts {
  const counts: LossCounts = {};
  for (const [reason, count] of Object.entries(after) as [LossReason, number][]) {
    if (count > (before[reason] ?? 0)) {
      counts[reason] = count - (before[reason] ?? 0);
    }
  }
  return counts;
}
