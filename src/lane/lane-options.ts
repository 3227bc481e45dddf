import { diag } from '@opentelemetry/api';
import { checkInteger, checkNumber, checkObject, warnUnknownKeys } from '../check';
import { resolveOverflowPolicy, type OverflowPolicyName, type OverflowPolicyOptions, type ResolvedOverflowPolicy } from '../queue/overflow-policy';
import { resolveSpoolOptions, type ResolvedSpoolOptions, type SpoolOptions } from '../spool/spool-options';
import { DEFAULT_RETRY, type RetryOptions } from './retry';

/** Options of one lane; given to the processor, they are the default of all its lanes. */
export interface LaneOptions {
  /** Records below this severity number are not offered to the lane; an unset severity passes. 1 to 24. Default: none. */
  readonly minSeverity?: number;
  /** Most records in memory, waiting and in flight together. Default 2048; with a thread none. */
  readonly maxQueueSize?: number;
  /** Most bytes in memory, by an estimate of each record. Default: none; with a thread 16 MiB in the ring, exactly counted, and 16 MiB in each lane. */
  readonly maxQueueBytes?: number;
  /** What happens to a record when the queue is full. Default `'drop'`. */
  readonly onQueueFull?: OverflowPolicyName | OverflowPolicyOptions;
  /** `timeoutMillis` of the policy `'block'`. Default 1000. */
  readonly blockOnQueueFullTimeoutMillis?: number;
  /**
   * A batch is due when so many records wait. Default 512; clamped to `maxQueueSize`.
   * It is also the most records of a batch for exporter objects, and for built-in exporters if it is set.
   */
  readonly maxExportBatchSize?: number;
  /** Most bytes of a batch, by an estimate. Default: OTLP 4 MiB, Loki 1 MiB, stdout and file 1 MiB; none for exporter objects. */
  readonly maxExportBatchBytes?: number;
  /**
   * The strings of a record that is larger than this, by an estimate, are cut, the longest first, and the record gets the attribute `otel_log_queue.truncated: true`. Default: none.
   * At least 256.
   */
  readonly maxRecordBytes?: number;
  /** A record that was observed longer ago when its batch is taken or tried again is lost as `expired`. In milliseconds, at least 1. Default: none. */
  readonly maxAgeMillis?: number;
  /** A batch is due so many milliseconds after its first record. Default 1000. */
  readonly scheduledDelayMillis?: number;
  /** A batch is settled as failed after so many milliseconds; 0 is no limit. Default 30000. */
  readonly exportTimeoutMillis?: number;
  /** When and how long a failed batch is tried again, and, after five failures in a row, how rarely any is tried; `false`: a failed batch is lost at once. */
  readonly retry?: Partial<RetryOptions> | false;
  /** Where records go on disk that cannot be delivered now, and come back from; `false`, for a lane: not even where the processor says so. Default: nowhere. */
  readonly spool?: SpoolOptions | false;
}

export interface ResolvedLaneOptions {
  readonly minSeverity: number | undefined;
  readonly maxQueueSize: number;
  readonly maxQueueBytes: number | undefined;
  readonly onQueueFull: ResolvedOverflowPolicy;
  readonly maxExportBatchSize: number;
  /** Whether the user set `maxExportBatchSize`: only then it also caps the batches of built-in exporters. */
  readonly batchSizeIsSet: boolean;
  readonly maxExportBatchBytes: number | undefined;
  readonly maxRecordBytes: number | undefined;
  readonly maxAgeMillis: number | undefined;
  readonly scheduledDelayMillis: number;
  readonly exportTimeoutMillis: number;
  readonly retry: RetryOptions | false;
  readonly spool: ResolvedSpoolOptions | undefined;
}

export const LANE_OPTION_KEYS = [
  'minSeverity',
  'maxQueueSize',
  'maxQueueBytes',
  'onQueueFull',
  'blockOnQueueFullTimeoutMillis',
  'maxExportBatchSize',
  'maxExportBatchBytes',
  'maxRecordBytes',
  'maxAgeMillis',
  'scheduledDelayMillis',
  'exportTimeoutMillis',
  'retry',
  'spool',
] as const satisfies readonly (keyof LaneOptions)[];

