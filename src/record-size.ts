import type { AnyValue, LogRecord } from './record';

// Timestamps, severity, flags, the ids of the trace context and the framing around them, as OTLP has them.
const RECORD_BYTES = 96;

// Tags and lengths of a key and its value.
const ENTRY_BYTES = 10;

const SCALAR_BYTES = 8;

// Long arrays are uniform in practice: the beginning stands for the rest.
const ARRAY_SAMPLE = 1000;

const MAX_DEPTH = 64;

// A value that contains itself twice has 2^64 paths of depth 64.
const MAX_CONTAINERS = 10_000;

/**
 * About how many bytes a record takes, in a queue as in a request, without its resource and scope.
 * Counts a character as one byte. Made to be cheap: reads string lengths, allocates nothing for a record without objects and arrays, never throws.
 */
export function estimateRecordBytes(record: LogRecord): number {
  let bytes = RECORD_BYTES;
  try {
    const { attributes, body, eventName, severityText } = record;
    if (typeof severityText === 'string') {
      bytes += severityText.length;
    }
    if (typeof eventName === 'string') {
      bytes += eventName.length;
    }
    let budget: Budget | undefined;
    bytes += typeof body === 'object' && body !== null ? containerBytes(body, 1, (budget = { left: MAX_CONTAINERS })) : scalarBytes(body);
    for (const key in attributes) {
      const value = attributes[key];
      bytes += key.length + ENTRY_BYTES;
      bytes += typeof value === 'object' && value !== null ? containerBytes(value, 1, (budget ??= { left: MAX_CONTAINERS })) : scalarBytes(value);
    }
  } catch {
    // A getter that throws: what was counted up to there has to do.
  }
  return bytes;
}

/** How many more containers one record may have visited. */
interface Budget {
  left: number;
}

function scalarBytes(value: AnyValue): number {
  return typeof value === 'string' ? value.length : SCALAR_BYTES;
}

function containerBytes(value: object, depth: number, budget: Budget): number {
  if (ArrayBuffer.isView(value)) {
    return value.byteLength;
  }
  if (depth > MAX_DEPTH || budget.left === 0) {
    return SCALAR_BYTES;
  }
  budget.left--;
  let bytes = 0;
  if (Array.isArray(value)) {
    const sampled = Math.min(value.length, ARRAY_SAMPLE);
    for (let index = 0; index < sampled; index++) {
      bytes += elementBytes(value[index] as AnyValue, depth, budget);
    }
    return sampled === value.length ? bytes : Math.round((bytes / sampled) * value.length);
  }
  for (const key in value) {
    bytes += key.length + ENTRY_BYTES + elementBytes((value as Record<string, AnyValue>)[key], depth, budget);
  }
  return bytes;
}

function elementBytes(value: AnyValue, depth: number, budget: Budget): number {
  return typeof value === 'object' && value !== null ? containerBytes(value, depth + 1, budget) : scalarBytes(value);
}
