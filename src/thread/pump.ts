import { performance } from 'node:perf_hooks';
import type { Lane } from '../lane/lane';
import type { LaneGroup } from '../lane/lane-group';
import type { SharedQueueConsumer } from '../queue/shared-queue-consumer';
import type { LogRecord } from '../record';
import { estimateRecordBytes } from '../record-size';
import type { FrameReader } from './frame-reader';
import type { StringTableReader } from './string-table-reader';

// A lane that is full and has settled nothing for so long does not hold the others back any more, whatever it says of itself.
const NO_PROGRESS_MILLIS = 1000;

/**
 * Takes frames off the ring, reads them and offers the records to the lanes.
 *
 * A full lane that delivers makes it wait: the ring is there to hold a burst. A full lane that fails does not; its own policy decides then.
 */
export class Pump {
  readonly #consumer: SharedQueueConsumer;
  readonly #reader: FrameReader;
  readonly #table: StringTableReader;
  readonly #lanes: LaneGroup;
  readonly #onProgress: () => void;
  /** Lanes that were waited for in vain, with what they had settled then. */
  readonly #stalledAt = new Map<Lane, number>();
  #offered = 0;
  #unreadable = 0;
  #draining: Promise<void> | undefined = undefined;
  #signalRoom: (() => void) | undefined = undefined;
  #isStopped = false;

  /** @param onProgress called whenever `offered` has grown */
  constructor(consumer: SharedQueueConsumer, reader: FrameReader, table: StringTableReader, lanes: LaneGroup, onProgress: () => void) {
    this.#consumer = consumer;
    this.#reader = reader;
    this.#table = table;
    this.#lanes = lanes;
    this.#onProgress = onProgress;
  }

  /** Records that were offered to the lanes. */
  get offered(): number {
    return this.#offered;
  }

  /** Records that were taken and could not be read. */
  get unreadable(): number {
    return this.#unreadable;
  }

  /** There may be room in a lane that was full, or it may have begun to fail. */
  noteRoom(): void {
    this.#signalRoom?.();
  }

  stop(): void {
    this.#isStopped = true;
    this.noteRoom();
  }

  /** Drains the ring again and again: when the producer wakes it, and at the latest after the interval. Ends after `stop`. */
  async run(intervalMillis: number): Promise<void> {
    while (!this.#isStopped) {
      const wakeCount = this.#consumer.wakeCount;
      const offered = this.#offered;
      await this.drain();
      if (this.#offered > offered) {
        // What was in the ring has waited there as long as it may.
        this.#lanes.startNow();
      }
      this.#table.refresh();
      await this.#consumer.waitForWake(wakeCount, intervalMillis);
    }
  }

  /** Resolves when everything up to that position of the ring has been offered to the lanes, or after `stop`. */
  async reach(isReached: () => boolean): Promise<void> {
    while (!this.#isStopped && (this.#draining !== undefined || !isReached())) {
      await this.drain();
    }
  }

  /** Takes what is in the ring; a call during another one joins it. */
  drain(): Promise<void> {
    return (this.#draining ??= this.#drain().finally(() => {
      this.#draining = undefined;
    }));
  }

  async #drain(): Promise<void> {
    while (!this.#isStopped && this.#consumer.peek() > 0) {
      if (!this.#consumer.commit()) {
        // Some of it was evicted meanwhile.
        continue;
      }
      this.#table.refresh();
      while (this.#consumer.nextFrame()) {
        const wait = this.#offerFrame();
        // Awaited only where there is something to wait for: a turn of the microtask queue for each record would cost as much as reading it.
        if (wait !== undefined) {
          await wait;
        }
      }
      this.#onProgress();
      // The lanes, the timers and the commands of the main thread have their turn.
      await new Promise(setImmediate);
    }
  }

  #offerFrame(): Promise<void> | undefined {
    const { bytes, frameOffset, frameLength } = this.#consumer;
    let record: LogRecord;
    try {
      record = this.#reader.read(bytes, frameOffset, frameLength);
    } catch {
      this.#unreadable++;
      return undefined;
    }
    const size = estimateRecordBytes(record);
    if (this.#fullLane(record, size) !== undefined) {
      return this.#offerWhenThereIsRoom(record, size);
    }
    this.#offer(record, size);
    return undefined;
  }

  #offer(record: LogRecord, size: number): void {
    this.#offered++;
    this.#lanes.offer(record, record.severityNumber, size);
  }

  async #offerWhenThereIsRoom(record: LogRecord, size: number): Promise<void> {
    this.#onProgress();
    for (let lane = this.#fullLane(record, size); lane !== undefined && !this.#isStopped; lane = this.#fullLane(record, size)) {
      await this.#roomIn(lane, size);
    }
    this.#offer(record, size);
  }

  /** A lane that is full and worth waiting for. */
  #fullLane(record: LogRecord, size: number): Lane | undefined {
    for (const lane of this.#lanes.lanes) {
      if (!lane.fits(size) && lane.wants(record.severityNumber) && !lane.isFailing && this.#stalledAt.get(lane) !== lane.settledBatches) {
        return lane;
      }
    }
    return undefined;
  }

  /** Waits until the lane has room or fails, or nothing has moved in it for too long: then it is not waited for again before it moves. */
  async #roomIn(lane: Lane, size: number): Promise<void> {
    let settled = lane.settledBatches;
    let since = performance.now();
    while (!lane.fits(size) && !lane.isFailing && !this.#isStopped) {
      await this.#room(NO_PROGRESS_MILLIS);
      if (lane.settledBatches !== settled) {
        settled = lane.settledBatches;
        since = performance.now();
      } else if (performance.now() - since >= NO_PROGRESS_MILLIS) {
        this.#stalledAt.set(lane, settled);
        return;
      }
    }
  }

  #room(timeoutMillis: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeoutMillis);
      this.#signalRoom = () => {
        clearTimeout(timer);
        this.#signalRoom = undefined;
        resolve();
      };
    });
  }
}
