import type { Context } from '@opentelemetry/api';
import type { LaneFigures } from './lane/lane-figures';
import type { Undelivered } from './lane/lane-group';
import type { LossSource } from './loss-reporter';
import type { LogRecord } from './record';
import type { LossCounts, LossReason } from './stats';

/** A worker's part of `stats()`. */
export interface WorkerStats {
  /** Records that were taken and lost before any lane saw them. */
  readonly dropped: LossCounts;
  /** Records that were taken and are on their way to the lanes. */
  readonly queued: number;
  readonly queuedBytes: number;
  readonly capacity: { readonly records?: number; readonly bytes?: number };
  readonly lanes: Readonly<Record<string, LaneFigures>>;
}

/** What drains the queue: on the event loop, or in a thread. The processor counts, the worker delivers. */
export interface QueueWorker {
  readonly kind: 'event-loop' | 'thread';
  /** Where losses are counted besides the processor's own count. */
  readonly lossSources: readonly LossSource[];
  wants(severityNumber: number | undefined): boolean;
  /** Takes the record or says why not. May throw what a getter of the record throws: then nothing was taken. */
  take(record: LogRecord, context: Context | undefined): LossReason | undefined;
  /** How many more records fit. */
  room(): number;
  /** Somebody waits for room: `onRoom` must be called when there may be some. */
  onWaiting(): void;
  /** Resolves when every record taken before is delivered or lost, when that cannot be now, or after the time-out. Never rejects. */
  flush(timeoutMillis: number): Promise<Undelivered>;
  /** A flush and the end, within the time-out. Never rejects. */
  shutdown(timeoutMillis: number): Promise<Undelivered>;
  stats(): WorkerStats;
  onBeforeExit(): Promise<void>;
  /** Called for every worker of the process before the first `onExit`. */
  onExitBegin(): void;
  onExit(): void;
}
