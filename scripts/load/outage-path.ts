/** What the receiver is asked for before an outage, with `fromMillis` and `toMillis` from now. */
export const OUTAGE_PATH = '/outage';
