import { createExporter } from '../exporters/description';
import type { ExecutionPlace } from '../exporters/execution-place';
import { ExportScope } from '../lane/export-scope';
import { flushBeforeExit } from '../lane/flush-before-exit';
import { LaneGroup, type ExportObserver, type Undelivered } from '../lane/lane-group';
import { SharedQueueConsumer } from '../queue/shared-queue-consumer';
import { FrameReader } from './frame-reader';
import { Pump } from './pump';
import type { ThreadFigures } from './shared-stats';
import { StringTableReader } from './string-table-reader';
import type { RingData, ThreadCommand } from './thread-protocol';

export interface RingDrainObserver {
  /** `figures` has changed. */
  readonly onChange: () => void;
  readonly onLoss: (lane: string, lastFailure: string | undefined) => void;
  readonly exports: ExportObserver | undefined;
}

// Of the time without progress that the main thread waits at an exit, and of the time it waits in all: what hangs is stopped, and on disk where there is a spool, before it goes on.
const QUIET_PART = 0.6;
const EXIT_PART = 0.9;

/** Takes records off the ring into its lanes and delivers them: in the worker thread, or on the event loop where there can be no thread. */
export class RingDrain {
  readonly scope = new ExportScope();
  readonly lanes: LaneGroup;
  readonly #observer: RingDrainObserver;
  readonly #consumer: SharedQueueConsumer;
  readonly #pump: Pump;
  readonly #told = new Map<string, string>();
  readonly #intervalMillis: number;
  readonly #quietMillis: number;
  #turnIsSet = false;

  /** @throws TypeError or RangeError if an exporter cannot be made */
  constructor(data: RingData, place: ExecutionPlace, observer: RingDrainObserver) {
    this.#observer = observer;
    this.#consumer = new SharedQueueConsumer(data.queue);
    const table = new StringTableReader(data.table);
    const lanes = data.lanes.map((lane) => ({ ...lane, exporter: createExporter(lane.exporter, place) }));
    const noteChange = (): void => {
      this.#pump.noteRoom();
      this.#publishSoon();
    };
    this.lanes = new LaneGroup(lanes, this.scope, { onLoss: () => this.#publishSoon(), onRoom: noteChange, onStateChange: noteChange, exports: observer.exports }, data.spoolOwner);
    this.#pump = new Pump(this.#consumer, new FrameReader(table), table, this.lanes, data.lanes.map(({ options }) => options), () => this.#publish());
    this.#quietMillis = data.exitTimeoutMillis * QUIET_PART;
    this.#intervalMillis = Math.min(...data.lanes.map(({ options }) => Math.max(options.scheduledDelayMillis, 10)));
  }

  get figures(): ThreadFigures {
    return { isPublished: true, offered: this.#pump.offered, unreadable: this.#pump.unreadable, lanes: this.lanes.lanes.map((lane) => lane.figures()) };
  }

  /** Works until a `shutdown` command. Does not keep the event loop alive. */
  start(): void {
    void this.#pump.run(this.#intervalMillis);
  }

  /** Does the command for every record before its `target`, within its time-out; the figures are published before it resolves. */
  async obey({ type, target, timeoutMillis }: ThreadCommand): Promise<Undelivered> {
    const end = Date.now() + timeoutMillis;
    if (type !== 'flush') {
      this.#pump.hurry();
    }
    await this.#reach(target, timeoutMillis);
    const left = Math.max(0, end - Date.now());
    if (type === 'shutdown') {
      this.#pump.stop();
    }
    const undelivered = await this.#finish(type, left);
    this.#publish();
    return undelivered;
  }

  async #finish(type: ThreadCommand['type'], timeoutMillis: number): Promise<Undelivered> {
    if (type === 'shutdown') {
      return this.lanes.shutdown(timeoutMillis);
    }
    if (type === 'flush') {
      return this.lanes.flush(timeoutMillis);
    }
    return flushBeforeExit(this.lanes, this.#quietMillis, () => this.lanes.flush(timeoutMillis * EXIT_PART, true));
  }

  /** Takes what is in the ring up to that position, within the time-out. */
  async #reach(target: number, timeoutMillis: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const timeUp = new Promise<void>((resolve) => (timer = setTimeout(resolve, timeoutMillis)));
    await Promise.race([this.#pump.reach(() => this.#consumer.hasTakenUpTo(target)), timeUp]);
    clearTimeout(timer);
  }

  #publishSoon(): void {
    if (!this.#turnIsSet) {
      this.#turnIsSet = true;
      setImmediate(() => {
        this.#turnIsSet = false;
        this.#publish();
      });
    }
  }

  #publish(): void {
    this.#observer.onChange();
    for (const lane of this.lanes.lanes) {
      const state = `${lane.losses.total} ${lane.lastFailure ?? ''}`;
      if (lane.losses.total > 0 && this.#told.get(lane.name) !== state) {
        this.#told.set(lane.name, state);
        this.#observer.onLoss(lane.name, lane.lastFailure);
      }
    }
  }
}
