import type { Attributes, LogRecord, Resource } from './record';
import { totalLosses, type LossCounts, type QueueStats } from './stats';
import { VERSION } from './version';

export interface LossRecordsOwner {
  readonly stats: () => QueueStats;
  /** Puts a record into the stream; false if it was lost at once, in front of the lanes. */
  readonly emit: (record: LogRecord) => boolean;
}

/** A place where records are lost, and what has been made of it. */
interface Place {
  /** Undefined: in front of the lanes. */
  readonly lane: string | undefined;
  /** All losses that have been looked at. */
  seen: number;
  /** Records of our own that are in it and may still be lost. */
  own: number;
  /** When so many records have left it alive, ours have too. */
  ownAreGoneAt: number;
  /** The losses up to the end of the last window. */
  reported: LossCounts;
}

// performance.md of the specification: tell when loss starts and when it has ended. The same pause as that of the reports to `diag`.
const QUIET_MILLIS = 30_000;

const SEVERITY_WARN = 13;
const SCOPE = { name: 'otel-log-queue', version: VERSION };
const PREFIX = 'otel_log_queue.loss';
const SEVERITY_RANGES = ['unspecified', 'trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;

// Where records are lost that no record of this process has brought.
const NO_RESOURCE: Resource = { attributes: {}, getRawAttributes: () => [], merge: (other) => other ?? NO_RESOURCE };

/**
 * Puts log records about losses into the stream itself: `otel_log_queue.loss.started`, and `otel_log_queue.loss.ended` when nothing has been lost for 30 s, or at the end.
 *
 * Losing such a record is counted like any other loss, but begins no new window, or the two would feed each other for as long as a backend is down.
 */
export class LossRecords {
  /** That of the last record seen. */
  resource: Resource = NO_RESOURCE;
  readonly #owner: LossRecordsOwner;
  readonly #places: readonly Place[];
  readonly #severities = SEVERITY_RANGES.map(() => 0);
  #interval: NodeJS.Timeout | undefined = undefined;
  #startMillis = 0;
  #lastLossMillis = 0;
  #isQuiet = true;
  #isEnded = false;

  /** @param lanes all lanes; the records are offered to those that take severity WARN */
  constructor(owner: LossRecordsOwner, lanes: readonly { readonly name: string; readonly options: { readonly minSeverity: number | undefined } }[]) {
    this.#owner = owner;
    const takesOwn = (minSeverity: number | undefined): boolean => minSeverity === undefined || minSeverity <= SEVERITY_WARN;
    const place = (lane: string | undefined, takes: boolean): Place => ({ lane, seen: 0, own: 0, ownAreGoneAt: takes ? 0 : -1, reported: {} });
    this.#places = [place(undefined, true), ...lanes.map(({ name, options }) => place(name, takesOwn(options.minSeverity)))];
  }

  /** A record of this severity was refused; never throws. */
  noteRefused(record: { readonly severityNumber?: number | undefined }): void {
    try {
      const { severityNumber = 0 } = record;
      const range = Number.isInteger(severityNumber) && severityNumber >= 1 && severityNumber <= 24 ? 1 + Math.floor((severityNumber - 1) / 4) : 0;
      this.#severities[range] = (this.#severities[range] ?? 0) + 1;
    } catch {
      // A getter of a record that was made by hand: its severity stays unknown.
    }
  }

  /** Something may have been lost. */
  look(): void {
    if (this.#isEnded || !this.#hasNewLosses(this.#owner.stats())) {
      return;
    }
    this.#lastLossMillis = Date.now();
    this.#isQuiet = false;
    if (this.#interval === undefined) {
      this.#startMillis = this.#lastLossMillis;
      this.#interval = setInterval(() => this.#onInterval(), QUIET_MILLIS).unref();
      this.#emit(this.#makeRecord('started'));
    }
  }

  /** Tells what has not been told: the process or the processor is about to end. */
  settle(): void {
    this.look();
    if (this.#interval !== undefined) {
      this.#endWindow();
    }
  }

  /** The same, and no record comes after it. */
  end(): void {
    this.settle();
    this.#isEnded = true;
  }

  #onInterval(): void {
    this.look();
    if (this.#isQuiet) {
      this.#endWindow();
    }
    this.#isQuiet = true;
  }

  #endWindow(): void {
    clearInterval(this.#interval);
    this.#interval = undefined;
    const stats = this.#owner.stats();
    const record = this.#makeRecord('ended');
    for (const place of this.#places) {
      place.reported = { ...lossesIn(place, stats) };
    }
    this.#severities.fill(0);
    this.#emit(record);
  }

  /** Whether more was lost than can have been our own. */
  #hasNewLosses(stats: QueueStats): boolean {
    let found = false;
    for (const place of this.#places) {
      const total = totalLosses(lossesIn(place, stats));
      const fresh = total - place.seen;
      place.seen = total;
      if (leftAlive(place, stats) >= place.ownAreGoneAt) {
        place.own = 0;
      }
      const own = Math.min(fresh, place.own);
      place.own -= own;
      found ||= fresh > own;
    }
    return found;
  }

  #emit(record: LogRecord): void {
    const isTaken = this.#owner.emit(record);
    const stats = this.#owner.stats();
    for (const place of this.#places) {
      if (!isTaken) {
        place.seen += place.lane === undefined ? 1 : 0;
      } else if (place.ownAreGoneAt >= 0) {
        place.own++;
        place.ownAreGoneAt = leftAlive(place, stats) + pendingIn(place, stats);
      }
    }
  }

  #makeRecord(what: 'started' | 'ended'): LogRecord {
    const stats = this.#owner.stats();
    const attributes: Attributes = { [`${PREFIX}.window.start`]: new Date(this.#startMillis).toISOString() };
    if (what === 'ended') {
      attributes[`${PREFIX}.window.end`] = new Date(this.#lastLossMillis).toISOString();
    }
    let total = 0;
    const words: string[] = [];
    for (const place of this.#places) {
      for (const [reason, count] of Object.entries(lossesIn(place, stats))) {
        const since = count - (place.reported[reason as keyof LossCounts] ?? 0);
        if (since > 0) {
          total += since;
          attributes[`${PREFIX}.${place.lane === undefined ? 'front' : `lane.${place.lane}`}.${reason}`] = since;
          words.push(`${since} ${reason}${place.lane === undefined ? '' : ` in lane ${place.lane}`}`);
        }
      }
    }
    attributes[`${PREFIX}.count`] = total;
    let unknown = total;
    SEVERITY_RANGES.forEach((range, index) => {
      const count = this.#severities[index] ?? 0;
      unknown -= count;
      if (count > 0) {
        attributes[`${PREFIX}.severity.${range}`] = count;
      }
    });
    if (unknown > 0) {
      attributes[`${PREFIX}.severity.unknown`] = unknown;
    }
    const now = Date.now();
    const hrTime: LogRecord['hrTime'] = [Math.floor(now / 1000), (now % 1000) * 1_000_000];
    return {
      hrTime,
      hrTimeObserved: hrTime,
      severityNumber: SEVERITY_WARN,
      severityText: 'WARN',
      eventName: `${PREFIX}.${what}`,
      body: `otel-log-queue: ${what === 'started' ? 'losing log records' : 'no log record is lost any more, lost since the start'}: ${words.join(', ')}`,
      attributes,
      droppedAttributesCount: 0,
      resource: this.resource,
      instrumentationScope: SCOPE,
    };
  }
}

function lossesIn({ lane }: Place, stats: QueueStats): LossCounts {
  return lane === undefined ? stats.dropped : (stats.lanes[lane]?.dropped ?? {});
}

/** Records that have left the place without being lost. */
function leftAlive({ lane }: Place, stats: QueueStats): number {
  return lane === undefined ? stats.accepted - stats.queued : (stats.lanes[lane]?.delivered ?? 0);
}

/** Records that are in the place, or may still come to it from the front. */
function pendingIn({ lane }: Place, stats: QueueStats): number {
  const { queued = 0, inFlight = 0, spooled = 0 } = (lane === undefined ? undefined : stats.lanes[lane]) ?? {};
  return stats.queued + queued + inFlight + spooled;
}
