import { diag } from '@opentelemetry/api';
import { performance } from 'node:perf_hooks';
import type { LaneGroupObserver } from '../lane/lane-group';
import type { ThreadFigures } from './shared-stats';
import { sumOfFigures, withPendingLost } from './thread-figures';
import { ThreadLink } from './thread-link';
import type { ThreadData } from './thread-protocol';

// A thread that dies again and again is not worth its start.
const MAX_DEATHS = 5;
const FIRST_RESTART_MILLIS = 100;
const STEADY_MILLIS = 60_000;

const NOTHING_DONE: ThreadFigures = { offered: 0, unreadable: 0, lanes: [] };

/** Keeps a worker thread running: a new one takes the place of one that has died, and goes on where the ring stands. What the dead one held is lost and counted. */
export class ThreadSupervisor {
  readonly #data: Omit<ThreadData, 'port' | 'stats'>;
  readonly #takenFromRing: () => number;
  readonly #observer: LaneGroupObserver;
  readonly #lastFailures = new Map<string, string | undefined>();
  #link: ThreadLink | undefined;
  #before = NOTHING_DONE;
  #crashed = 0;
  #deaths = 0;
  #startedMillis = 0;
  #restartTimer: NodeJS.Timeout | undefined = undefined;
  #isGivenUp = false;
  #isOver = false;

  /**
   * @param takenFromRing how many records any thread has taken so far
   * @throws Error if there can be no thread
   */
  constructor(data: Omit<ThreadData, 'port' | 'stats'>, takenFromRing: () => number, observer: LaneGroupObserver) {
    this.#data = data;
    this.#takenFromRing = takenFromRing;
    this.#observer = observer;
    this.#link = this.#start();
  }

  /** The running thread; undefined between a death and a restart, and for good when `isGivenUp`. */
  get link(): ThreadLink | undefined {
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
    return this.#link === undefined ? this.#before : sumOfFigures(this.#before, this.#link.stats.read());
  }

  lastFailureOf(lane: string): string | undefined {
    return this.#lastFailures.get(lane);
  }

  /** The running thread, started now if it would be started later: somebody waits for it. */
  wake(): ThreadLink | undefined {
    this.#restart();
    return this.#link;
  }

  /** Ends the thread, and no other one is started. */
  async end(): Promise<void> {
    this.#isOver = true;
    clearTimeout(this.#restartTimer);
    await this.#link?.end();
  }

  #start(): ThreadLink {
    this.#startedMillis = performance.now();
    return new ThreadLink(this.#data, {
      onLoss: (lane, lastFailure) => {
        this.#lastFailures.set(lane, lastFailure);
        this.#observer.onLoss();
      },
      onDeath: (link) => this.#onDeath(link),
    });
  }

  #onDeath(link: ThreadLink): void {
    diag.error('otel-log-queue: the worker thread has ended');
    this.#link = undefined;
    this.#before = withPendingLost(sumOfFigures(this.#before, link.stats.read()), 'worker_crashed');
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
