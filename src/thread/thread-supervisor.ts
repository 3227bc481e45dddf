import { diag } from '@opentelemetry/api';
import { performance } from 'node:perf_hooks';
import type { LaneGroupObserver } from '../lane/lane-group';
import type { DrainLink } from './drain-link';
import { EventLoopLink, type EventLoopLinkOptions } from './event-loop-link';
import type { ThreadFigures } from './shared-stats';
import { sumOfFigures, withPendingLost } from './thread-figures';
import { ThreadLink } from './thread-link';
import { threadCandidates, type ThreadCandidate } from './thread-process';
import type { RingData } from './thread-protocol';

// A thread that dies again and again is not worth its start.
const MAX_DEATHS = 5;
const FIRST_RESTART_MILLIS = 100;
const STEADY_MILLIS = 60_000;

const NOTHING_DONE: ThreadFigures = { isPublished: false, offered: 0, unreadable: 0, lanes: [] };

export interface ThreadSupervisorOptions extends EventLoopLinkOptions {
  readonly workerPath: string | undefined;
}

export interface ThreadSupervisorObserver extends LaneGroupObserver {
  /** There can be no thread: from now on the ring is drained on this one. */
  readonly onEventLoop: () => void;
}

/** Keeps a worker thread running. One that cannot start makes way for the next way to start it, and for the event loop at last, without loss: it has taken nothing. A new one takes the place of one that has died, and goes on where the ring stands. What the dead one held is lost and counted. */
export class ThreadSupervisor {
  readonly #data: RingData;
  readonly #options: ThreadSupervisorOptions;
  readonly #candidates: readonly ThreadCandidate[];
  readonly #takenFromRing: () => number;
  readonly #observer: ThreadSupervisorObserver;
  readonly #lastFailures = new Map<string, string | undefined>();
  /** The way to start that is in use. */
  #candidate = 0;
  #whyNoThread = 'the file of the worker thread is not there';
  #link: DrainLink | undefined;
  #before = NOTHING_DONE;
  /** A thread has run before: the way to start is a good one. */
  #hasStarted = false;
  #crashed = 0;
  #deaths = 0;
  #startedMillis = 0;
  #restartTimer: NodeJS.Timeout | undefined = undefined;
  #isGivenUp = false;
  #isOver = false;

  /**
   * @param takenFromRing how many records any thread has taken so far
   * @throws TypeError or RangeError if there can be no thread and an exporter cannot be made
   */
  constructor(data: RingData, options: ThreadSupervisorOptions, takenFromRing: () => number, observer: ThreadSupervisorObserver) {
    this.#data = data;
    this.#options = options;
    this.#candidates = threadCandidates(options.workerPath);
    this.#takenFromRing = takenFromRing;
    this.#observer = observer;
    this.#link = this.#start();
  }

  /** What drains the ring; undefined between a death and a restart, and for good when `isGivenUp`. */
  get link(): DrainLink | undefined {
    return this.#link;
  }

  /** There will be no thread any more. */
  get isGivenUp(): boolean {
    return this.#isGivenUp;
  }

  /** Records that were taken off the ring and reached no lane, because the thread died. */
  get crashed(): number {
    return this.#crashed;
  }

  /** What all threads have done together. */
  get figures(): ThreadFigures {
    return this.#link === undefined ? this.#before : sumOfFigures(this.#before, this.#link.figures);
  }

  lastFailureOf(lane: string): string | undefined {
    return this.#lastFailures.get(lane);
  }

  /** The running thread, started now if it would be started later: somebody waits for it. */
  wake(): DrainLink | undefined {
    this.#restart();
    return this.#link;
  }

  /** Ends the thread, and no other one is started. */
  async end(): Promise<void> {
    this.#isOver = true;
    clearTimeout(this.#restartTimer);
    await this.#link?.end();
  }

  /** By the first way that is left and does not fail at once. */
  #start(): DrainLink {
    const onLoss = (lane: string, lastFailure: string | undefined): void => {
      this.#lastFailures.set(lane, lastFailure);
      this.#observer.onLoss();
    };
    for (;;) {
      const candidate = this.#candidates[this.#candidate];
      if (candidate === undefined) {
        diag.warn(`otel-log-queue: no worker thread, the event loop is used instead: ${this.#whyNoThread}`);
        this.#observer.onEventLoop();
        return new EventLoopLink(this.#data, this.#options, onLoss, this.#observer.exports);
      }
      this.#startedMillis = performance.now();
      try {
        return new ThreadLink(candidate, this.#data, { exports: this.#observer.exports, onLoss, onDeath: (link) => this.#onDeath(link), onStartFailed: (link, why) => this.#onStartFailed(link, candidate, why) });
      } catch (error) {
        this.#noteNoThread(candidate, error instanceof Error ? error.message : String(error));
      }
    }
  }

  #onStartFailed(link: ThreadLink, candidate: ThreadCandidate, why: string): void {
    if (this.#hasStarted) {
      this.#onDeath(link);
      return;
    }
    this.#noteNoThread(candidate, why);
    this.#link = undefined;
    this.#restart();
  }

  #noteNoThread(candidate: ThreadCandidate, why: string): void {
    this.#whyNoThread = why;
    this.#candidate++;
    if (this.#candidate < this.#candidates.length) {
      diag.warn(`otel-log-queue: the worker thread does not start from ${candidate.label}: ${why}`);
    }
  }

  #onDeath(link: ThreadLink): void {
    this.#hasStarted = true;
    diag.error('otel-log-queue: the worker thread has ended');
    this.#link = undefined;
    this.#before = withPendingLost(sumOfFigures(this.#before, link.figures), 'worker_crashed');
    this.#crashed = this.#takenFromRing() - this.#before.offered - this.#before.unreadable;
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
    if (this.#link !== undefined || this.#isOver || this.#isGivenUp) {
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
}
