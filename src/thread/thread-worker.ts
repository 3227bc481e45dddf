import { randomUUID } from 'node:crypto';
import { diag, type Context } from '@opentelemetry/api';
import { performance } from 'node:perf_hooks';
import type { ExporterDescription } from '../exporters/description';
import type { LaneFigures } from '../lane/lane-figures';
import type { LaneGroupObserver, Undelivered } from '../lane/lane-group';
import type { ResolvedLaneOptions } from '../lane/lane-options';
import type { LossSource } from '../loss-reporter';
import type { RingOptions } from '../options';
import type { QueueWorker, WorkerStats } from '../queue-worker';
import { capacityWithin, createSharedQueueMemory } from '../queue/shared-queue';
import { SharedQueueProducer } from '../queue/shared-queue-producer';
import { settledResourceAttributes, type LogRecord, type Resource } from '../record';
import type { LossCounts, LossReason } from '../stats';
import { FrameWriter } from './frame-writer';
import type { ThreadFigures } from './shared-stats';
import { createStringTable, StringTableWriter } from './string-table';
import { lostBetween, pendingByLane, withLoss, withPendingLost } from './thread-figures';
import { ThreadSupervisor } from './thread-supervisor';

export interface ThreadWorkerOptions {
  readonly lanes: readonly { readonly name: string; readonly exporter: ExporterDescription; readonly options: ResolvedLaneOptions }[];
  readonly ring: RingOptions;
  readonly workerPath: string | undefined;
  readonly shutdownTimeoutMillis: number;
  readonly exitTimeoutMillis: number;
}

// How long a producer that waits for room sleeps at most before it looks again.
const ROOM_WAIT_MILLIS = 1000;

// Where a lane's name would stand, for records that have not got as far as a lane.
const IN_FRONT = '(in front of the lanes)';

/**
 * Lanes in a thread of their own, behind a ring in shared memory: the main thread writes one frame for each record and nothing else.
 * Where no thread starts, the event loop drains the same ring.
 */
export class ThreadWorker implements QueueWorker {
  readonly #options: ThreadWorkerOptions;
  readonly #observer: LaneGroupObserver;
  readonly #table: StringTableWriter;
  readonly #producer: SharedQueueProducer;
  readonly #thread: ThreadSupervisor;
  /** Only while there is no thread: then exporters run in contexts that reach `take`. */
  #isOnEventLoop = false;
  #isWaitingForRoom = false;
  #isShutDown = false;
  /** What is pending now is lost: there will be no thread to deliver it. */
  #isEnded = false;
  #exitId = 0;
  #exitDeadline = 0;

