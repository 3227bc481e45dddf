import { diag } from '@opentelemetry/api';
import { performance } from 'node:perf_hooks';
import type { ExporterDescription } from '../exporters/description';
import type { LaneGroupObserver, Undelivered } from '../lane/lane-group';
import type { ResolvedLaneOptions } from '../lane/lane-options';
import type { LossSource } from '../loss-reporter';
import type { RingOptions } from '../options';
import type { QueueWorker, WorkerStats } from '../queue-worker';
import { capacityWithin, createSharedQueueMemory, type SharedQueueMemory } from '../queue/shared-queue';
import { SharedQueueProducer } from '../queue/shared-queue-producer';
import { settledResourceAttributes, type LogRecord, type Resource } from '../record';
import { lossesSince, type LaneStats, type LossCounts, type LossReason } from '../stats';
import { FrameWriter } from './frame-writer';
import type { ThreadFigures } from './shared-stats';
import { createStringTable, StringTableWriter } from './string-table';
import { sumOfFigures, withLoss, withPendingLost } from './thread-figures';
import { ThreadLink } from './thread-link';

export interface ThreadWorkerOptions {
  readonly lanes: readonly { readonly name: string; readonly exporter: ExporterDescription; readonly options: ResolvedLaneOptions }[];
  readonly ring: RingOptions;
  readonly shutdownTimeoutMillis: number;
  readonly exitTimeoutMillis: number;
}

// A thread that dies again and again is not worth its start.
const MAX_DEATHS = 5;
const FIRST_RESTART_MILLIS = 100;
const STEADY_MILLIS = 60_000;

// How long a producer that waits for room sleeps at most before it looks again.
const ROOM_WAIT_MILLIS = 1000;

// Where a lane's name would stand, for records that have not got as far as a lane.
const IN_FRONT = '(in front of the lanes)';

const NOTHING_DONE: ThreadFigures = { offered: 0, unreadable: 0, lanes: [] };

/** Lanes in a thread of their own, behind a ring in shared memory: the main thread writes one frame for each record and nothing else. */
export class ThreadWorker implements QueueWorker {
  readonly kind = 'thread';
  readonly #options: ThreadWorkerOptions;
  readonly #observer: LaneGroupObserver;
  readonly #queue: SharedQueueMemory;
  readonly #tableMemory = createStringTable();
  readonly #table: StringTableWriter;
  readonly #producer: SharedQueueProducer;
  readonly #lastFailures = new Map<string, string | undefined>();
  #link: ThreadLink | undefined;
  /** What the threads before this one have done. */
  #before = NOTHING_DONE;
  /** Records that were taken off the ring and reached no lane, because the thread died. */
  #crashed = 0;
  #deaths = 0;
  #startedMillis = performance.now();
  #restartTimer: NodeJS.Timeout | undefined = undefined;
  #isWaitingForRoom = false;
  #isGivenUp = false;
  #isShutDown = false;
  /** What is pending now is lost: there will be no thread to deliver it. */
  #isEnded = false;
  #exitId = 0;
  #exitDeadline = 0;

