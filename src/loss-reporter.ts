import { diag } from '@opentelemetry/api';
import type { LossRecords } from './loss-records';
import { LossWindow } from './loss-window';
import type { LossCounts, LossReason } from './stats';

/** Losses of one reason in one place since the last call. */
export interface Loss {
  /** The lane; undefined for what was lost before any lane. */
  readonly lane: string | undefined;
  readonly reason: LossReason;
  readonly count: number;
}

export type OnLoss = (losses: readonly Loss[]) => void;

export interface LossSource {
  readonly lane: string | undefined;
  readonly losses: { readonly counts: LossCounts };
  /** The backend's last word, for the message. */
  readonly lastFailure?: string | undefined;
}

// performance.md of the specification: warn when loss starts and when it has ended. In between not more often than an operator can read.
const REPORT_INTERVAL_MILLIS = 30_000;

/**
 * Makes losses known: to `diag` at the first loss, then at most every 30 s with the count, when they have ended, and in total at the end; to `onLoss` always; to the records about losses, if there are such.
 * A loss itself costs a flag and, at most once in a turn of the event loop, a `setImmediate`.
 */
export class LossReporter {
  readonly #sources: readonly LossSource[];
  readonly #onLoss: OnLoss | undefined;
  readonly #records: LossRecords | undefined;
  readonly #told = new Map<LossSource, Map<string, number>>();
  readonly #warned = new Map<LossSource, Map<string, number>>();
  readonly #window = new LossWindow();
  #interval: NodeJS.Timeout | undefined = undefined;
  #turnIsSet = false;
  #isTelling = false;
  #isEnded = false;
  readonly #onTurn = (): void => {
    this.#turnIsSet = false;
    this.#report();
  };

  constructor(sources: readonly LossSource[], onLoss: OnLoss | undefined, records?: LossRecords) {
    this.#sources = sources;
    this.#onLoss = onLoss;
    this.#records = records;
  }

  /** What was lost in the last minute, up to this moment. */
  get recent(): readonly Loss[] {
    return this.#window.recent(this.#since(this.#told, false));
  }

  /** A loss has been counted. */
  note(): void {
    // A record that the callback itself logs and that is lost waits for the next loss to be told, or the two would feed each other for ever.
    if (!this.#turnIsSet && !this.#isTelling) {
      this.#turnIsSet = true;
      setImmediate(this.#onTurn);
    }
  }

  /** The last report: what has not been told, and the total. */
  end(): void {
    this.#isEnded = true;
    clearInterval(this.#interval);
    this.#interval = undefined;
    this.#tellCallback();
    const total = this.#since(new Map(), false);
    if (total.length > 0) {
      diag.warn(`otel-log-queue: lost in all: ${this.#inWords(total)}`);
    }
  }

  #report(): void {
    this.#tellCallback();
    this.#records?.look();
    // After the end the total has been told; what is emitted later is counted and told to the callback alone.
    if (this.#interval === undefined && !this.#isEnded) {
      this.#warn('losing log records');
      this.#interval = setInterval(() => this.#onInterval(), REPORT_INTERVAL_MILLIS).unref();
    }
  }

  #onInterval(): void {
    if (!this.#warn(`losing log records, in the last ${REPORT_INTERVAL_MILLIS / 1000} s`)) {
      clearInterval(this.#interval);
      this.#interval = undefined;
      diag.warn(`otel-log-queue: no log record lost for ${REPORT_INTERVAL_MILLIS / 1000} s; lost so far: ${this.#inWords(this.#since(new Map(), false))}`);
    }
  }

  #warn(what: string): boolean {
    const losses = this.#since(this.#warned, true);
    if (losses.length === 0) {
      return false;
    }
    const failures = this.#sources.filter(({ lastFailure, lane }) => lastFailure !== undefined && losses.some((loss) => loss.lane === lane));
    diag.warn(`otel-log-queue: ${what}: ${this.#inWords(losses)}${failures.map(({ lane, lastFailure }) => `; last failure of ${lane}: ${lastFailure}`).join('')}`);
    return true;
  }

  #tellCallback(): void {
    const losses = this.#since(this.#told, true);
    this.#window.add(losses);
    if (this.#onLoss === undefined || losses.length === 0) {
      return;
    }
    this.#isTelling = true;
    try {
      this.#onLoss(losses);
    } catch (error) {
      diag.error('otel-log-queue: onLoss threw', error);
    } finally {
      this.#isTelling = false;
    }
  }

  /** What was lost since `seen`, which is brought up to date if `remember` is set. */
  #since(seen: Map<LossSource, Map<string, number>>, remember: boolean): Loss[] {
    const losses: Loss[] = [];
    for (const source of this.#sources) {
      const before = seen.get(source) ?? new Map<string, number>();
      for (const [reason, count] of Object.entries(source.losses.counts) as [LossReason, number][]) {
        const since = count - (before.get(reason) ?? 0);
        if (since > 0) {
          losses.push({ lane: source.lane, reason, count: since });
          if (remember) {
            before.set(reason, count);
          }
        }
      }
      if (remember) {
        seen.set(source, before);
      }
    }
    return losses;
  }

  #inWords(losses: readonly Loss[]): string {
    return losses.map(({ lane, reason, count }) => `${count} ${reason}${lane === undefined ? '' : ` in lane ${lane}`}`).join(', ');
  }
}
