import { checkInteger, checkNumber, checkObject, checkOneOf, warnUnknownKeys } from '../check';
import type { LogRecord } from '../record';
import type { LossReason } from '../stats';
import type { RecordQueue } from './record-queue';

export type OverflowPolicyName = 'drop' | 'drop-newest' | 'drop-oldest' | 'sample' | 'priority' | 'block';

/** What happens to a record when the queue is full. */
export type OverflowPolicyOptions =
  | { readonly policy: 'drop' | 'drop-newest' | 'drop-oldest' }
  | {
      readonly policy: 'sample';
      /** The part of the records that gets in above the threshold, 0 to 1. Whole traces where a record has a trace id. Default 0.1. */
      readonly ratio?: number;
      /** The part of the capacity above which records are sampled, 0 to 1. Default 0.8. */
      readonly threshold?: number;
    }
  | {
      readonly policy: 'priority';
      /** Severity number from which a record may use the reserve, 1 to 24. An unset severity may not. Default 13 (WARN). */
      readonly minSeverity?: number;
      /** The last part of the capacity, which is for those records, 0 to 1. Default 0.2. */
      readonly reserve?: number;
    }
  | {
      readonly policy: 'block';
      /** How long an emit may wait for room in the ring of a thread, in milliseconds. On the event loop nothing waits: there the producer awaits `ready()`. Default 1000. */
      readonly timeoutMillis?: number;
    };

export type ResolvedOverflowPolicy =
  | { readonly policy: 'drop' }
  | { readonly policy: 'drop-oldest' }
  | { readonly policy: 'sample'; readonly ratio: number; readonly threshold: number }
  | { readonly policy: 'priority'; readonly minSeverity: number; readonly reserve: number }
  | { readonly policy: 'block'; readonly timeoutMillis: number };

const POLICY_NAMES = ['drop', 'drop-newest', 'drop-oldest', 'sample', 'priority', 'block'] as const;
const SEVERITY_WARN = 13;
const SEVERITY_MAX = 24;

/** @throws TypeError or RangeError naming option, range and value */
export function resolveOverflowPolicy(option: string, value: OverflowPolicyName | OverflowPolicyOptions, blockTimeoutMillis = 1000): ResolvedOverflowPolicy {
  const given: Record<string, unknown> = typeof value === 'string' ? { policy: value } : checkObject(option, value);
  const policy = checkOneOf(typeof value === 'string' ? option : `${option}.policy`, given['policy'], POLICY_NAMES);
  const known = ['policy'];
  const part = (name: string, byDefault: number): number => {
    known.push(name);
    return given[name] === undefined ? byDefault : checkNumber(`${option}.${name}`, given[name], 0, 1);
  };
  const integer = (name: string, byDefault: number, min: number, max?: number): number => {
    known.push(name);
    return given[name] === undefined ? byDefault : checkInteger(`${option}.${name}`, given[name], min, max);
  };
  const resolved = ((): ResolvedOverflowPolicy => {
    switch (policy) {
      case 'drop':
      case 'drop-newest':
        return { policy: 'drop' };
      case 'drop-oldest':
        return { policy };
      case 'sample':
        return { policy, ratio: part('ratio', 0.1), threshold: part('threshold', 0.8) };
      case 'priority':
        return { policy, minSeverity: integer('minSeverity', SEVERITY_WARN, 1, SEVERITY_MAX), reserve: part('reserve', 0.2) };
      case 'block':
        return { policy, timeoutMillis: integer('timeoutMillis', blockTimeoutMillis, 0) };
    }
  })();
  warnUnknownKeys(`${option} '${policy}'`, given, known);
  return resolved;
}

/** Puts the record into the queue or says why not; `onEvict` is called for each older record that had to make room. */
export type Admission = (queue: RecordQueue, record: LogRecord, severityNumber: number | undefined, bytes: number, onEvict: () => void) => LossReason | undefined;

/** The one function that a queue calls for each record, chosen once. */
export function admissionFor(policy: ResolvedOverflowPolicy, random: () => number = Math.random): Admission {
  switch (policy.policy) {
    case 'drop':
    // On the event loop nothing may wait inside emit: who wants to wait awaits `ready()`, and who does not loses the newest.
    // falls through
    case 'block':
      return admitIfFits;
    case 'drop-oldest':
      return admitNewest;
    case 'sample':
      return (queue, record, severityNumber, bytes, onEvict) => {
        const tight = queue.fillRatio >= policy.threshold;
        if (tight && !isSampledIn(record, policy.ratio, random)) {
          return 'sampled';
        }
        return admitNewest(queue, record, severityNumber, bytes, onEvict);
      };
    case 'priority':
      return (queue, record, severityNumber, bytes) => {
        if (severityNumber === undefined || severityNumber < policy.minSeverity) {
          const open = 1 - policy.reserve;
          if (queue.size + 1 > queue.maxRecords * open || queue.bytes + bytes > queue.maxBytes * open) {
            return bytes > queue.maxBytes ? 'too_large' : 'queue_full';
          }
        }
        return admitIfFits(queue, record, severityNumber, bytes);
      };
  }
}

function admitIfFits(queue: RecordQueue, record: LogRecord, _severityNumber: number | undefined, bytes: number): LossReason | undefined {
  if (queue.fits(bytes)) {
    queue.push(record, bytes);
    return undefined;
  }
  return bytes > queue.maxBytes ? 'too_large' : 'queue_full';
}

function admitNewest(queue: RecordQueue, record: LogRecord, _severityNumber: number | undefined, bytes: number, onEvict: () => void): LossReason | undefined {
  // A record that no empty queue could hold must not empty this one first.
  if (bytes > queue.maxBytes) {
    return 'too_large';
  }
  while (!queue.fits(bytes)) {
    if (!queue.evictOldest()) {
      // All of the room is taken by the batch in flight.
      return 'queue_full';
    }
    onEvict();
  }
  queue.push(record, bytes);
  return undefined;
}

// The last 56 bits of a W3C trace id are random (Trace Context level 2); 32 of them decide well enough.
const RANDOM_HEX_DIGITS = 8;
const RANDOM_RANGE = 2 ** (4 * RANDOM_HEX_DIGITS);

/** Whether a ratio of the stream takes this record: the same answer for all records of a trace, by chance for one without a trace id. */
export function isSampledIn(record: LogRecord, ratio: number, random: () => number): boolean {
  const traceId = record.spanContext?.traceId;
  const point = typeof traceId === 'string' ? parseInt(traceId.slice(-RANDOM_HEX_DIGITS), 16) / RANDOM_RANGE : NaN;
  return (Number.isNaN(point) ? random() : point) < ratio;
}

/** The part of the capacity above which the policy begins, 0 to 1. */
export function softPartOf(policy: ResolvedOverflowPolicy): number {
  switch (policy.policy) {
    case 'sample':
      return policy.threshold;
    case 'priority':
      return 1 - policy.reserve;
    case 'drop':
    case 'drop-oldest':
    case 'block':
      return 1;
  }
}
