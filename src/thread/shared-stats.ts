import type { LaneState, LaneStats, LossCounts, LossReason } from '../stats';

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

const STATES = ['ready', 'exporting', 'backing-off', 'stuck', 'shutdown'] as const satisfies readonly LaneState[];

// Words in front of the figures.
const SEQUENCE = 0;
const PROGRESS = 1;
const FINISHED = 2;
const HEAD_BYTES = 16;

// Figures: two of the pump, then for each lane its counters and its losses.
const PUMP_FIGURES = 2;
const LANE_COUNTERS = 6;
const LANE_FIGURES = LANE_COUNTERS + REASONS.length;

/** A consistent picture of what the thread has done. */
export interface ThreadFigures {
  /** Records that were taken off the ring and offered to the lanes. */
  readonly offered: number;
  /** Records whose frame could not be read. */
  readonly unreadable: number;
  readonly lanes: readonly LaneStats[];
}

export function createSharedStats(lanes: number): SharedArrayBuffer {
  return new SharedArrayBuffer(HEAD_BYTES + Float64Array.BYTES_PER_ELEMENT * (PUMP_FIGURES + lanes * LANE_FIGURES));
}

/**
 * Counters of the thread in shared memory, under a sequence lock: odd while they are written, so that a reader never sees half of an update.
 * One thread writes, one reads.
 */
export class SharedStats {
  readonly #words: Int32Array;
  readonly #figures: Float64Array;
  readonly #laneCount: number;
  #lastRead: ThreadFigures;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory, 0, HEAD_BYTES / Int32Array.BYTES_PER_ELEMENT);
    this.#figures = new Float64Array(memory, HEAD_BYTES);
    this.#laneCount = (this.#figures.length - PUMP_FIGURES) / LANE_FIGURES;
    this.#lastRead = this.#copy();
  }

  write(offered: number, unreadable: number, lanes: readonly LaneStats[]): void {
    const figures = this.#figures;
    Atomics.add(this.#words, SEQUENCE, 1);
    figures[0] = offered;
    figures[1] = unreadable;
    let index = PUMP_FIGURES;
    for (const lane of lanes) {
      figures[index++] = lane.offered;
      figures[index++] = lane.delivered;
      figures[index++] = lane.queued;
      figures[index++] = lane.inFlight;
      figures[index++] = lane.retries;
      figures[index++] = STATES.indexOf(lane.state);
      for (const reason of REASONS) {
        figures[index++] = lane.dropped[reason] ?? 0;
      }
    }
    Atomics.add(this.#words, SEQUENCE, 1);
    Atomics.add(this.#words, PROGRESS, 1);
    Atomics.notify(this.#words, PROGRESS);
  }

  read(): ThreadFigures {
    // Bounded: a thread that died in the middle of an update leaves the number odd for ever. Then the last whole picture stands.
    for (let attempt = 0; attempt < 1000; attempt++) {
      const before = Atomics.load(this.#words, SEQUENCE);
      if (before % 2 === 0) {
        const copy = this.#copy();
        if (Atomics.load(this.#words, SEQUENCE) === before) {
          return (this.#lastRead = copy);
        }
      }
    }
    return this.#lastRead;
  }

  /** The thread has done the exit command of this number. */
  finish(id: number): void {
    Atomics.store(this.#words, FINISHED, id);
    Atomics.add(this.#words, PROGRESS, 1);
    Atomics.notify(this.#words, PROGRESS);
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

  #copy(): ThreadFigures {
    const figures = this.#figures;
    const lanes: LaneStats[] = [];
    for (let lane = 0; lane < this.#laneCount; lane++) {
      const [offered = 0, delivered = 0, queued = 0, inFlight = 0, retries = 0, state = 0, ...lost] = figures.subarray(PUMP_FIGURES + lane * LANE_FIGURES, PUMP_FIGURES + (lane + 1) * LANE_FIGURES);
      const dropped: LossCounts = {};
      REASONS.forEach((reason, index) => {
        const count = lost[index] ?? 0;
        if (count > 0) {
          dropped[reason] = count;
        }
      });
      lanes.push({ offered, delivered, queued, inFlight, spooled: 0, replayed: 0, retries, state: STATES[state] ?? 'ready', dropped });
    }
    return { offered: figures[0] ?? 0, unreadable: figures[1] ?? 0, lanes };
  }
}
