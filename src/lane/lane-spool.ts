import { performance } from 'node:perf_hooks';
import type { TakenBatch } from '../queue/record-queue';
import type { LogRecord } from '../record';
import { MAX_LINE_RECORDS } from '../spool/record-lines';
import type { OnSpoolLoss } from '../spool/segment-list';
import type { ResolvedSpoolOptions } from '../spool/spool-options';
import { SpoolStore } from '../spool/spool-store';
import type { SpoolTicket } from '../spool/spool-ticket';
import type { LaneLedger } from './lane-ledger';

// What a process on another host has left counts as an orphan after a while only.
const ADOPT_INTERVAL_MILLIS = 60_000;

// Reading a batch back takes one turn of the event loop.
const MAX_REPLAY_RECORDS = 1024;
const MAX_REPLAY_BYTES = 1024 * 1024;

// Of the batches that are due one in so many is one from the disk, so that a lane with much to do empties its spool all the same.
const REPLAY_EVERY = 4;

// How long a spool that could not write is left alone.
const BLOCKED_MILLIS = 1000;

// Records from the disk have no position in the queue: behind all that have one, no flush covers them.
const NO_POSITION = Infinity;

/** A batch to deliver. */
export interface Work {
  readonly taken: TakenBatch;
  /** Its records on disk, where they are. */
  readonly ticket: SpoolTicket | undefined;
  readonly isReplay: boolean;
}

/** The spool of one lane: what goes to disk, what comes back and when, and what the books say of it. Nothing here throws. */
export class LaneSpool {
  /** Every record goes to disk before it is exported. */
  readonly isJournal: boolean;
  readonly #store: SpoolStore;
  readonly #isInOrder: boolean;
  readonly #maxBatchRecords: number;
  readonly #ledger: LaneLedger;
  readonly #adoptTimer: NodeJS.Timeout;
  #replayed = 0;
  #freshInARow = 0;
  #replaysAreOver = false;
  #blockedUntil = -Infinity;

  /**
   * @param owner names the processor, the same for a thread that takes a dead one's place
   * @param maxBatchRecords most records of a batch from memory, and so of one from the disk
   * @param onRecords called when records were found that earlier processes have left
   */
  constructor(options: ResolvedSpoolOptions, lane: string, owner: string, maxBatchRecords: number, ledger: LaneLedger, onRecords: () => void) {
    this.isJournal = options.mode === 'journal';
    this.#isInOrder = options.replay === 'in-order';
    this.#maxBatchRecords = Math.min(maxBatchRecords, MAX_REPLAY_RECORDS);
    this.#ledger = ledger;
    const onLost: OnSpoolLoss = (reason, count, message) => {
      ledger.noteFailure(message);
      ledger.handover.noteDiskLoss(reason, count);
      ledger.losses.add(reason, count);
    };
    this.#store = new SpoolStore(options, lane, owner, { onLost }, undefined, undefined, Math.min(this.#maxBatchRecords, MAX_LINE_RECORDS));
    this.#adopt();
    this.#adoptTimer = setInterval(() => {
      this.#adopt();
      onRecords();
    }, ADOPT_INTERVAL_MILLIS).unref();
  }

  /** Whether there is a folder to write to. */
  get isAvailable(): boolean {
    return this.#store.isAvailable;
  }

  /** Records on disk that are not in flight. */
  get spooled(): number {
    return this.#store.records;
  }

  /** Records found on disk. */
  get replayed(): number {
    return this.#replayed;
  }

  /** Records that were written to disk. */
  get journaled(): number {
    return this.#store.journaled;
  }

  /** Whether there is something to bring back. */
  get hasReplay(): boolean {
    return !this.#replaysAreOver && this.#store.records > 0;
  }

  /** Whether a batch from the disk comes first. */
  isReplayFirst(isFreshDue: boolean): boolean {
    return this.hasReplay && (this.#isInOrder || !isFreshDue || this.#freshInARow >= REPLAY_EVERY - 1);
  }

  /** Whether what is in memory has to wait until the disk is empty. */
  get isBehindReplay(): boolean {
    return this.#isInOrder && this.hasReplay;
  }

  /** From now on nothing is brought back: the end is near. */
  endReplays(): void {
    this.#replaysAreOver = true;
  }

  /** Whether a write is worth its while: after one that has failed not for a moment, because encoding records for a full disk at each emit would cost more than losing them. */
  get canSpill(): boolean {
    return performance.now() >= this.#blockedUntil;
  }

  /** Takes the records over; false if they could not be written. */
  spill(records: readonly LogRecord[]): boolean {
    if (!this.canSpill) {
      return false;
    }
    const isSpilled = this.#store.spill(records);
    if (!isSpilled) {
      this.#blockedUntil = performance.now() + BLOCKED_MILLIS;
    }
    return isSpilled;
  }

  /** The next write is tried, whatever became of the last one. */
  unblock(): void {
    this.#blockedUntil = -Infinity;
  }

  /** What waits in memory as work; in a journal with a copy on disk, if that can be written. */
  fresh(taken: TakenBatch): Work {
    this.#freshInARow++;
    return { taken, ticket: this.isJournal ? this.#store.append(taken.records) : undefined, isReplay: false };
  }

  /** The oldest records on disk; undefined if there are none that can be read now. */
  replay(): Work | undefined {
    this.#freshInARow = 0;
    const found = this.#store.take(this.#maxBatchRecords, MAX_REPLAY_BYTES);
    return found && { taken: { records: found.records, firstPosition: NO_POSITION, heldBytes: 0 }, ticket: found.ticket, isReplay: true };
  }

  /** The work is done: its records leave the disk. */
  settle({ ticket }: Work): void {
    if (ticket !== undefined) {
      this.#store.ack(ticket);
    }
  }

  /**
   * Keeps records of the work that could not be delivered, the last ones that are not settled. The work is done with that.
   * @returns how many it has kept: all, or fewer if the disk neither took them nor had them
   */
  keep(work: Work, records: readonly LogRecord[]): number {
    const { taken, ticket } = work;
    if (ticket !== undefined && records.length === taken.records.length) {
      this.#store.giveBack(ticket);
      return ticket.records;
    }
    // A part was delivered: on disk it must not come again.
    if (this.spill(records)) {
      this.settle(work);
      return records.length;
    }
    return ticket === undefined ? 0 : this.#keepWhole(ticket, records.length);
  }

  close(): void {
    clearInterval(this.#adoptTimer);
    this.#replaysAreOver = true;
    this.#store.close();
  }

  /** The disk takes nothing new, but it has the whole batch: rather than lose the rest, what was delivered of it comes again, and is counted again. */
  #keepWhole(ticket: SpoolTicket, wanted: number): number {
    const kept = Math.min(wanted, ticket.records);
    this.#store.giveBack(ticket);
    this.#noteFound(ticket.records - kept);
    return kept;
  }

  #adopt(): void {
    this.#noteFound(this.#store.adopt());
  }

  #noteFound(records: number): void {
    this.#replayed += records;
    this.#ledger.noteOffer(records);
  }
}