  /** @throws Error if there is no shared memory, TypeError or RangeError if there can be no thread and an exporter cannot be made */
  constructor(options: ThreadWorkerOptions, observer: LaneGroupObserver) {
    this.#options = options;
    this.#observer = observer;
    const queue = createSharedQueueMemory(capacityWithin(options.ring.maxBytes));
    const table = createStringTable();
    this.#table = new StringTableWriter(table, (resource, id) => void this.#publishWhenSettled(resource, id));
    this.#producer = new SharedQueueProducer(queue, {
      writer: new FrameWriter(this.#table, queue.data),
      policy: options.ring.policy,
      maxRecords: options.ring.maxRecords,
    });
    this.#thread = new ThreadSupervisor({ lanes: options.lanes, queue, table, spoolOwner: randomUUID(), exitTimeoutMillis: options.exitTimeoutMillis, tellsExports: observer.exports !== undefined }, options, () => this.#producer.taken, {
      onLoss: () => observer.onLoss(),
      onRoom: () => observer.onRoom(),
      exports: observer.exports,
      onEventLoop: () => {
        this.#isOnEventLoop = true;
        this.#producer.neverWait();
      },
    });
  }

  get kind(): 'thread' | 'event-loop' {
    return this.#isOnEventLoop ? 'event-loop' : 'thread';
  }

  get lossSources(): readonly LossSource[] {
    return this.#options.lanes.map(({ name }, index) => {
      const counts = (): LossCounts => this.#figures().lanes[index]?.dropped ?? {};
      const lastFailure = (): string | undefined => this.#thread.lastFailureOf(name);
      return {
        lane: name,
        losses: {
          get counts() {
            return counts();
          },
        },
        get lastFailure() {
          return lastFailure();
        },
      };
    });
  }

  wants(severityNumber: number | undefined): boolean {
    return this.#options.lanes.some(({ options: { minSeverity } }) => minSeverity === undefined || !severityNumber || severityNumber >= minSeverity);
  }

  take(record: LogRecord, context: Context | undefined): LossReason | undefined {
    if (this.#isOnEventLoop && this.#thread.link?.isInsideExport(context) === true) {
      return 'suppressed';
    }
    if (this.#thread.isGivenUp) {
      return 'worker_crashed';
    }
    const reason = this.#producer.offer(record, record.severityNumber);
    if (this.#exitId !== 0 && reason === undefined) {
      // Emitted by a later listener of the `exit` event: nothing else will ever run that could deliver it.
      this.onExitBegin();
      this.#waitForExit();
    }
    return reason;
  }

  room(): number {
    return this.#thread.isGivenUp ? Infinity : this.#producer.roomFor(this.#producer.largestFrameBytes);
  }

  onWaiting(): void {
    if (this.#isWaitingForRoom) {
      return;
    }
    this.#isWaitingForRoom = true;
    const link = this.#thread.wake();
    link?.reference();
    this.#producer.notify();
    const look = (): void => {
      this.#isWaitingForRoom = false;
      link?.unreference();
      this.#observer.onRoom();
    };
    const taken = this.#producer.waitForTake(ROOM_WAIT_MILLIS);
    if (taken === undefined) {
      setImmediate(look);
    } else {
      void taken.then(look);
    }
  }

  async flush(timeoutMillis: number): Promise<Undelivered> {
    const acceptedBefore = this.#producer.accepted;
    const answer = (await this.#command('flush', timeoutMillis)) ?? { lost: {}, queued: pendingByLane(this.#figures(), this.#options.lanes) };
    // Records come off the ring in order, so what is left there is the newest, and what came after the call does not count.
    const inFront = this.#queued(this.#figures()) - (this.#producer.accepted - acceptedBefore);
    return inFront > 0 ? { ...answer, queued: { ...answer.queued, [IN_FRONT]: inFront } } : answer;
  }

  async shutdown(timeoutMillis: number): Promise<Undelivered> {
    const before = this.stats();
    this.#table.publishUnsettled();
    await this.#command('shutdown', timeoutMillis);
    await this.#thread.end();
    this.#isShutDown = true;
    this.#isEnded = true;
    // By the counters, not by the thread's own word: it may not have had the time to say it.
    return { lost: lostBetween(before, this.stats(), IN_FRONT), queued: {} };
  }

  stats(): WorkerStats {
    const figures = this.#figures();
    const pending = this.#queued(figures);
    const { isGivenUp, crashed } = this.#thread;
    let dropped = withLoss({}, 'queue_full', this.#producer.evicted);
    dropped = withLoss(dropped, 'invalid', figures.unreadable);
    dropped = withLoss(dropped, 'worker_crashed', crashed + (isGivenUp ? pending : 0));
    dropped = withLoss(dropped, 'shutdown_timeout', this.#isEnded && !isGivenUp ? pending : 0);
    const isOver = this.#isEnded || isGivenUp;
    return {
      dropped,
      queued: isOver ? 0 : pending,
      queuedBytes: isOver ? 0 : this.#producer.usedBytes,
      capacity: { bytes: this.#producer.capacityBytes, ...(this.#options.ring.maxRecords === undefined ? undefined : { records: this.#options.ring.maxRecords }) },
      lanes: Object.fromEntries(this.#options.lanes.map(({ name }, index) => [name, figures.lanes[index] as LaneFigures])),
    };
  }

  async onBeforeExit(): Promise<void> {
    if (this.#isOnEventLoop) {
      this.#table.publishUnsettled();
      await this.#thread.link?.onBeforeExit(this.#producer.position);
    }
  }

  onExitBegin(): void {
    const { link } = this.#thread;
    if (link === undefined || this.#isShutDown) {
      return;
    }
    if (this.#exitDeadline === 0) {
      this.#exitDeadline = performance.now() + this.#options.shutdownTimeoutMillis;
    }
    this.#table.publishUnsettled();
    const left = Math.max(0, this.#exitDeadline - performance.now());
    this.#exitId = link.commandExit(this.#producer.position, left);
    this.#producer.notify();
  }

  onExit(): void {
    if (this.#exitId !== 0) {
      this.#waitForExit();
    }
    this.#isEnded = true;
  }

  #waitForExit(): void {
    if (this.#producer.accepted > 0) {
      this.#thread.link?.waitForExit(this.#exitId, this.#options.exitTimeoutMillis, this.#exitDeadline);
    }
  }

  async #command(type: 'flush' | 'shutdown', timeoutMillis: number): Promise<Undelivered | undefined> {
    const target = this.#producer.position;
    const deadline = performance.now() + timeoutMillis;
    for (;;) {
      const link = this.#thread.wake();
      const left = Math.max(0, deadline - performance.now());
      const answered = link?.command(type, target, left);
      this.#producer.notify();
      const answer = await answered;
      // A thread that could not start has made way for another one, which has to be asked again.
      if (answer !== undefined || link === undefined || link.isReady || left === 0 || this.#thread.link === link) {
        return answer;
      }
    }
  }

  async #publishWhenSettled(resource: Resource, id: number): Promise<void> {
    try {
      await resource.waitForAsyncAttributes?.();
    } catch (error) {
      diag.debug('otel-log-queue: a resource could not settle its attributes', error);
    }
    this.#table.publishResource(id, settledResourceAttributes(resource), resource.schemaUrl);
  }

  #figures(): ThreadFigures {
    const { figures } = this.#thread;
    return this.#isEnded ? withPendingLost(figures, 'shutdown_timeout') : figures;
  }

  /** Records that are in the ring or in the hands of the pump. */
  #queued(figures: ThreadFigures): number {
    return this.#producer.accepted - this.#producer.evicted - figures.offered - figures.unreadable - this.#thread.crashed;
  }
}
