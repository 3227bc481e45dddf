import { performance } from 'node:perf_hooks';
import type { LossReason } from '../stats';
import type { Handover } from './handover';

/** A finished export of one batch, from its first attempt to its last answer. */
export interface ExportOperation {
  /** Retries and the pauses between them included. */
  readonly durationMillis: number;
  /** Of the last request, where there was an answer. */
  readonly status: number | undefined;
  /** Undefined if every record was delivered. */
  readonly errorType: string | undefined;
}

/** Follows the export of one batch after the other, and enters into the handover what becomes of the records. */
export class OperationRecorder {
  readonly #handover: Handover;
  readonly #onOperation: (operation: ExportOperation) => void;
  #isReplay = false;
  #isRunning = false;
  #beginMillis = 0;
  #status: number | undefined = undefined;
  #errorType: string | undefined = undefined;

  constructor(handover: Handover, onOperation: (operation: ExportOperation) => void) {
    this.#handover = handover;
    this.#onOperation = onOperation;
  }

  /** Whether the exporter was given the batch. */
  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** There is a batch to export. @param isReplay it comes from the disk */
  prepare(isReplay: boolean): void {
    this.#isReplay = isReplay;
  }

  /** The exporter is given so many records; nothing happens where it is only another attempt. */
  noteAttempt(records: number): void {
    if (!this.#isRunning) {
      this.#isRunning = true;
      this.#beginMillis = performance.now();
      this.#status = this.#errorType = undefined;
      this.#handover.noteHandover(records, this.#isReplay);
    }
  }

  /** @param status of the last request; undefined if it had no answer */
  noteStatus(status: number | undefined): void {
    this.#status = status;
  }

  noteLoss(reason: LossReason, count: number, errorType: string): void {
    if (count > 0 && this.#isRunning) {
      this.#errorType = errorType;
      this.#handover.noteLoss(reason, errorType, count);
    } else if (this.#isReplay) {
      this.#handover.noteDiskLoss(reason, count);
    }
  }

  /** Records were not delivered and go to the disk. */
  noteKept(count: number, errorType: string): void {
    if (count > 0 && this.#isRunning) {
      this.#errorType = errorType;
      this.#handover.noteKept(count);
    }
  }

  /** All records of the batch are settled. */
  end(): void {
    if (this.#isRunning) {
      this.#isRunning = false;
      this.#onOperation({ durationMillis: performance.now() - this.#beginMillis, status: this.#status, errorType: this.#errorType });
    }
  }
}
