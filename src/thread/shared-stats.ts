import type { LaneFigures } from '../lane/lane-figures';
import type { LaneState, LossCounts, LossReason } from '../stats';

/** In the order of their slots, which both threads share because they run the same build. */
const REASONS = [
  'queue_full',
  'sampled',
  'already_shutdown',
  'export_failed',
  'rejected',
  'retry_exhausted',
  'too_large',
  'invalid',
  'expired',
  'spool_full',
  'shutdown_timeout',
  'worker_crashed',
  'suppressed',
] as const satisfies readonly LossReason[];

const STATES = ['ready', 'exporting', 'backing-off', 'open', 'half-open', 'stuck', 'failed', 'shutdown'] as const satisfies readonly LaneState[];

// Words in front of the figures.
const VERSION = 0;
const PROGRESS = 1;
const FINISHED = 2;
const READY = 3;
const HEAD_BYTES = 16;

// Figures: two of the pump, then for each lane its counters, its losses and those of them that came after the handover.
const PUMP_FIGURES = 2;
const LANE_COUNTERS = 12;
const LANE_FIGURES = LANE_COUNTERS + 2 * REASONS.length;

// Written in turn, so that a thread that dies while it writes leaves the last whole picture behind.
const COPIES = 2;

/** A consistent picture of what the thread has done. */
export interface ThreadFigures {
  /** False for a thread that has not said anything yet: then these are zeros. */
  readonly isPublished: boolean;
  /** Records that were taken off the ring and offered to the lanes. */
  readonly offered: number;
  /** Records whose frame could not be read. */
  readonly unreadable: number;
  readonly lanes: readonly LaneFigures[];
}

export function createSharedStats(lanes: number): SharedArrayBuffer {
  return new SharedArrayBuffer(HEAD_BYTES + COPIES * Float64Array.BYTES_PER_ELEMENT * (PUMP_FIGURES + lanes * LANE_FIGURES));
}

/**
 * Counters of the thread in shared memory. The copy of the current version is whole and is not touched before the next version is published:
 * a reader whose version is still the current one afterwards has seen no half of an update. One thread writes, one reads.
 */
export class SharedStats {
  readonly #words: Int32Array;
  readonly #copies: readonly Float64Array[];
  readonly #laneCount: number;
  #lastRead: ThreadFigures;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory, 0, HEAD_BYTES / Int32Array.BYTES_PER_ELEMENT);
    const length = (memory.byteLength - HEAD_BYTES) / Float64Array.BYTES_PER_ELEMENT / COPIES;
    this.#copies = Array.from({ length: COPIES }, (_, copy) => new Float64Array(memory, HEAD_BYTES + copy * length * Float64Array.BYTES_PER_ELEMENT, length));
    this.#laneCount = (length - PUMP_FIGURES) / LANE_FIGURES;
    this.#lastRead = this.#read(0);
  }

  /** Whether the thread has begun to run: before that it has taken nothing. In shared memory, so that one sees it while the main thread is blocked and after the thread has died. */
  get isReady(): boolean {
    return Atomics.load(this.#words, READY) === 1;
  }

  markReady(): void {
    Atomics.store(this.#words, READY, 1);
    this.#noteProgress();
  }

  write(offered: number, unreadable: number, lanes: readonly LaneFigures[]): void {
    const version = Atomics.load(this.#words, VERSION) + 1;
    const figures = this.#copyOf(version);
    figures[0] = offered;
    figures[1] = unreadable;
    let index = PUMP_FIGURES;
    for (const lane of lanes) {
      figures[index++] = lane.offered;
      figures[index++] = lane.delivered;
      figures[index++] = lane.queued;
      figures[index++] = lane.inFlight;
      figures[index++] = lane.spooled;
      figures[index++] = lane.replayed;
      figures[index++] = lane.journaled;
      figures[index++] = lane.inFlightOnDisk;
      figures[index++] = lane.exporting;
      figures[index++] = lane.handedOver;
      figures[index++] = lane.retries;
      figures[index++] = STATES.indexOf(lane.state);
      for (const reason of REASONS) {
        figures[index++] = lane.dropped[reason] ?? 0;
      }
      for (const reason of REASONS) {
        figures[index++] = lane.lostAfterHandover[reason] ?? 0;
      }
    }
    Atomics.store(this.#words, VERSION, version);
    this.#noteProgress();
  }

  read(): ThreadFigures {
    // Bounded, although a writer that is always faster than this has not been seen: then the last picture stands.
    for (let attempt = 0; attempt < 1000; attempt++) {
      const version = Atomics.load(this.#words, VERSION);
      const figures = this.#read(version);
      if (Atomics.load(this.#words, VERSION) === version) {
        return (this.#lastRead = figures);
      }
    }
    return this.#lastRead;
  }

  /** The thread has done the exit command of this number. */
  finish(id: number): void {
    Atomics.store(this.#words, FINISHED, id);
    this.#noteProgress();
  }

  /** Blocks this thread until the command is done, or nothing has moved for `quietMillis`, or the deadline (`performance.now()`) has passed. */
  waitForFinish(id: number, quietMillis: number, deadline: number): void {
    while (Atomics.load(this.#words, FINISHED) !== id) {
      const left = Math.min(quietMillis, deadline - performance.now());
      const progress = Atomics.load(this.#words, PROGRESS);
      if (Atomics.load(this.#words, FINISHED) === id || left <= 0 || Atomics.wait(this.#words, PROGRESS, progress, left) === 'timed-out') {
        return;
      }
    }
  }

  #noteProgress(): void {
    Atomics.add(this.#words, PROGRESS, 1);
    Atomics.notify(this.#words, PROGRESS);
  }

  #copyOf(version: number): Float64Array {
    return this.#copies[version & (COPIES - 1)] as Float64Array;
  }

  #read(version: number): ThreadFigures {
    const figures = this.#copyOf(version);
    const lanes: LaneFigures[] = [];
    for (let lane = 0; lane < this.#laneCount; lane++) {
      const [offered = 0, delivered = 0, queued = 0, inFlight = 0, spooled = 0, replayed = 0, journaled = 0, inFlightOnDisk = 0, exporting = 0, handedOver = 0, retries = 0, state = 0, ...lost] = figures.subarray(PUMP_FIGURES + lane * LANE_FIGURES, PUMP_FIGURES + (lane + 1) * LANE_FIGURES);
      const dropped = lossCounts(lost);
      const lostAfterHandover = lossCounts(lost.slice(REASONS.length));
      lanes.push({ offered, delivered, queued, inFlight, spooled, replayed, journaled, inFlightOnDisk, exporting, handedOver, retries, state: STATES[state] ?? 'ready', dropped, lostAfterHandover });
    }
    return { isPublished: version > 0, offered: figures[0] ?? 0, unreadable: figures[1] ?? 0, lanes };
  }
}

/** @param figures begin with one for each reason, in their order */
function lossCounts(figures: readonly number[]): LossCounts {
  const counts: LossCounts = {};
  REASONS.forEach((reason, index) => {
    const count = figures[index] ?? 0;
    if (count > 0) {
      counts[reason] = count;
    }
  });
  return counts;
}
