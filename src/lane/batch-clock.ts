import { AsyncResource } from 'node:async_hooks';

/**
 * Says when a lane has to look whether a batch is due: after the delay, or in the next turn of the event loop.
 * One timer and one turn at a time, whatever the number of records.
 */
export class BatchClock {
  // The timers and sockets of an export must not keep alive the request in whose context a record happened to be emitted.
  readonly #asyncResource = new AsyncResource('otel-log-queue.lane');
  readonly #timer: NodeJS.Timeout;
  readonly #onTurn: () => void;
  #timerIsSet = true;
  #turnIsSet = false;
  #isUp = false;

  /** @param look called when the delay is over and when a turn was asked for */
  constructor(delayMillis: number, look: () => void) {
    const lookAsOwner = (): void => this.#asyncResource.runInAsyncScope(look);
    this.#onTurn = () => {
      this.#turnIsSet = false;
      lookAsOwner();
    };
    this.#timer = setTimeout(() => {
      this.#timerIsSet = false;
      this.#isUp = true;
      lookAsOwner();
    }, delayMillis).unref();
  }

  /** Whether the delay has passed since the oldest record of the next batch came. */
  get isUp(): boolean {
    return this.#isUp;
  }

  /** A record waits that the timer must not forget. */
  startTimer(): void {
    if (!this.#timerIsSet) {
      this.#timerIsSet = true;
      this.#timer.refresh();
    }
  }

  /** Looks in the next turn: the caller of emit must not pay for a batch. */
  startTurn(): void {
    if (!this.#turnIsSet) {
      this.#turnIsSet = true;
      setImmediate(this.#onTurn);
    }
  }

  /** The delay is over now. */
  expire(): void {
    this.#isUp = true;
  }

  /** All that waited has been taken. */
  reset(): void {
    this.#isUp = false;
  }

  stop(): void {
    clearTimeout(this.#timer);
    // So that it is not set again.
    this.#timerIsSet = true;
  }
}
