/**
 * Lets waiting producers through one by one, first come first served, as far as there is room.
 * Who is let through holds a place until it emits or the turn of the event loop ends, so that ten waiters never fill one place.
 */
export class ReadyGate {
  readonly #room: () => number;
  readonly #onWaiting: () => void;
  readonly #waiters: (() => void)[] = [];
  #next = 0;
  #held = 0;
  #turnIsSet = false;
  #isOpen = false;
  readonly #onTurnEnd = (): void => {
    this.#turnIsSet = false;
    this.#held = 0;
    this.letThrough();
  };

  /**
   * @param room how many more records fit now
   * @param onWaiting called while somebody waits: `letThrough` must be called when there may be room
   */
  constructor(room: () => number, onWaiting: () => void) {
    this.#room = room;
    this.#onWaiting = onWaiting;
  }

  wait(): Promise<void> {
    if (this.#isOpen || (this.#next === this.#waiters.length && this.#hasPlace())) {
      this.#hold();
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      this.#waiters.push(resolve);
      this.#onWaiting();
    });
  }

  /** A record was emitted: it takes a held place, if there is one. */
  noteEmit(): void {
    if (this.#held > 0) {
      this.#held--;
    }
  }

  /** Lets as many waiters through as there is room for. */
  letThrough(): void {
    while (this.#next < this.#waiters.length && (this.#isOpen || this.#hasPlace())) {
      this.#hold();
      this.#waiters[this.#next++]?.();
    }
    if (this.#next === this.#waiters.length || this.#next > 1024) {
      this.#waiters.splice(0, this.#next);
      this.#next = 0;
    }
    if (this.#next < this.#waiters.length) {
      this.#onWaiting();
    }
  }

  /** Lets everybody through from now on. */
  open(): void {
    this.#isOpen = true;
    this.letThrough();
  }

  #hasPlace(): boolean {
    return this.#room() > this.#held;
  }

  #hold(): void {
    this.#held++;
    if (!this.#turnIsSet && !this.#isOpen) {
      this.#turnIsSet = true;
      setImmediate(this.#onTurnEnd);
    }
  }
}
