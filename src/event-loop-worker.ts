import { randomUUID } from 'node:crypto';
import type { Context } from '@opentelemetry/api';
import { ExportScope } from './lane/export-scope';
import { flushBeforeExit } from './lane/flush-before-exit';
import type { Lane } from './lane/lane';
import { LaneGroup, type LaneGroupObserver, type ResolvedLane, type Undelivered } from './lane/lane-group';
import type { LossSource } from './loss-reporter';
import type { QueueWorker, WorkerStats } from './queue-worker';
import type { LogRecord } from './record';
import { estimateRecordBytes } from './record-size';
import { snapshotRecord } from './snapshot';
import type { LossReason } from './stats';

export interface EventLoopWorkerOptions {
  readonly lanes: readonly ResolvedLane[];
  readonly shutdownTimeoutMillis: number;
  readonly exitTimeoutMillis: number;
}

export interface EventLoopObserver extends LaneGroupObserver {
  /** A lane has refused this record, not another one in its favour. Called from inside `take`, once for each lane. */
  readonly onRefused?: (record: LogRecord) => void;
}

// These make room by losing an older record, which is gone when its loss is counted.
const EVICTING_POLICIES: readonly string[] = ['drop-oldest', 'sample'];

/** Lanes on the event loop of the application: works with any exporter; what is queued when the process exits abruptly is lost. */
export class EventLoopWorker implements QueueWorker {
  readonly kind = 'event-loop';
  readonly #options: EventLoopWorkerOptions;
  readonly #scope = new ExportScope();
  readonly #lanes: LaneGroup;
  readonly #boundsBytes: boolean;
  readonly #onRefused: ((record: LogRecord) => void) | undefined;
  readonly #refusingLanes: readonly Lane[];
  #isEnded = false;
  #largestBytes = 1;
  #taken = 0;
  #takenBeforeExit = -1;

  constructor(options: EventLoopWorkerOptions, observer: EventLoopObserver) {
    this.#options = options;
    this.#lanes = new LaneGroup(options.lanes, this.#scope, observer, randomUUID());
    this.#boundsBytes = options.lanes.some((lane) => lane.options.maxQueueBytes !== undefined);
    this.#onRefused = observer.onRefused;
    this.#refusingLanes = this.#lanes.lanes.filter((_lane, index) => !EVICTING_POLICIES.includes(options.lanes[index]?.options.onQueueFull.policy ?? ''));
  }

  get lossSources(): readonly LossSource[] {
    return this.#lanes.lanes.map((lane) => ({
      lane: lane.name,
      losses: lane.losses,
      get lastFailure() {
        return lane.lastFailure;
      },
    }));
  }

  wants(severityNumber: number | undefined): boolean {
    return this.#lanes.lanes.some((lane) => lane.wants(severityNumber));
  }

  take(record: LogRecord, context: Context | undefined): LossReason | undefined {
    if (this.#isEnded) {
      return 'already_shutdown';
    }
    if (this.#scope.isInside(context)) {
      return 'suppressed';
    }
    const snapshot = snapshotRecord(record);
    const severityNumber = snapshot.severityNumber;
    const bytes = this.#boundsBytes ? estimateRecordBytes(snapshot) : 0;
    this.#largestBytes = Math.max(this.#largestBytes, bytes);
    this.#taken++;
    if (this.#onRefused === undefined) {
      this.#lanes.offer(snapshot, severityNumber, bytes);
    } else {
      this.#offerWatched(snapshot, severityNumber, bytes, this.#onRefused);
    }
    return undefined;
  }

  room(): number {
    return this.#lanes.roomFor(this.#largestBytes);
  }

  onWaiting(): void {
    // The lanes tell it by themselves.
  }

  flush(timeoutMillis: number): Promise<Undelivered> {
    return this.#lanes.flush(timeoutMillis);
  }

  shutdown(timeoutMillis: number): Promise<Undelivered> {
    return this.#lanes.shutdown(timeoutMillis);
  }

  stats(): WorkerStats {
    return {
      dropped: {},
      queued: 0,
      queuedBytes: 0,
      capacity: {},
      lanes: this.#lanes.figures(),
    };
  }

  /** A flush that a backend without an answer cannot hold for longer than `exitTimeoutMillis`, nor anything for longer than `shutdownTimeoutMillis`. */
  async onBeforeExit(): Promise<void> {
    // What an earlier round could not deliver has had its attempt.
    if (this.#taken === this.#takenBeforeExit || this.#lanes.pending === 0) {
      return;
    }
    this.#takenBeforeExit = this.#taken;
    await flushBeforeExit(this.#lanes, this.#options.exitTimeoutMillis, () => this.#lanes.flush(this.#options.shutdownTimeoutMillis, true));
  }

  onExitBegin(): void {
    // Nothing can run any more that would deliver.
  }

  onExit(): void {
    this.#isEnded = true;
    this.#lanes.end();
  }

  #offerWatched(record: LogRecord, severityNumber: number | undefined, bytes: number, onRefused: (record: LogRecord) => void): void {
    const before = this.#refused();
    this.#lanes.offer(record, severityNumber, bytes);
    for (let refused = this.#refused() - before; refused > 0; refused--) {
      onRefused(record);
    }
  }

  #refused(): number {
    let refused = 0;
    for (const lane of this.#refusingLanes) {
      refused += lane.losses.total;
    }
    return refused;
  }
}
