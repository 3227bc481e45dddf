import { diag } from '@opentelemetry/api';
import { readBoolean, readNumber, readOneOf, readString, type Environment } from './environment';
import type { FileExporterOptions } from './exporters/file';
import type { LokiExporterOptions } from './exporters/loki-options';
import type { StdoutExporterOptions } from './exporters/stdout';
import type { RetryOptions } from './lane/retry';
import type { QueueLogRecordProcessorOptions } from './options';
import type { OverflowPolicyOptions } from './queue/overflow-policy';
import type { SpoolOptions } from './spool/spool-options';

/** A variable whose whole value is one option. A `word` is what ignores case: the name of a choice. */
export interface Variable {
  readonly name: string;
  readonly kind: 'number' | 'boolean' | 'text' | 'word' | 'severity';
}

/** The options that a single variable can give. */
type ScalarKey<T> = T extends unknown ? { [K in keyof T]-?: Extract<NonNullable<T[K]>, string | number | boolean> extends never ? never : K }[keyof T] : never;

/** One variable for each of them: an option without one does not compile. */
type Variables<T, Others extends PropertyKey = never> = { readonly [K in Exclude<ScalarKey<T>, Others>]: Variable };

const number = (name: string): Variable => ({ name, kind: 'number' });
const boolean = (name: string): Variable => ({ name, kind: 'boolean' });
const text = (name: string): Variable => ({ name, kind: 'text' });
const word = (name: string): Variable => ({ name, kind: 'word' });
const severity = (name: string): Variable => ({ name, kind: 'severity' });

// Where the specification has a name, that one; else the option's own name after `OTEL_LOG_QUEUE_`. `…ON_QUEUE_FULL` is proposed there (opentelemetry-specification #5178).

export const PROCESSOR_VARIABLES = {
  worker: word('OTEL_LOG_QUEUE_WORKER'),
  workerPath: text('OTEL_LOG_QUEUE_WORKER_PATH'),
  shutdownTimeoutMillis: number('OTEL_LOG_QUEUE_SHUTDOWN_TIMEOUT_MILLIS'),
  exitTimeoutMillis: number('OTEL_LOG_QUEUE_EXIT_TIMEOUT_MILLIS'),
  lossRecords: boolean('OTEL_LOG_QUEUE_LOSS_RECORDS'),
  minSeverity: severity('OTEL_LOG_QUEUE_MIN_SEVERITY'),
  maxQueueSize: number('OTEL_BLRP_MAX_QUEUE_SIZE'),
  maxQueueBytes: number('OTEL_LOG_QUEUE_MAX_QUEUE_BYTES'),
  onQueueFull: word('OTEL_BLRP_ON_QUEUE_FULL'),
  blockOnQueueFullTimeoutMillis: number('OTEL_BLRP_BLOCK_ON_QUEUE_FULL_TIMEOUT'),
  maxExportBatchSize: number('OTEL_BLRP_MAX_EXPORT_BATCH_SIZE'),
  maxExportBatchBytes: number('OTEL_LOG_QUEUE_MAX_EXPORT_BATCH_BYTES'),
  maxRecordBytes: number('OTEL_LOG_QUEUE_MAX_RECORD_BYTES'),
  maxAgeMillis: number('OTEL_LOG_QUEUE_MAX_AGE_MILLIS'),
  scheduledDelayMillis: number('OTEL_BLRP_SCHEDULE_DELAY'),
  exportTimeoutMillis: number('OTEL_BLRP_EXPORT_TIMEOUT'),
  retry: boolean('OTEL_LOG_QUEUE_RETRY'),
} as const satisfies Variables<QueueLogRecordProcessorOptions, 'spool'>;

/** The part of `onQueueFull` that is not its name; `timeoutMillis` is `blockOnQueueFullTimeoutMillis`. */
export const OVERFLOW_VARIABLES = {
  ratio: number('OTEL_LOG_QUEUE_ON_QUEUE_FULL_RATIO'),
  threshold: number('OTEL_LOG_QUEUE_ON_QUEUE_FULL_THRESHOLD'),
  minSeverity: severity('OTEL_LOG_QUEUE_ON_QUEUE_FULL_MIN_SEVERITY'),
  reserve: number('OTEL_LOG_QUEUE_ON_QUEUE_FULL_RESERVE'),
} as const satisfies Variables<OverflowPolicyOptions, 'policy' | 'timeoutMillis'>;

export const RETRY_VARIABLES = {
  initialDelayMillis: number('OTEL_LOG_QUEUE_RETRY_INITIAL_DELAY_MILLIS'),
  maxDelayMillis: number('OTEL_LOG_QUEUE_RETRY_MAX_DELAY_MILLIS'),
  multiplier: number('OTEL_LOG_QUEUE_RETRY_MULTIPLIER'),
  maxElapsedTimeMillis: number('OTEL_LOG_QUEUE_RETRY_MAX_ELAPSED_TIME_MILLIS'),
} as const satisfies Variables<RetryOptions>;

