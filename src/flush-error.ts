import type { Undelivered } from './lane/lane-group';
import type { LossCounts } from './stats';

/** Why a `forceFlush()` or `shutdown()` rejected: what was not delivered, by lane. */
export class FlushError extends Error {
  override readonly name = 'FlushError';

  constructor(
    what: string,
    /** Records that were lost meanwhile, by lane and reason. */
    readonly lost: Readonly<Record<string, LossCounts>>,
    /** Records that are still queued or in flight, by lane. */
    readonly queued: Readonly<Record<string, number>>,
  ) {
    const lostWords = Object.entries(lost).flatMap(([lane, counts]) => Object.entries(counts).map(([reason, count]) => `${count} ${reason} in lane ${lane}`));
    const queuedWords = Object.entries(queued).map(([lane, count]) => `${count} still queued in lane ${lane}`);
    super(`otel-log-queue: ${what} left log records undelivered: ${[...lostWords, ...queuedWords].join(', ')}`);
  }
}

/** @throws FlushError */
export function rejectIfUndelivered(what: string, { lost, queued }: Undelivered): void {
  if (Object.keys(lost).length > 0 || Object.keys(queued).length > 0) {
    throw new FlushError(what, lost, queued);
  }
}
