import type { LossCounts, LossReason } from '../stats';

/** How the books of a lane are split at its exporter, as the metrics of the semantic conventions want it. Only grows. */
export interface HandoverFigures {
  /** Records that the exporter was given; one that is tried again, or comes back from the disk after that, counts once. */
  readonly handedOver: number;
  /** Those of them that are lost. Part of the lane's `dropped`. */
  readonly lostAfterHandover: LossCounts;
}

/**
 * Counts the records that the exporter of a lane was given, each one once, and those that were lost after that.
 *
 * The disk does not say of a record whether the exporter has had it before. So what leaves the disk counts as handed over before for as long as there is such a record on it: the sums are exact, and
 * only the moment at which one counts may be another record's.
 */
export class Handover implements HandoverFigures {
  readonly lostAfterHandover: LossCounts = {};
  readonly #onExportFailed: (errorType: string, count: number) => void;
  #handedOver = 0;
  #onDisk = 0;

  /** @param onExportFailed called with records that were lost after they were handed over, and what `error.type` says of it; not for what the end of the lane costs */
  constructor(onExportFailed: (errorType: string, count: number) => void) {
    this.#onExportFailed = onExportFailed;
  }

  get handedOver(): number {
    return this.#handedOver;
  }

  /** The exporter is given records. @param isReplay they come from the disk */
  noteHandover(count: number, isReplay: boolean): void {
    this.#handedOver += isReplay ? count - this.#takeFromDisk(count) : count;
  }

  /** Records that the exporter had go to the disk. */
  noteKept(count: number): void {
    this.#onDisk += count;
  }

  /** Records that the exporter had are lost. */
  noteLoss(reason: LossReason, errorType: string, count: number): void {
    if (count > 0) {
      this.lostAfterHandover[reason] = (this.lostAfterHandover[reason] ?? 0) + count;
      if (reason !== 'shutdown_timeout') {
        this.#onExportFailed(errorType, count);
      }
    }
  }

  /** Records on the disk, or just read from it, are lost. */
  noteDiskLoss(reason: LossReason, count: number): void {
    this.noteLoss(reason, reason, this.#takeFromDisk(count));
  }

  #takeFromDisk(count: number): number {
    const taken = Math.min(count, this.#onDisk);
    this.#onDisk -= taken;
    return taken;
  }
}
