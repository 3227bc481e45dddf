import type { LogRecord } from '../record';

/** When the record was observed, in milliseconds since the epoch; its own time if nobody noted that; NaN if it has neither. */
export function observedMillis({ hrTimeObserved, hrTime }: LogRecord): number {
  // A record made by hand may lack either one.
  const [seconds, nanos] = isSet(hrTimeObserved) ? hrTimeObserved : isSet(hrTime) ? hrTime : [NaN, NaN];
  return seconds * 1000 + nanos / 1e6;
}

/** Whether the record is older than that. One without a time never is. */
export function isExpired(record: LogRecord, maxAgeMillis: number, nowMillis: number): boolean {
  try {
    return nowMillis - observedMillis(record) > maxAgeMillis;
  } catch {
    // A getter that throws: the exporter counts it as invalid.
    return false;
  }
}

function isSet(time: LogRecord['hrTime'] | undefined): time is LogRecord['hrTime'] {
  return time !== undefined && (time[0] !== 0 || time[1] !== 0);
}
