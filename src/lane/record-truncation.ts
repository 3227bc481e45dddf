import type { AnyValue, Attributes, LogRecord } from '../record';
import { estimateRecordBytes } from '../record-size';

/** The attribute that marks a record whose strings were cut. */
export const TRUNCATED_ATTRIBUTE = 'otel_log_queue.truncated';

// What the mark adds to the estimate.
const MARK_BYTES = TRUNCATED_ATTRIBUTE.length + 18;

const MAX_DEPTH = 64;

// A value that contains itself twice has 2^64 paths of depth 64: what is left stays as it is, and the backend decides.
const MAX_CONTAINERS = 10_000;

/** How many more containers may be visited. */
interface Budget {
  left: number;
}

/**
 * The record itself if it is small enough by the estimate; else a marked copy whose longest strings, in the body and in attribute values, are cut to one common length, as long as the bound allows.
 * What is no string stays, so a record of many numbers, keys or byte arrays can stay too large. Never throws, never changes the record.
 */
export function truncateRecord(record: LogRecord, maxBytes: number): LogRecord {
  const bytes = estimateRecordBytes(record);
  if (bytes <= maxBytes) {
    return record;
  }
  try {
    const lengths: number[] = [];
    const budget = { left: MAX_CONTAINERS };
    visitStrings(record.body, 0, budget, lengths);
    visitStrings(record.attributes, 0, budget, lengths);
    const limit = commonLimit(lengths, bytes + MARK_BYTES - maxBytes);
    return limit === Infinity ? record : cutRecord(record, limit);
  } catch {
    // A getter that throws: the exporter counts it as invalid.
    return record;
  }
}

/** The largest length to which strings can be cut so that at least `excess` characters go; 0 if all of them are not enough, Infinity if there is nothing to cut. */
function commonLimit(lengths: number[], excess: number): number {
  lengths.sort((a, b) => b - a);
  let sum = 0;
  for (let count = 1; count <= lengths.length; count++) {
    sum += lengths[count - 1] ?? 0;
    // Cut to this limit, the `count` longest ones lose `excess`.
    const limit = Math.floor((sum - excess) / count);
    if (limit >= (lengths[count] ?? 0)) {
      return limit;
    }
  }
  return sum > 0 ? 0 : Infinity;
}

function visitStrings(value: unknown, depth: number, budget: Budget, lengths: number[]): void {
  if (typeof value === 'string') {
    lengths.push(value.length);
  } else if (isContainer(value) && depth < MAX_DEPTH && budget.left > 0) {
    budget.left--;
    for (const each of Object.values(value)) {
      visitStrings(each, depth + 1, budget, lengths);
    }
  }
}

function cutRecord(record: LogRecord, limit: number): LogRecord {
  const budget = { left: MAX_CONTAINERS };
  const { hrTime, hrTimeObserved, resource, instrumentationScope, droppedAttributesCount, spanContext, severityText, severityNumber, eventName } = record;
  return {
    hrTime,
    hrTimeObserved,
    body: cutValue(record.body, limit, 0, budget) as AnyValue,
    attributes: { ...(cutValue(record.attributes, limit, 0, budget) as Attributes), [TRUNCATED_ATTRIBUTE]: true },
    resource,
    instrumentationScope,
    droppedAttributesCount,
    ...(spanContext === undefined ? undefined : { spanContext }),
    ...(severityText === undefined ? undefined : { severityText }),
    ...(severityNumber === undefined ? undefined : { severityNumber }),
    ...(eventName === undefined ? undefined : { eventName }),
  };
}

function cutValue(value: unknown, limit: number, depth: number, budget: Budget): unknown {
  if (typeof value === 'string') {
    return cutString(value, limit);
  }
  if (!isContainer(value) || depth >= MAX_DEPTH || budget.left === 0) {
    return value;
  }
  budget.left--;
  if (Array.isArray(value)) {
    return value.map((each) => cutValue(each, limit, depth + 1, budget));
  }
  // Not by assignment: a key named __proto__ would set the prototype.
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, cutValue(each, limit, depth + 1, budget)]));
}

/** The beginning of the text, at most so many UTF-16 units, never half of a surrogate pair. */
function cutString(text: string, limit: number): string {
  if (text.length <= limit) {
    return text;
  }
  const last = text.charCodeAt(limit - 1);
  const splitsPair = last >= 0xd800 && last <= 0xdbff;
  return text.slice(0, splitsPair ? limit - 1 : limit);
}

function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !ArrayBuffer.isView(value);
}
