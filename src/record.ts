import type { ReadableLogRecord } from '@opentelemetry/sdk-logs';

// The types are derived, not imported by name: the attribute types moved from `api-logs` to `api` between the two SDK lines.

/** What travels through the queue: the SDK's record, or a plain object of the same shape. */
export type LogRecord = ReadableLogRecord;

export type AnyValue = LogRecord['body'];

export type Attributes = LogRecord['attributes'];

export type Resource = LogRecord['resource'];

export type InstrumentationScope = LogRecord['instrumentationScope'];

/**
 * The attributes of a resource as far as they have settled.
 * The `attributes` getter of a resource that still waits for its detectors reports an error to `diag` at each call, so it is not touched then.
 */
export function settledResourceAttributes(resource: Resource): Resource['attributes'] {
  if (resource.asyncAttributesPending !== true) {
    return resource.attributes ?? {};
  }
  const settled: Resource['attributes'] = {};
  for (const [key, value] of resource.getRawAttributes()) {
    if (value != null && typeof (value as { then?: unknown }).then !== 'function') {
      settled[key] ??= value as Resource['attributes'][string];
    }
  }
  return settled;
}
