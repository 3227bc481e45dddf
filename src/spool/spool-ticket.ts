import type { LineRange } from './line-index';
import type { Segment } from './segment';

/** Lines of one segment. */
export interface TicketPart extends LineRange {
  readonly segment: Segment;
}

/** Stands for records that are on disk and in somebody's hands: settled once, by `SpoolStore.ack` or `SpoolStore.giveBack`. */
export class SpoolTicket {
  /** Records on disk that it stands for. */
  readonly records: number;
  readonly #parts: readonly TicketPart[];
  #isSettled = false;

  constructor(records: number, parts: readonly TicketPart[]) {
    this.records = records;
    this.#parts = parts;
  }

  /** What it stands for, the first time; then nothing. */
  settle(): readonly TicketPart[] {
    const parts = this.#isSettled ? [] : this.#parts;
    this.#isSettled = true;
    return parts;
  }
}

/** Adds a line to the last part if it comes right behind it. */
export function addLine(parts: TicketPart[], segment: Segment, line: number): void {
  const last = parts.at(-1);
  if (last?.segment === segment && last.to === line) {
    parts[parts.length - 1] = { segment, from: last.from, to: line + 1 };
  } else {
    parts.push({ segment, from: line, to: line + 1 });
  }
}
