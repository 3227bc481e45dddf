import { diag } from '@opentelemetry/api';
import type { LogRecord, Resource } from '../record';

/**
 * Waits until the resources of a batch have all their attributes: a resource detector that asks a cloud's metadata server answers long after the first record.
 * A resource is waited for once: who has not settled in time is exported with what it has, and never waited for again.
 */
export class ResourceWait {
  readonly #givenUp = new WeakSet<Resource>();
  #hurry: (() => void) | undefined = undefined;
  #inHurry = false;

  /** Undefined if nothing is pending, which is the rule; else a promise that always resolves. */
  for(records: readonly LogRecord[], timeoutMillis: number): Promise<void> | undefined {
    let pending: Set<Resource> | undefined;
    for (const { resource } of records) {
      // A record made by hand may lack its resource.
      if ((resource as Resource | undefined)?.asyncAttributesPending === true && !this.#givenUp.has(resource)) {
        (pending ??= new Set()).add(resource);
      }
    }
    return pending === undefined ? undefined : this.#settle(pending, timeoutMillis);
  }

  /** Ends the present wait and all later ones at once: the end of the process does not wait for a detector. */
  hurry(): void {
    this.#inHurry = true;
    this.#hurry?.();
  }

  async #settle(pending: Set<Resource>, timeoutMillis: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const enough = new Promise<void>((resolve) => {
      this.#hurry = resolve;
      if (this.#inHurry) {
        resolve();
      }
      if (timeoutMillis > 0) {
        timer = setTimeout(resolve, timeoutMillis);
      }
    });
    const settled = Promise.all([...pending].map(async (resource) => resource.waitForAsyncAttributes?.())).catch((error: unknown) => {
      diag.debug('otel-log-queue: a resource could not settle its attributes', error);
    });
    await Promise.race([settled, enough]);
    clearTimeout(timer);
    this.#hurry = undefined;
    for (const resource of pending) {
      if (resource.asyncAttributesPending === true) {
        this.#givenUp.add(resource);
        diag.warn('otel-log-queue: resource attributes have not settled in time; log records are exported with those that have');
      }
    }
  }
}
