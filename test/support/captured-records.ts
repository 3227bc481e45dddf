import { ROOT_CONTEXT, trace, type SpanContext } from '@opentelemetry/api';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { LoggerProvider } from '@opentelemetry/sdk-logs';
import type { LogRecord } from '../../src/record';

// Derived, not imported by name: the type moved from `api-logs` to `api` between the two SDK lines.
type EmittedLogRecord = Parameters<ReturnType<LoggerProvider['getLogger']>['emit']>[0];

export interface EmittedRecord extends Omit<EmittedLogRecord, 'context'> {
  readonly spanContext?: SpanContext | undefined;
}

export interface ProviderOptions {
  readonly resource?: Parameters<typeof resourceFromAttributes>[0];
  readonly resourceSchemaUrl?: string;
  /** The name, version and options of the logger. */
  readonly scope?: Parameters<LoggerProvider['getLogger']>;
}

/** What a processor gets from the SDK for these calls of `emit`. */
export function captureRecords(emitted: readonly EmittedRecord[], options: ProviderOptions = {}): LogRecord[] {
  const captured: LogRecord[] = [];
  const provider = new LoggerProvider({
    resource: resourceFromAttributes(options.resource ?? { 'service.name': 'test' }, options.resourceSchemaUrl === undefined ? {} : { schemaUrl: options.resourceSchemaUrl }),
    processors: [{ onEmit: (record) => void captured.push(record), forceFlush: () => Promise.resolve(), shutdown: () => Promise.resolve() }],
  });
  const logger = provider.getLogger(...(options.scope ?? ['test-scope', '1.2.3']));
  for (const { spanContext, ...record } of emitted) {
    logger.emit(spanContext === undefined ? record : { ...record, context: trace.setSpanContext(ROOT_CONTEXT, spanContext) });
  }
  return captured;
}

const RESOURCE = resourceFromAttributes({ 'service.name': 'by-hand' });
const SCOPE = { name: 'by-hand' };

/** A plain record, as a frame or an application makes one, with any field replaced by anything. */
export function recordByHand(fields: { [Field in keyof LogRecord]?: unknown } = {}): LogRecord {
  return {
    hrTime: [1_700_000_000, 123_456_789],
    hrTimeObserved: [1_700_000_000, 223_456_789],
    resource: RESOURCE,
    instrumentationScope: SCOPE,
    attributes: {},
    droppedAttributesCount: 0,
    ...fields,
  } as LogRecord;
}
