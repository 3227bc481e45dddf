/**
 * Containers inside containers, at most. A container below the last level becomes an empty value.
 * The limit of the specification's `AttributeValueDepthLimit`, applied to bodies as well.
 */
export const MAX_DEPTH = 64;

/** Values inside containers of one record, at most. A graph whose nodes share children grows exponentially when it is written as a tree; the cut at `MAX_DEPTH` alone would let it run for ever. */
export const MAX_VALUES = 100_000;

/** Keeps the walk through the values of one record finite. */
export class Nesting {
  readonly #ancestors: object[] = [];
  #values = 0;

  /** Containers around the current value. */
  get depth(): number {
    return this.#ancestors.length;
  }

  /** Before each record. */
  reset(): void {
    this.#ancestors.length = 0;
    this.#values = 0;
  }

  /** Whether to go into the container. If false (too deep, or it contains itself) an empty value takes its place. */
  enter(container: object): boolean {
    if (this.#ancestors.length >= MAX_DEPTH || this.#ancestors.includes(container)) {
      return false;
    }
    this.#ancestors.push(container);
    return true;
  }

  /** @throws RangeError at the value that is one too many */
  count(): void {
    if (++this.#values > MAX_VALUES) {
      throw new RangeError(`a record holds at most ${MAX_VALUES} nested values`);
    }
  }

  leave(): void {
    this.#ancestors.pop();
  }
}
