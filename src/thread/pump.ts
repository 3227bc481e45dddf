import type { LaneGroup } from '../lane/lane-group';
import type { ResolvedLaneOptions } from '../lane/lane-options';
import type { SharedQueueConsumer } from '../queue/shared-queue-consumer';
import type { LogRecord } from '../record';
import { estimateRecordBytes } from '../record-size';
import type { FrameReader } from './frame-reader';
import { LanePatience } from './lane-patience';
import type { StringTableReader } from './string-table-reader';

/**
 * Takes frames off the ring, reads them and offers the records to the lanes.
 *
 * A full lane that delivers makes it wait: the ring is there to hold a burst. A full lane that fails does not, and its own policy decides: `LanePatience` has the rules.
 */
export class Pump {
  readonly #consumer: SharedQueueConsumer;
  readonly #reader: FrameReader;
  readonly #table: StringTableReader;
  readonly #lanes: LaneGroup;
  readonly #onProgress: () => void;
  readonly #patience: readonly LanePatience[];
  #offered = 0;
  #unreadable = 0;
  #draining: Promise<void> | undefined = undefined;
  #signalRoom: (() => void) | undefined = undefined;
  #isInHurry = false;
  #isStopped = false;

  /**
   * @param options of the lanes, in their order
   * @param onProgress called whenever `offered` has grown
   */
  constructor(
    consumer: SharedQueueConsumer,
    reader: FrameReader,
    table: StringTableReader,
    lanes: LaneGroup,
    options: readonly ResolvedLaneOptions[],
    onProgress: () => void,
  ) {
    this.#consumer = consumer;
    this.#reader = reader;
    this.#table = table;
    this.#lanes = lanes;
    this.#patience = lanes.lanes.map((lane, index) => new LanePatience(lane, options[index] as ResolvedLaneOptions));
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

  /** The end is near: a lane that cannot deliver now is not waited for, whatever its policy. */
  hurry(): void {
    this.#isInHurry = true;
    this.noteRoom();
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
      lane.begin();
      for (let left = lane.leftMillis(size, this.#isInHurry); left > 0 && !this.#isStopped; left = lane.leftMillis(size, this.#isInHurry)) {
        await this.#room(left);
      }
    }
    this.#offer(record, size);
  }

  /** A lane that is full and worth waiting for. */
  #fullLane(record: LogRecord, size: number): LanePatience | undefined {
    for (const lane of this.#patience) {
      if (lane.isNeeded(size, record.severityNumber, this.#isInHurry)) {
        return lane;
      }
    }
    return undefined;
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
