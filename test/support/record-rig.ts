import { InMemoryLogRecordExporter, type LoggerProvider, type ReadableLogRecord } from '@opentelemetry/sdk-logs';
import type { QueueLogRecordProcessor } from '../../src';
import { endRigs, makeRig } from './sdk';

/** The real SDK with the processor of this package, and what arrives behind it. */
export interface RecordRig {
  readonly provider: LoggerProvider;
  readonly processor: QueueLogRecordProcessor;
  /** What has been emitted so far, delivered. */
  records(): Promise<ReadableLogRecord[]>;
}

export function makeRecordRig(): RecordRig {
  const exporter = new InMemoryLogRecordExporter();
  const { provider, processor } = makeRig({ exporter });
  return {
    provider,
    processor,
    records: async () => {
      await processor.forceFlush();
      return exporter.getFinishedLogRecords();
    },
  };
}

export { endRigs };
