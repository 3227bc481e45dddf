/// <reference lib="es2024.sharedmemory" />
import type { LogRecord } from '../record';
import type { LossReason } from '../stats';
import { isSampledIn, softPartOf, type ResolvedOverflowPolicy } from './overflow-policy';
import { FRAME_HEADER_BYTES, HEAD, TAIL, WAITERS, WAKE, type SharedQueueMemory } from './shared-queue';
import { DOES_NOT_FIT, SharedQueueRing, type RingWriter } from './shared-queue-ring';

export interface SharedQueueProducerOptions {
  readonly writer: RingWriter;
  readonly policy: ResolvedOverflowPolicy;
  /** Most records in the ring. Default: as many as its bytes hold. */
  readonly maxRecords?: number | undefined;
  /** Decides, under `sample`, for a record without a trace id. */
  readonly random?: () => number;
}

// A refused record is measured, to tell `too_large` from `queue_full`, only where more than this part of the ring was free: elsewhere a full ring is reason enough.
const MEASURED_ABOVE = 1 / 8;

/**
 * The main thread's end of a shared queue: admits records by the overflow policy and wakes the consumer.
 * Law: `accepted = records + taken + evicted`. There is one producer for a queue, for as long as the queue lives.
 */
export class SharedQueueProducer {
  readonly capacityBytes: number;
  readonly maxRecords: number;
  readonly #ring: SharedQueueRing;
  readonly #control: Int32Array;
  #policy: ResolvedOverflowPolicy;
  readonly #random: () => number;
  /** Where the policy begins: above it `sample` samples, and under `priority` only the important records get in. */
  readonly #softBytes: number;
  readonly #softRecords: number;
  #isOffering = false;
  #isAboveHalf = false;
  /** A wait for room was in vain, and the head has not moved since it was at `#stalledHead`. */
  #isStalled = false;
  #stalledHead = 0;

  constructor(memory: SharedQueueMemory, options: SharedQueueProducerOptions) {
    this.#ring = new SharedQueueRing(memory, options.writer);
    this.#control = new Int32Array(memory.control);
    this.capacityBytes = this.#ring.capacityBytes;
    this.maxRecords = options.maxRecords ?? Infinity;
    this.#policy = options.policy;
    this.#random = options.random ?? Math.random;
    const softPart = softPartOf(options.policy);
    this.#softBytes = Math.floor((this.capacityBytes * softPart) / 8) * 8;
    this.#softRecords = options.maxRecords === undefined ? Infinity : options.maxRecords * softPart;
  }

