import type { Context } from '@opentelemetry/api';
import type { Undelivered } from '../lane/lane-group';
import type { ThreadFigures } from './shared-stats';

/** What drains the ring, as its producer sees it: a worker thread, or the event loop. */
export interface DrainLink {
  readonly kind: 'thread' | 'event-loop';
  readonly figures: ThreadFigures;
  /** Whether it has begun to run; one that has not has taken nothing. */
  readonly isReady: boolean;
  /** Keeps the process alive: somebody waits for this. */
  reference(): void;
  unreference(): void;
  /** @returns undefined if there was no answer within the time-out, or the thread has ended */
  command(type: 'flush' | 'shutdown', target: number, timeoutMillis: number): Promise<Undelivered | undefined>;
  /** Whether this context is that of one of its own exports on this thread. */
  isInsideExport(context: Context | undefined): boolean;
  /** Delivers what can be delivered only while the event loop still runs. */
  onBeforeExit(target: number): Promise<void>;
  /** The main thread is about to block: `waitForExit` with the returned number. 0: nothing can be waited for. */
  commandExit(target: number, timeoutMillis: number): number;
  /** Blocks this thread until the command is done, or nothing has moved for `quietMillis`, or the deadline (`performance.now()`) has passed. */
  waitForExit(id: number, quietMillis: number, deadline: number): void;
  /** Ends it if it has not ended by itself. */
  end(): Promise<void>;
}
