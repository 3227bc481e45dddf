import type { LaneGroup, Undelivered } from './lane-group';

/** Waits for the flush at the natural end of the process; an attempt is aborted when no lane has moved for `quietMillis`. */
export async function flushBeforeExit(lanes: LaneGroup, quietMillis: number, flush: () => Promise<Undelivered>): Promise<Undelivered> {
  let { progress } = lanes;
  const watch = setInterval(() => {
    const now = lanes.progress;
    if (now === progress) {
      lanes.abortAttempts('no progress within exitTimeoutMillis at the end of the process');
    }
    progress = now;
  }, quietMillis);
  const undelivered = await flush();
  clearInterval(watch);
  return undelivered;
}
