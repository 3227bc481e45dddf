/** What arrived. */
export interface ReceivedCounts {
  /** Different sequence numbers of the run. */
  readonly unique: number;
  readonly duplicates: number;
  /** Records with a lower number than one that came before them; duplicates do not count here. */
  readonly outOfOrder: number;
  /** Requests or lines that could not be read, and records without a sequence number. */
  readonly unreadable: number;
  /** When the last record of the run arrived, on the clock of `monotonicMillis`; 0 if none did. */
  readonly lastMillis: number;
}

/** Milliseconds on a clock that all processes of one machine share. */
export function monotonicMillis(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** Takes the sequence numbers that are found in what arrived. */
export interface SequenceSink {
  readonly add: (sequence: number, arrivedMillis: number) => void;
}

/** Counts the sequence numbers of one run, one bit for each. The driver numbers records in the order of emission, whatever the task. */
export class SequenceCounter {
  readonly #total: number;
  readonly #seen: Uint8Array;
  #unique = 0;
  #duplicates = 0;
  #outOfOrder = 0;
  #unreadable = 0;
  #highest = -1;
  #lastMillis = 0;

  /** @param total the run's numbers are 0 to total - 1; higher ones belong to the warm-up and are ignored */
  constructor(total: number) {
    this.#total = total;
    this.#seen = new Uint8Array(Math.ceil(total / 8));
  }

  add(sequence: number, arrivedMillis: number): void {
    if (!Number.isInteger(sequence) || sequence < 0) {
      this.#unreadable += 1;
      return;
    }
    if (sequence >= this.#total) {
      return;
    }
    const byte = sequence >>> 3;
    const bit = 1 << (sequence & 7);
    const seen = this.#seen[byte] ?? 0;
    if ((seen & bit) !== 0) {
      this.#duplicates += 1;
    } else {
      this.#seen[byte] = seen | bit;
      this.#unique += 1;
      if (sequence < this.#highest) {
        this.#outOfOrder += 1;
      } else {
        this.#highest = sequence;
      }
    }
    if (arrivedMillis > this.#lastMillis) {
      this.#lastMillis = arrivedMillis;
    }
  }

  addUnreadable(): void {
    this.#unreadable += 1;
  }

  counts(): ReceivedCounts {
    return { unique: this.#unique, duplicates: this.#duplicates, outOfOrder: this.#outOfOrder, unreadable: this.#unreadable, lastMillis: this.#lastMillis };
  }
}
