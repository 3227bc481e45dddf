import type { Resource } from '../record';

/**
 * A resource in the thread: one object for each resource of the application, as exporters group by identity.
 * It is pending until its definition has been published, which is when the application's resource has all its attributes, or at the end of the process.
 */
export class ThreadResource implements Resource {
  asyncAttributesPending = true;
  /** While pending, those that had settled when the resource was first met. */
  attributes: Resource['attributes'] = {};
  schemaUrl?: string;
  #settled: Promise<void> | undefined = undefined;
  #resolve: (() => void) | undefined = undefined;

  /** Resolves when the definition has been read; that is looked for at each `refresh` of the table. */
  waitForAsyncAttributes(): Promise<void> {
    if (!this.asyncAttributesPending) {
      return Promise.resolve();
    }
    this.#settled ??= new Promise((resolve) => {
      this.#resolve = resolve;
    });
    return this.#settled;
  }

  getRawAttributes(): ReturnType<Resource['getRawAttributes']> {
    return Object.entries(this.attributes);
  }

  /** Merging is for set-up, and in the thread nothing is set up any more. Returns the resource itself. */
  merge(): Resource {
    return this;
  }

  /**
   * After it has settled once, later calls change nothing.
   * @param attributes undefined: those it has
   * @param isSettled whether nothing more will come
   */
  define(attributes: Resource['attributes'] | undefined, schemaUrl: string | undefined, isSettled: boolean): void {
    if (!this.asyncAttributesPending) {
      return;
    }
    if (attributes !== undefined) {
      this.attributes = attributes;
    }
    if (schemaUrl !== undefined) {
      this.schemaUrl = schemaUrl;
    }
    if (isSettled) {
      this.asyncAttributesPending = false;
      this.#resolve?.();
    }
  }
}
