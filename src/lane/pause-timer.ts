/** A wait that can be ended early. */
export class PauseTimer {
  #end: (() => void) | undefined = undefined;

  get isRunning(): boolean {
    return this.#end !== undefined;
  }

  /** Resolves after the delay or at `end`. One wait at a time. */
  wait(delayMillis: number): Promise<void> {
    return new Promise((resolve) => {
      // Not referenced: at a natural end the flush at `beforeExit` makes the last attempt, at once.
      const timer = setTimeout(() => this.#end?.(), delayMillis).unref();
      this.#end = () => {
        clearTimeout(timer);
        this.#end = undefined;
        resolve();
      };
    });
  }

  end(): void {
    this.#end?.();
  }
}
