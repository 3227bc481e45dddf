import type { LokiContext } from './loki-contexts';
import type { LokiMetadata } from './loki-metadata';

/**
 * Collects entries into as few requests as possible, but none of two streams: Loki's answer then tells what became of the last one,
 * and an entry that was refused in another is lost in silence (its ingester overwrites the error of one stream with the success of the next).
 */
export interface LokiPush {
  /**
   * Never throws for what an entry holds.
   *
   * @param timestamp nanoseconds since the Unix epoch, in decimal
   * @param metadata begun with the same context
   */
  add(context: LokiContext, timestamp: string, line: string, metadata: LokiMetadata): void;
  /** The requests, none of them empty: Loki answers an empty one with 422. */
  finish(): LokiPushBody[];
}

/** One request. */
export interface LokiPushBody {
  readonly bytes: Uint8Array;
  readonly records: number;
}

/** Loki's distributor and ingester talk in messages of at most 4 MiB; a larger push fails with a 500 for ever. An entry of the usual kind more does not go beyond. */
export const MAX_PUSH_BYTES = 3 * 1024 * 1024;

/** What Loki adds to an entry before it sends that message: `detected_level`, where the entry has none. */
export const ADDED_BY_LOKI_BYTES = 32;
