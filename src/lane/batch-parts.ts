import type { TakenBatch } from '../queue/record-queue';
import type { LogRecord } from '../record';

/** Refusals in a row, without anything delivered in between, after which the rest of a batch is given up: this times the logarithm of its size, at least this. */
export const REFUSALS_PER_LEVEL = 16;

/** Exports of the parts of one batch, after which the rest of it is given up. */
export const MAX_PARTS = 2048;

/**
 * One batch while it is delivered: as a whole, and in halves of halves if the backend refuses it, down to the single bad record. Parts are settled in order, front first.
 *
 * Bounds: a batch in which everything is bad costs `REFUSALS_PER_LEVEL * log2(n)` exports and not `n log n`; a batch of good and bad ones in turn costs at most `MAX_PARTS`.
 */
export class BatchParts {
  readonly taken: TakenBatch;
  /** The part that is being exported, without what has expired of it. */
  current: LogRecord[] = [];
  /** The next part is the last one. */
  readonly #parts: LogRecord[][];
  #position: number;
  #unsettled: number;
  #isSplit = false;
  #refusalsLeft: number;
  #partsLeft = MAX_PARTS;

  constructor(taken: TakenBatch) {
    this.taken = taken;
    this.#parts = [taken.records];
    this.#position = taken.firstPosition;
    this.#unsettled = taken.records.length;
    this.#refusalsLeft = this.#maxRefusals;
  }

  /** Records that are neither delivered nor lost. */
  get unsettled(): number {
    return this.#unsettled;
  }

  /** Every record before it is settled. */
  get position(): number {
    return this.#position;
  }

  /** Whether a part of the batch has been refused. */
  get isSplit(): boolean {
    return this.#isSplit;
  }

  /** The part to export next; undefined if all are settled. */
  next(): LogRecord[] | undefined {
    const part = this.#parts.pop();
    this.current = part ?? [];
    return part;
  }

  /** What is not settled, in order. */
  rest(): LogRecord[] {
    return [this.current, ...[...this.#parts].reverse()].flat();
  }

  /**
   * A part was refused for something in it.
   * @returns the records that are lost by that: a single one, or, where a bound is reached, all that are left; empty if halves follow
   */
  refuse(part: LogRecord[]): LogRecord[] {
    this.#isSplit = true;
    this.#refusalsLeft--;
    this.current = [];
    if (this.#refusalsLeft <= 0 || this.#partsLeft <= 0) {
      return [part, ...this.#parts.splice(0).reverse()].flat();
    }
    if (part.length === 1) {
      return part;
    }
    this.#partsLeft -= 2;
    const middle = part.length >> 1;
    this.#parts.push(part.slice(middle), part.slice(0, middle));
    return [];
  }

  /** The front part is settled, and some of it was delivered. */
  noteDelivery(): void {
    this.#refusalsLeft = this.#maxRefusals;
  }

  /** So many records at the front are settled. */
  settle(count: number): void {
    this.#position += count;
    this.#unsettled -= count;
  }

  /** A record that others precede is settled; the position stays behind it until the batch is done. */
  settleLater(): void {
    this.#unsettled--;
  }

  get #maxRefusals(): number {
    return REFUSALS_PER_LEVEL * Math.max(1, Math.ceil(Math.log2(this.taken.records.length)));
  }
}
