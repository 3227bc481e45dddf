import type { LogRecordExporter } from '@opentelemetry/sdk-logs';
import type { LogRecord } from '../record';
import type { LossReason } from '../stats';
import { BatchClock } from './batch-clock';
import { Intake } from './intake';
import type { ResolvedLaneOptions } from './lane-options';
import type { LaneSpool, Work } from './lane-spool';

// One write to the disk, in the time of one emit at worst.
const SPILL_RECORDS = 512;

/** What a lane has to deliver: its queue in memory and its spool on disk, and when which of them is due. */
export class WorkSource {
  readonly #queue: Intake;
  readonly #spool: LaneSpool | undefined;
  readonly #clock: BatchClock;

  /**
   * @param onEvict called for each queued record that had to make room
   * @param look called when the delay is over and when a turn was asked for
   */
  constructor(exporter: LogRecordExporter, options: ResolvedLaneOptions, spool: LaneSpool | undefined, onEvict: () => void, look: () => void) {
    this.#queue = new Intake(exporter, options, onEvict);
    this.#spool = spool;
    this.#clock = new BatchClock(options.scheduledDelayMillis, look);
  }

  /** Records that wait in memory. */
  get length(): number {
    return this.#queue.length;
  }

  /** The position of the oldest of them; what is before it has left the queue. */
  get headPosition(): number {
    return this.#queue.headPosition;
  }

  /** One behind the newest of them. */
  get endPosition(): number {
    return this.#queue.endPosition;
  }

  /** Whether there is room for a record of this size; with a spool, which makes room, always. */
  fits(bytes: number): boolean {
    return this.#queue.fits(bytes) || this.#spool?.isAvailable === true;
  }

  /** How many more records of this size the queue has room for. */
  roomFor(recordBytes: number): number {
    return this.#queue.roomFor(recordBytes);
  }

  /**
   * Takes the record or says why not. Never throws.
   * @param bytes an estimate; only looked at if `maxQueueBytes` is set
   * @param isDelivering whether the lane will look by itself when it is free
   */
  offer(record: LogRecord, severityNumber: number | undefined, bytes: number, isDelivering: boolean): LossReason | undefined {
    if (this.#spool !== undefined && !this.#queue.fits(bytes) && this.#makeRoom(this.#spool, record)) {
      return undefined;
    }
    const reason = this.#queue.offer(record, severityNumber, bytes);
    if (reason !== undefined) {
      return reason;
    }
    if (!this.#queue.hasEnough) {
      this.#clock.startTimer();
    } else if (!isDelivering || this.#spool !== undefined) {
      this.#clock.startTurn();
    }
    return undefined;
  }

  /** Whether a batch from memory is due; what is before `target` is due at once. */
  isDue(target: number): boolean {
    const queue = this.#queue;
    return queue.length > 0 && (queue.hasEnough || this.#clock.isUp || target > queue.headPosition);
  }

  hasWork(target: number): boolean {
    return this.isDue(target) || this.#spool?.hasReplay === true;
  }

  /** The next batch; undefined if none is due or can be read. */
  next(target: number): Work | undefined {
    const spool = this.#spool;
    const isDue = this.isDue(target);
    if (spool?.isReplayFirst(isDue) === true) {
      if (isDue && spool.isBehindReplay) {
        this.spillAll();
      }
      const replay = spool.replay();
      if (replay !== undefined || spool.isBehindReplay) {
        return replay;
      }
    }
    if (!isDue || this.#queue.length === 0) {
      return undefined;
    }
    this.#clock.reset();
    const taken = this.#queue.takeBatch();
    return spool === undefined ? { taken, ticket: undefined, isReplay: false } : spool.fresh(taken);
  }

  /** Gives the room of a batch free. */
  release({ taken, isReplay }: Work): void {
    if (!isReplay) {
      this.#queue.release(taken);
    }
  }

  /** Where there is a spool, writes what waits in memory to it. */
  spillAll(): void {
    const spool = this.#spool;
    while (spool !== undefined && this.#queue.length > 0 && this.#spill(spool)) {
      this.#clock.reset();
    }
  }

  /** Looks again after the delay if something waits. */
  rest(): void {
    if (this.#queue.length > 0 || this.#spool?.hasReplay === true) {
      this.#clock.startTimer();
    }
  }

  /** What waits has waited long enough elsewhere. */
  expire(): void {
    this.#clock.expire();
  }

  /** Nothing waits that the delay could have begun with. */
  resetIfEmpty(): void {
    if (this.#queue.length === 0) {
      this.#clock.reset();
    }
  }

  /** The end: what waits is the caller's to count, what comes later is refused for this reason. */
  close(later: LossReason): void {
    this.#clock.stop();
    this.#queue.clear();
    this.#queue.close(later);
  }

  /** @returns whether the record itself went to disk, because all of the queue is in flight */
  #makeRoom(spool: LaneSpool, record: LogRecord): boolean {
    if (this.#queue.length === 0) {
      return spool.spill([record]);
    }
    this.#spill(spool);
    return false;
  }

  #spill(spool: LaneSpool): boolean {
    const records = spool.canSpill ? this.#queue.oldest(SPILL_RECORDS) : [];
    const isSpilled = records.length > 0 && spool.spill(records);
    if (isSpilled) {
      this.#queue.removeOldest(records.length);
    }
    return isSpilled;
  }
}