  /** Behind the newest frame: a consumer whose head has reached this has taken all that was offered before. */
  get position(): number {
    return Atomics.load(this.#control, TAIL);
  }

  /** Bytes in use, of frames that no consumer has taken. */
  get usedBytes(): number {
    this.#ring.reloadHead();
    return this.#ring.usedBytes;
  }

  /** Records that no consumer has taken. */
  get records(): number {
    this.#ring.reloadHead();
    return this.#ring.waiting;
  }

  /** Records that were put into the ring, those that were evicted later included. */
  get accepted(): number {
    return this.#ring.accepted;
  }

  /** Records that were in the ring and had to make room for newer ones. */
  get evicted(): number {
    return this.#ring.evicted;
  }

  /** Records that a consumer has taken. */
  get taken(): number {
    return this.#ring.accepted - this.#ring.evicted - this.records;
  }

  /** The largest frame so far, in bytes. */
  get largestFrameBytes(): number {
    return this.#ring.largestFrameBytes;
  }

  /** How many frames of that size fit now. */
  roomFor(frameBytes: number): number {
    this.#ring.reloadHead();
    return Math.min(this.#ring.roomFor(frameBytes), this.maxRecords - this.#ring.waiting);
  }

  /**
   * Puts the record into the ring or says why not. Never throws, and waits only under `block`.
   * A record that is emitted while another one is written, by a getter of that one, is `invalid`.
   */
  offer(record: LogRecord, severityNumber: number | undefined): LossReason | undefined {
    if (this.#isOffering) {
      return 'invalid';
    }
    this.#isOffering = true;
    try {
      this.#ring.reloadHead();
      const reason = this.#admit(record, severityNumber);
      if (reason === undefined) {
        this.#wakeAtHalf();
      }
      return reason;
    } catch {
      // A getter of the record threw. Nothing changes before a frame is whole.
      return 'invalid';
    } finally {
      this.#isOffering = false;
    }
  }

  /** From now on `block` is `drop`: the consumer runs on this thread, and a wait for it would be in vain. */
  neverWait(): void {
    if (this.#policy.policy === 'block') {
      this.#policy = { policy: 'drop' };
    }
  }

  /** Wakes the consumer. Costs tens of microseconds if it sleeps: for a flush or an exit, not for a record. */
  notify(): void {
    Atomics.add(this.#control, WAKE, 1);
    Atomics.notify(this.#control, WAKE);
  }

  /**
   * Resolves when the consumer takes something or the time is over. Does not keep the event loop alive.
   * @returns undefined if it has taken something since this object last looked (`roomFor`, `records`, `offer`): look again
   */
  waitForTake(timeoutMillis: number): Promise<void> | undefined {
    Atomics.add(this.#control, WAITERS, 1);
    const wait = Atomics.waitAsync(this.#control, HEAD, this.#ring.head, timeoutMillis);
    if (!wait.async) {
      Atomics.sub(this.#control, WAITERS, 1);
      return undefined;
    }
    return wait.value.then(() => {
      Atomics.sub(this.#control, WAITERS, 1);
    });
  }

  #admit(record: LogRecord, severityNumber: number | undefined): LossReason | undefined {
    const ring = this.#ring;
    const policy = this.#policy;
    let maxBytes = this.capacityBytes;
    let maxRecords = this.maxRecords;
    if (policy.policy === 'priority') {
      if (severityNumber === undefined || severityNumber < policy.minSeverity) {
        maxBytes = this.#softBytes;
        maxRecords = this.#softRecords;
      }
    } else if (policy.policy === 'sample') {
      const isTight = ring.usedBytes >= this.#softBytes || ring.waiting >= this.#softRecords;
      if (isTight && !isSampledIn(record, policy.ratio, this.#random)) {
        return 'sampled';
      }
    } else if (policy.policy === 'drop-oldest' && this.capacityBytes - ring.usedBytes < ring.lastFrameBytes) {
      // Under constant overflow an attempt in place would be in vain nearly every time.
      return this.#admitByMakingRoom(record, policy);
    }
    if (ring.waiting + 1 <= maxRecords) {
      const written = ring.write(record, maxBytes);
      if (written !== DOES_NOT_FIT) {
        return written < 0 ? 'invalid' : undefined;
      }
    }
    if (policy.policy === 'drop-oldest' || (policy.policy === 'block' && !this.#isStillStalled())) {
      return this.#admitByMakingRoom(record, policy);
    }
    const hadMuchRoom = maxBytes - ring.usedBytes > this.capacityBytes * MEASURED_ABOVE && ring.waiting + 1 <= maxRecords;
    return (hadMuchRoom ? whyNoFrame(ring.writeAside(record)) : undefined) ?? 'queue_full';
  }

  /** Measures the record first: one that is too large must not evict others or wait, and any other one only as far as it has to. */
  #admitByMakingRoom(record: LogRecord, policy: ResolvedOverflowPolicy): LossReason | undefined {
    const written = this.#ring.writeAside(record);
    if (written <= 0) {
      return whyNoFrame(written);
    }
    const frameBytes = written + FRAME_HEADER_BYTES;
    if (policy.policy === 'block') {
      if (!this.#fits(frameBytes) && !this.#waitForRoom(frameBytes, policy.timeoutMillis)) {
        return 'queue_full';
      }
    } else {
      while (!this.#fits(frameBytes)) {
        this.#ring.evictOldest();
      }
    }
    this.#ring.publishAside(frameBytes);
    return undefined;
  }

  #fits(frameBytes: number): boolean {
    return this.#ring.fits(frameBytes) && this.#ring.waiting < this.maxRecords;
  }

  /** A stuck backend or a dead worker must not cost the time-out for each record: after one in vain nobody waits before the head has moved. */
  #isStillStalled(): boolean {
    return this.#isStalled && this.#ring.head === this.#stalledHead;
  }

  #waitForRoom(frameBytes: number, timeoutMillis: number): boolean {
    const ring = this.#ring;
    const deadline = performance.now() + timeoutMillis;
    Atomics.add(this.#control, WAITERS, 1);
    try {
      this.notify();
      for (let left = timeoutMillis; left > 0; left = deadline - performance.now()) {
        const outcome = Atomics.wait(this.#control, HEAD, ring.head, left);
        ring.reloadHead();
        if (this.#fits(frameBytes)) {
          return true;
        }
        // The wait's own word counts too, because an application's tests may have stopped the clock.
        if (outcome === 'timed-out') {
          break;
        }
      }
    } catch {
      // A thread that must not wait, as some embedders have it: as if the time were over.
    } finally {
      Atomics.sub(this.#control, WAITERS, 1);
    }
    this.#isStalled = true;
    this.#stalledHead = ring.head;
    return false;
  }

  /** One wake-up each time the ring becomes half full; below that the consumer comes by itself. */
  #wakeAtHalf(): void {
    if (this.#ring.usedBytes <= this.capacityBytes / 2 && this.#ring.waiting <= this.maxRecords / 2) {
      this.#isAboveHalf = false;
    } else if (!this.#isAboveHalf) {
      this.#isAboveHalf = true;
      this.notify();
    }
  }
}

/** Why a record got no frame that had the room of the largest one; undefined: it got one. */
function whyNoFrame(written: number): LossReason | undefined {
  return written > 0 ? undefined : written < 0 ? 'invalid' : 'too_large';
}