export const SPOOL_VARIABLES = {
  directory: text('OTEL_LOG_QUEUE_SPOOL_DIRECTORY'),
  maxBytes: number('OTEL_LOG_QUEUE_SPOOL_MAX_BYTES'),
  fsync: boolean('OTEL_LOG_QUEUE_SPOOL_FSYNC'),
  mode: word('OTEL_LOG_QUEUE_SPOOL_MODE'),
  replay: word('OTEL_LOG_QUEUE_SPOOL_REPLAY'),
} as const satisfies Variables<SpoolOptions>;

/** What the specification has no name for; the rest is `OTEL_EXPORTER_OTLP_*`. */
export const OTLP_VARIABLES = { userAgent: text('OTEL_LOG_QUEUE_OTLP_USER_AGENT') } as const;

export const LOKI_VARIABLES = {
  url: text('OTEL_LOG_QUEUE_LOKI_URL'),
  tenantId: text('OTEL_LOG_QUEUE_LOKI_TENANT_ID'),
  bearerToken: text('OTEL_LOG_QUEUE_LOKI_BEARER_TOKEN'),
  timeoutMillis: number('OTEL_LOG_QUEUE_LOKI_TIMEOUT_MILLIS'),
  encoding: word('OTEL_LOG_QUEUE_LOKI_ENCODING'),
  compression: word('OTEL_LOG_QUEUE_LOKI_COMPRESSION'),
  maxLineBytes: number('OTEL_LOG_QUEUE_LOKI_MAX_LINE_BYTES'),
  detectedLevel: boolean('OTEL_LOG_QUEUE_LOKI_DETECTED_LEVEL'),
} as const satisfies Variables<LokiExporterOptions>;

/** Options of `loki()` that are more than one word. */
export const LOKI_LIST_VARIABLES = {
  labels: 'OTEL_LOG_QUEUE_LOKI_LABELS',
  headers: 'OTEL_LOG_QUEUE_LOKI_HEADERS',
  indexAttributes: 'OTEL_LOG_QUEUE_LOKI_INDEX_ATTRIBUTES',
  username: 'OTEL_LOG_QUEUE_LOKI_USERNAME',
  password: 'OTEL_LOG_QUEUE_LOKI_PASSWORD',
} as const;

export const FILE_VARIABLES = {
  path: text('OTEL_LOG_QUEUE_FILE_PATH'),
  format: word('OTEL_LOG_QUEUE_FILE_FORMAT'),
  maxBytes: number('OTEL_LOG_QUEUE_FILE_MAX_BYTES'),
  maxFiles: number('OTEL_LOG_QUEUE_FILE_MAX_FILES'),
} as const satisfies Variables<FileExporterOptions>;

export const STDOUT_VARIABLES = { format: word('OTEL_LOG_QUEUE_STDOUT_FORMAT') } as const satisfies Variables<StdoutExporterOptions>;

// Specification, logs/data-model.md: the smallest number of each range.
const SEVERITIES = { trace: 1, debug: 5, info: 9, warn: 13, error: 17, fatal: 21 };

/**
 * What the variables say; an option whose variable is unset is absent.
 *
 * @param check throws for a value that makes no sense; that is then one `diag.warn`, and the option is absent too
 */
export function readVariables(environment: Environment, variables: Readonly<Record<string, Variable>>, check: (option: string, value: unknown) => void): Record<string, unknown> {
  const options: Record<string, unknown> = {};
  for (const [option, variable] of Object.entries(variables)) {
    const value = readVariable(environment, variable);
    if (value !== undefined && isTaken(variable.name, () => check(option, value))) {
      options[option] = value;
    }
  }
  return options;
}

/** Whether `check` does not throw; what it throws is told with the name of the variable. */
export function isTaken(variable: string, check: () => void): boolean {
  try {
    check();
    return true;
  } catch (error) {
    diag.warn(`otel-log-queue: ${variable}: ${error instanceof Error ? error.message : String(error)}; ignored`);
    return false;
  }
}

function readVariable(environment: Environment, { name, kind }: Variable): unknown {
  switch (kind) {
    case 'number':
      return readNumber(environment, name, -Infinity, Infinity);
    case 'boolean':
      return readBoolean(environment, name);
    case 'text':
      return readString(environment, name);
    case 'word':
      return readString(environment, name)?.toLowerCase();
    case 'severity':
      return readSeverity(environment, name);
  }
}

/** A severity number, or the name of a range. */
function readSeverity(environment: Environment, name: string): number | undefined {
  const value = Number(readString(environment, name) ?? NaN);
  if (!Number.isNaN(value)) {
    return value;
  }
  const range = readOneOf(environment, name, Object.keys(SEVERITIES) as (keyof typeof SEVERITIES)[]);
  return range === undefined ? undefined : SEVERITIES[range];
}