  /** @throws Error if there can be no thread */
  constructor(options: ThreadWorkerOptions, observer: LaneGroupObserver) {
    this.#options = options;
    this.#observer = observer;
    this.#queue = createSharedQueueMemory(capacityWithin(options.ring.maxBytes));
    this.#table = new StringTableWriter(this.#tableMemory, (resource, id) => void this.#publishWhenSettled(resource, id));
    this.#producer = new SharedQueueProducer(this.#queue, {
      writer: new FrameWriter(this.#table, this.#queue.data),
      policy: options.ring.policy,
      maxRecords: options.ring.maxRecords,
    });
    this.#link = this.#start();
  }

  get lossSources(): readonly LossSource[] {
    return this.#options.lanes.map(({ name }, index) => {
      const counts = (): LossCounts => this.#figures().lanes[index]?.dropped ?? {};
      const lastFailure = (): string | undefined => this.#lastFailures.get(name);
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

  take(record: LogRecord): LossReason | undefined {
    if (this.#isGivenUp) {
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
    return this.#isGivenUp ? Infinity : this.#producer.roomFor(this.#producer.largestFrameBytes);
  }

  onWaiting(): void {
    if (this.#isWaitingForRoom) {
      return;
    }
    this.#isWaitingForRoom = true;
    const link = this.#link;
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
    const answer = await this.#command('flush', timeoutMillis);
    return answer ?? this.#pendingNow();
  }

  async shutdown(timeoutMillis: number): Promise<Undelivered> {
    const before = this.stats();
    this.#table.publishUnsettled();
    await this.#command('shutdown', timeoutMillis);
    clearTimeout(this.#restartTimer);
    await this.#link?.end();
    this.#isShutDown = true;
    this.#isEnded = true;
    // By the counters, not by the thread's own word: it may not have had the time to say it.
    return { lost: lostBetween(before, this.stats()), queued: {} };
  }

  stats(): WorkerStats {
    const figures = this.#figures();
    const pending = this.#queued(figures);
    let dropped = withLoss({}, 'queue_full', this.#producer.evicted);
    dropped = withLoss(dropped, 'invalid', figures.unreadable);
    dropped = withLoss(dropped, 'worker_crashed', this.#crashed + (this.#isGivenUp ? pending : 0));
    dropped = withLoss(dropped, 'shutdown_timeout', this.#isEnded && !this.#isGivenUp ? pending : 0);
    const isOver = this.#isEnded || this.#isGivenUp;
    return {
      dropped,
      queued: isOver ? 0 : pending,
      queuedBytes: isOver ? 0 : this.#producer.usedBytes,
      capacity: { bytes: this.#producer.capacityBytes, ...(this.#options.ring.maxRecords === undefined ? undefined : { records: this.#options.ring.maxRecords }) },
      lanes: Object.fromEntries(this.#options.lanes.map(({ name }, index) => [name, figures.lanes[index] as LaneStats])),
    };
  }

  onBeforeExit(): Promise<void> {
    return Promise.resolve();
  }

  onExitBegin(): void {
    if (this.#link === undefined || this.#isShutDown) {
      return;
    }
    if (this.#exitDeadline === 0) {
      this.#exitDeadline = performance.now() + this.#options.shutdownTimeoutMillis;
    }
    this.#table.publishUnsettled();
    const left = Math.max(0, this.#exitDeadline - performance.now());
    this.#exitId = this.#link.commandExit(this.#producer.position, left);
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
      this.#link?.stats.waitForFinish(this.#exitId, this.#options.exitTimeoutMillis, this.#exitDeadline);
    }
    this.#link?.receiveNow();
  }

  #start(): ThreadLink {
    this.#startedMillis = performance.now();
    return new ThreadLink(
      { isOtelLogQueue: true, lanes: this.#options.lanes, queue: this.#queue, table: this.#tableMemory },
      {
        onLoss: (lane, lastFailure) => {
          this.#lastFailures.set(lane, lastFailure);
          this.#observer.onLoss();
        },
        onDeath: (link) => this.#onDeath(link),
      },
    );
  }

  async #command(type: 'flush' | 'shutdown', timeoutMillis: number): Promise<Undelivered | undefined> {
    if (this.#link === undefined && !this.#isGivenUp) {
      this.#restart();
    }
    const answer = this.#link?.command(type, this.#producer.position, timeoutMillis);
    this.#producer.notify();
    return answer;
  }

  #onDeath(link: ThreadLink): void {
    diag.error('otel-log-queue: the worker thread has ended');
    this.#link = undefined;
    this.#before = withPendingLost(sumOfFigures(this.#before, link.stats.read()), 'worker_crashed');
    this.#crashed = this.#producer.taken - this.#before.offered - this.#before.unreadable;
    this.#observer.onLoss();
    this.#deaths = performance.now() - this.#startedMillis > STEADY_MILLIS ? 1 : this.#deaths + 1;
    if (this.#deaths >= MAX_DEATHS) {
      this.#giveUp(`it has ended ${this.#deaths} times`);
    } else {
      this.#restartTimer = setTimeout(() => this.#restart(), FIRST_RESTART_MILLIS * 2 ** (this.#deaths - 1)).unref();
    }
  }

  #restart(): void {
    clearTimeout(this.#restartTimer);
    if (this.#link !== undefined || this.#isEnded) {
      return;
    }
    try {
      this.#link = this.#start();
    } catch (error) {
      this.#giveUp(error instanceof Error ? error.message : String(error));
    }
  }

  #giveUp(why: string): void {
    this.#isGivenUp = true;
    diag.error(`otel-log-queue: the worker thread is not started again, records are lost from now on: ${why}`);
    this.#observer.onLoss();
    this.#observer.onRoom();
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
    const figures = this.#link === undefined ? this.#before : sumOfFigures(this.#before, this.#link.stats.read());
    return this.#isEnded ? withPendingLost(figures, 'shutdown_timeout') : figures;
  }

  /** Records that are in the ring or in the hands of the pump. */
  #queued(figures: ThreadFigures): number {
    return this.#producer.accepted - this.#producer.evicted - figures.offered - figures.unreadable - this.#crashed;
  }

  #pendingNow(): Undelivered {
    const figures = this.#figures();
    const queued: Record<string, number> = {};
    const inFront = this.#queued(figures);
    if (inFront > 0) {
      queued[IN_FRONT] = inFront;
    }
    this.#options.lanes.forEach(({ name }, index) => {
      const lane = figures.lanes[index];
      const pending = (lane?.queued ?? 0) + (lane?.inFlight ?? 0);
      if (pending > 0) {
        queued[name] = pending;
      }
    });
    return { lost: {}, queued };
  }
}

function lostBetween(before: WorkerStats, after: WorkerStats): Record<string, LossCounts> {
  const lost = Object.entries(after.lanes).map(([name, lane]): [string, LossCounts] => [name, lossesSince(before.lanes[name]?.dropped ?? {}, lane.dropped)]);
  lost.push([IN_FRONT, lossesSince(before.dropped, after.dropped)]);
  return Object.fromEntries(lost.filter(([, counts]) => Object.keys(counts).length > 0));
}
