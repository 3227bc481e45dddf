/** Why a record will not be delivered. Every loss has exactly one reason. */
export type LossReason =
  /** The queue was full and the overflow policy chose this record. */
  | 'queue_full'
  /** The `sample` policy thinned the stream. */
  | 'sampled'
  /** Emitted after `shutdown()` was called. */
  | 'already_shutdown'
  /** The exporter failed for good and said no more about it. */
  | 'export_failed'
  /** The backend refused the record. */
  | 'rejected'
  /** The retry budget was spent. */
  | 'retry_exhausted'
  /** Larger than the queue, a request or the backend allows. */
  | 'too_large'
  /** The record has no valid form: a throwing getter, a wrong type, a serialization error. */
  | 'invalid'
  /** Older than `maxAgeMillis`. */
  | 'expired'
  /** The spool on disk was at its bound. */
  | 'spool_full'
  /** Neither delivered nor spooled when `shutdown()` or the exit ran out of time. */
  | 'shutdown_timeout'
  /** In the hands of a worker thread when it died. */
  | 'worker_crashed'
  /** Emitted from inside an export. */
  | 'suppressed';

/** Losses by reason; a reason without a loss is absent. */
export type LossCounts = Partial<Record<LossReason, number>>;
