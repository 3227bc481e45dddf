const INITIAL_LINES = 16;

export const LineState = { Waiting: 0, Held: 1, Done: 2 } as const;
export type LineState = (typeof LineState)[keyof typeof LineState];

/** Lines of one segment from `from` on and below `to`. */
export interface LineRange {
  readonly from: number;
  readonly to: number;
}

/** What is known of the lines of a segment: 9 bytes for each, whatever its records hold. */
export class LineIndex {
  #ends = new Uint32Array(INITIAL_LINES);
  #records = new Uint32Array(INITIAL_LINES);
  #states = new Uint8Array(INITIAL_LINES);
  #length = 0;
  #firstWaiting = 0;
  #waitingRecords = 0;
  #doneLines = 0;

  get length(): number {
    return this.#length;
  }

  /** Where the last line ends, in bytes. */
  get end(): number {
    return this.#length === 0 ? 0 : (this.#ends[this.#length - 1] as number);
  }

  /** Records of the lines that wait. */
  get waitingRecords(): number {
    return this.#waitingRecords;
  }

  get isDone(): boolean {
    return this.#doneLines === this.#length;
  }

  /** The oldest line that waits; `length` if none does. */
  get firstWaiting(): number {
    while (this.#firstWaiting < this.#length && this.#states[this.#firstWaiting] !== LineState.Waiting) {
      this.#firstWaiting++;
    }
    return this.#firstWaiting;
  }

  startOf(line: number): number {
    return line === 0 ? 0 : (this.#ends[line - 1] as number);
  }

  endOf(line: number): number {
    return this.#ends[line] as number;
  }

  recordsOf(line: number): number {
    return this.#records[line] as number;
  }

  recordsIn({ from, to }: LineRange): number {
    return this.#records.subarray(from, to).reduce((sum, records) => sum + records, 0);
  }

  stateOf(line: number): LineState {
    return this.#states[line] as LineState;
  }

  add(end: number, records: number, state: LineState): void {
    if (this.#length === this.#ends.length) {
      this.#ends = grown(this.#ends, new Uint32Array(2 * this.#length));
      this.#records = grown(this.#records, new Uint32Array(2 * this.#length));
      this.#states = grown(this.#states, new Uint8Array(2 * this.#length));
    }
    const line = this.#length++;
    this.#ends[line] = end;
    this.#records[line] = records;
    this.#states[line] = state;
    this.#waitingRecords += state === LineState.Waiting ? records : 0;
    this.#doneLines += state === LineState.Done ? 1 : 0;
  }

  /** Sets the state of each line that is not done: nothing leads back from there. */
  set({ from, to }: LineRange, state: LineState): void {
    for (let line = from; line < to; line++) {
      const before = this.#states[line];
      if (before === LineState.Done) {
        continue;
      }
      const records = this.#records[line] as number;
      this.#waitingRecords += (state === LineState.Waiting ? records : 0) - (before === LineState.Waiting ? records : 0);
      this.#doneLines += state === LineState.Done ? 1 : 0;
      this.#states[line] = state;
    }
    if (state === LineState.Waiting && from < this.#firstWaiting) {
      this.#firstWaiting = from;
    }
  }

  /**
   * The first lines that wait, as many as fit one behind the other.
   * @param takesOne whether to take the first one in any case
   * @returns undefined if there is none
   */
  waitingRange(maxRecords: number, maxBytes: number, takesOne: boolean): LineRange | undefined {
    const from = this.firstWaiting;
    let to = from;
    let records = 0;
    while (to < this.#length && this.#states[to] === LineState.Waiting) {
      records += this.recordsOf(to);
      const fits = records <= maxRecords && this.endOf(to) - this.startOf(from) <= maxBytes;
      if (!fits && !(takesOne && to === from)) {
        break;
      }
      to++;
    }
    return to === from ? undefined : { from, to };
  }

  /** The lines between two positions in bytes; undefined if those are not where lines start and end. */
  between(start: number, end: number): LineRange | undefined {
    const from = this.#lineAt(start);
    const to = this.#lineAt(end);
    return from === undefined || to === undefined || to <= from ? undefined : { from, to };
  }

  /** The runs of lines that are done. */
  doneRanges(): LineRange[] {
    const ranges: LineRange[] = [];
    for (let line = 0; line < this.#length; line++) {
      const from = line;
      while (line < this.#length && this.#states[line] === LineState.Done) {
        line++;
      }
      if (line > from) {
        ranges.push({ from, to: line });
      }
    }
    return ranges;
  }

  /** The number of the line that starts there, or, at the end, would. */
  #lineAt(start: number): number | undefined {
    let low = 0;
    let high = this.#length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.startOf(middle) < start) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return (low < this.#length ? this.startOf(low) : this.end) === start ? low : undefined;
  }
}

function grown<T extends Uint32Array | Uint8Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
