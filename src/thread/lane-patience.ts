import { performance } from 'node:perf_hooks';
import type { Lane } from '../lane/lane';
import type { ResolvedLaneOptions } from '../lane/lane-options';

// A full lane that has settled nothing for so long does not hold the others back any more, whatever it says of itself.
const NO_PROGRESS_MILLIS = 1000;

/**
 * How long the pump waits for one lane that is full.
 *
 * - A lane that delivers: until it has room, or has settled nothing for a second. A lane that fails: not at all.
 * - A lane whose policy is `block`: for the time-out of the policy, whether it delivers or fails.
 * - After a wait in vain: not at all, until the lane has settled something.
 */
export class LanePatience {
  readonly #lane: Lane;
  readonly #blockMillis: number | undefined;
  readonly #maxBytes: number;
  /** What the lane had settled when a wait for it was in vain. */
  #stalledAt = -1;
  #settled = 0;
  #sinceMillis = 0;

  constructor(lane: Lane, options: Pick<ResolvedLaneOptions, 'onQueueFull' | 'maxQueueBytes'>) {
    this.#lane = lane;
    this.#blockMillis = options.onQueueFull.policy === 'block' ? options.onQueueFull.timeoutMillis : undefined;
    this.#maxBytes = options.maxQueueBytes ?? Infinity;
  }

  /** Whether to wait before a record is offered. Called for each record. */
  isNeeded(bytes: number, severityNumber: number | undefined, isInHurry: boolean): boolean {
    const lane = this.#lane;
    return !lane.fits(bytes) && lane.wants(severityNumber) && bytes <= this.#maxBytes && this.#stalledAt !== lane.settledBatches && this.#mayDeliver(isInHurry);
  }

  /** A wait begins. */
  begin(): void {
    this.#settled = this.#lane.settledBatches;
    this.#sinceMillis = performance.now();
    // It may be less than due, and yet have no room for a large record.
    this.#lane.startNow();
  }

  /** How long to wait on, in milliseconds; 0: no longer. */
  leftMillis(bytes: number, isInHurry: boolean): number {
    if (this.#lane.fits(bytes) || !this.#mayDeliver(isInHurry)) {
      return 0;
    }
    if (this.#blockMillis === undefined && this.#settled !== this.#lane.settledBatches) {
      this.#settled = this.#lane.settledBatches;
      this.#sinceMillis = performance.now();
    }
    const left = Math.max(0, (this.#blockMillis ?? NO_PROGRESS_MILLIS) - (performance.now() - this.#sinceMillis));
    if (left === 0) {
      this.#stalledAt = this.#lane.settledBatches;
    }
    return left;
  }

  /** Under `block` a lane that fails may deliver again in time; but not where the end is near. */
  #mayDeliver(isInHurry: boolean): boolean {
    return !this.#lane.isFailing || (this.#blockMillis !== undefined && !isInHurry);
  }
}
