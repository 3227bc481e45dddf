import type { LogRecordExporter } from '@opentelemetry/sdk-logs';
import type { BatchRunner } from './batch-runner';
import { flushExporter } from './exporter-lifecycle';
import type { LaneFlushResult } from './flush-waiters';
import type { LaneLedger } from './lane-ledger';
import type { LaneSpool } from './lane-spool';
import type { WorkSource } from './work-source';

/** The lane that is flushed. */
export interface FlushedLane {
  readonly name: string;
  readonly exporter: LogRecordExporter;
  abortAttempt(message: string): void;
}

/** What a flush asks of its lane's delivery. */
export interface FlushedDelivery {
  /** Everything before it is delivered, lost or on disk. */
  readonly settledPosition: () => number;
  readonly isDelivering: () => boolean;
  readonly isOver: () => boolean;
  readonly startIfDue: () => void;
}

/** The flushes of one lane: what they wait for, and what becomes of what could not be delivered meanwhile. */
export class LaneFlusher {
  readonly #lane: FlushedLane;
  readonly #source: WorkSource;
  readonly #runner: BatchRunner;
  readonly #ledger: LaneLedger;
  readonly #spool: LaneSpool | undefined;
  readonly #delivery: FlushedDelivery;

  constructor(lane: FlushedLane, source: WorkSource, runner: BatchRunner, ledger: LaneLedger, spool: LaneSpool | undefined, delivery: FlushedDelivery) {
    this.#lane = lane;
    this.#source = source;
    this.#runner = runner;
    this.#ledger = ledger;
    this.#spool = spool;
    this.#delivery = delivery;
  }

  /** See `Lane.flush`. */
  async flush(timeoutMillis: number, isLast: boolean): Promise<LaneFlushResult> {
    const end = Date.now() + timeoutMillis;
    if (isLast) {
      this.#spool?.endReplays();
    }
    const result = await this.flushRecords(timeoutMillis);
    if (result.remaining === 0 && !this.#delivery.isOver()) {
      await flushExporter(this.#lane.exporter, this.#lane.name, end - Date.now());
    }
    if (this.#spool === undefined || this.#delivery.isOver() || (result.remaining === 0 && !isLast)) {
      return result;
    }
    this.#source.spillAll();
    this.#runner.delivery.surrender();
    if (isLast) {
      this.#lane.abortAttempt('there was no time to wait for an answer');
    }
    // A turn for what was surrendered to come to rest.
    await new Promise((resolve) => setImmediate(resolve));
    return { ...result, remaining: Math.min(result.remaining, this.#source.length + this.#runner.inFlight - this.#runner.inFlightOnDisk) };
  }

  /** Waits until all that was offered before is settled, the lane cannot deliver now, or the time is over. */
  flushRecords(timeoutMillis: number): Promise<LaneFlushResult> {
    return new Promise((resolve) => {
      const { flushes } = this.#ledger;
      const { settledPosition, isDelivering, startIfDue } = this.#delivery;
      const waiter = flushes.add(this.#source.endPosition, this.#runner.delivery.attempt, (result) => {
        clearTimeout(timer);
        resolve(result);
      });
      const timer = setTimeout(() => flushes.giveUp(settledPosition(), waiter), timeoutMillis);
      flushes.settleUpTo(settledPosition());
      if (isDelivering() && !this.#runner.delivery.hurry()) {
        flushes.giveUp(settledPosition(), waiter);
      }
      startIfDue();
    });
  }
}
