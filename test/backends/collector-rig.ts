import type { LogRecordProcessor } from '@opentelemetry/sdk-logs';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { LoggerProvider } from '@opentelemetry/sdk-logs';
import { ROOT_CONTEXT, trace } from '@opentelemetry/api';
import type { EmittedRecord } from '../support/captured-records';
import type { FaultServer } from '../support/fault-server';
import { decodeLogsJson } from '../support/otlp-json-decode';
import { logRecordsOf, type DecodedLogRecord, type DecodedLogs } from '../support/otlp-decode';

/** What the Collector has decoded and sent on, request by request. */
export function decodedBy(sink: FaultServer): DecodedLogs[] {
  return sink.requests.map(({ body }) => decodeLogsJson(String(body)));
}

/** All records that the sink was sent, in order. The Collector has no unset body, only an empty one. */
export function recordsAt(sink: FaultServer): DecodedLogRecord[] {
  return decodedBy(sink).flatMap(logRecordsOf).map(withoutEmptyBody);
}

export function withoutEmptyBody(record: DecodedLogRecord): DecodedLogRecord {
  return record.body !== undefined && Object.keys(record.body).length === 0 ? { ...record, body: undefined } : record;
}

/** The attribute `seq` of all records that the sink was sent. */
export function sequencesAt(sink: FaultServer): number[] {
  return recordsAt(sink).map(({ attributes }) => Number((attributes.find(({ key }) => key === 'seq')?.value as { intValue: bigint }).intValue));
}

export const RESOURCE = { 'service.name': 'shop', 'host.cpus': 4, 'process.command_args': ['node', 'app.js'] };
export const SCOPE = { name: 'checkout', version: '1.2.3', schemaUrl: 'https://example.test/scope', attributes: { team: 'a' } };
export const RESOURCE_SCHEMA_URL = 'https://example.test/resource';

/** The same resource and scope, as they come out. */
export const DECODED_ENVELOPE = {
  resource: {
    attributes: [
      { key: 'service.name', value: { stringValue: 'shop' } },
      { key: 'host.cpus', value: { intValue: 4n } },
      { key: 'process.command_args', value: { arrayValue: [{ stringValue: 'node' }, { stringValue: 'app.js' }] } },
    ],
    droppedAttributesCount: 0,
  },
  schemaUrl: RESOURCE_SCHEMA_URL,
  scopeLogs: [
    {
      scope: { name: 'checkout', version: '1.2.3', attributes: [{ key: 'team', value: { stringValue: 'a' } }], droppedAttributesCount: 0 },
      schemaUrl: 'https://example.test/scope',
    },
  ],
};

/** Emits through the real SDK, with that resource and scope, and shuts down. */
export async function emitThrough(processor: LogRecordProcessor, emitted: readonly EmittedRecord[]): Promise<void> {
  const provider = new LoggerProvider({ resource: resourceFromAttributes(RESOURCE, { schemaUrl: RESOURCE_SCHEMA_URL }), processors: [processor] });
  const logger = provider.getLogger(SCOPE.name, SCOPE.version, { schemaUrl: SCOPE.schemaUrl, attributes: SCOPE.attributes });
  for (const { spanContext, ...record } of emitted) {
    logger.emit(spanContext === undefined ? record : { ...record, context: trace.setSpanContext(ROOT_CONTEXT, spanContext) });
  }
  await provider.shutdown();
}
