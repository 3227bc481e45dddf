import { diag } from '@opentelemetry/api';

// Not more often than an operator can read.
const REPEAT_MILLIS = 30_000;

/** Tells of failures of the disk: of each kind at once, then at most every 30 s. */
export class FailureLog {
  readonly #lane: string;
  readonly #now: () => number;
  readonly #told = new Map<string, number>();

  constructor(lane: string, now: () => number) {
    this.#lane = lane;
    this.#now = now;
  }

  /** @param what what the spool cannot do, as in "cannot …" */
  failed(what: string, error: unknown): void {
    const told = this.#told.get(what);
    const now = this.#now();
    if (told === undefined || Math.abs(now - told) >= REPEAT_MILLIS) {
      this.#told.set(what, now);
      diag.error(`otel-log-queue: the spool of lane '${this.#lane}' cannot ${what}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}