const DEFAULT_MAX_QUEUE_SIZE = 2048;
const DEFAULT_MAX_EXPORT_BATCH_SIZE = 512;

// The fixed part of a record and the mark of a cut one take about 150.
const MIN_RECORD_BYTES = 256;

// Node fires a timer with a longer delay at once.
export const MAX_TIMER_MILLIS = 2 ** 31 - 1;

// More slots than this are no JavaScript array.
const MAX_RECORDS = 2 ** 32 - 1;

/**
 * Fills in what is not set and checks the rest.
 *
 * @param owner how messages name the owner of the options, empty or ending in a dot
 * @throws TypeError or RangeError naming option, range and value
 */
export function resolveLaneOptions(owner: string, options: LaneOptions): ResolvedLaneOptions {
  const integer = (name: keyof LaneOptions, min: number, max?: number): number | undefined =>
    options[name] === undefined ? undefined : checkInteger(`${owner}${name}`, options[name], min, max);

  const maxQueueSize = integer('maxQueueSize', 1, MAX_RECORDS) ?? DEFAULT_MAX_QUEUE_SIZE;
  const wantedBatchSize = integer('maxExportBatchSize', 1, MAX_RECORDS);
  if (wantedBatchSize !== undefined && wantedBatchSize > maxQueueSize) {
    diag.warn(`otel-log-queue: ${owner}maxExportBatchSize (${wantedBatchSize}) is larger than maxQueueSize (${maxQueueSize}), which is used instead`);
  }
  return {
    minSeverity: integer('minSeverity', 1, 24),
    maxQueueSize,
    maxQueueBytes: integer('maxQueueBytes', 1),
    onQueueFull: resolveOverflowPolicy(
      `${owner}onQueueFull`,
      options.onQueueFull ?? 'drop',
      integer('blockOnQueueFullTimeoutMillis', 0, MAX_TIMER_MILLIS),
    ),
    maxExportBatchSize: Math.min(wantedBatchSize ?? DEFAULT_MAX_EXPORT_BATCH_SIZE, maxQueueSize),
    batchSizeIsSet: wantedBatchSize !== undefined,
    maxExportBatchBytes: integer('maxExportBatchBytes', 1),
    maxRecordBytes: integer('maxRecordBytes', MIN_RECORD_BYTES),
    maxAgeMillis: integer('maxAgeMillis', 1),
    scheduledDelayMillis: integer('scheduledDelayMillis', 0, MAX_TIMER_MILLIS) ?? 1000,
    exportTimeoutMillis: integer('exportTimeoutMillis', 0, MAX_TIMER_MILLIS) ?? 30_000,
    retry: resolveRetry(`${owner}retry`, options.retry),
    spool: options.spool === undefined || options.spool === false ? undefined : resolveSpoolOptions(`${owner}spool`, options.spool),
  };
}

function resolveRetry(option: string, value: unknown): RetryOptions | false {
  if (value === undefined || value === false) {
    return value === false ? false : DEFAULT_RETRY;
  }
  const given = checkObject(option, value);
  warnUnknownKeys(option, given, Object.keys(DEFAULT_RETRY));
  const millis = (name: keyof RetryOptions): number =>
    given[name] === undefined ? DEFAULT_RETRY[name] : checkInteger(`${option}.${name}`, given[name], 0, MAX_TIMER_MILLIS);
  return {
    initialDelayMillis: millis('initialDelayMillis'),
    maxDelayMillis: millis('maxDelayMillis'),
    multiplier: given['multiplier'] === undefined ? DEFAULT_RETRY.multiplier : checkNumber(`${option}.multiplier`, given['multiplier'], 1, 100),
    maxElapsedTimeMillis: millis('maxElapsedTimeMillis'),
  };
}

