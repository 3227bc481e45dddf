import type { LoggerProvider, LogRecordExporter, ReadableLogRecord } from '@opentelemetry/sdk-logs';
import type { QueueLogRecordProcessor } from '../../src';
import { endRigs, makeRig } from './sdk';

/** The real SDK with the processor of this package, and what arrives behind it. */
export interface RecordRig {
  readonly provider: LoggerProvider;
  readonly processor: QueueLogRecordProcessor;
  /** What has been emitted so far, delivered. */
  records(): Promise<ReadableLogRecord[]>;
}

/** Unlike the SDK's exporter to memory it keeps what it has after its shutdown. */
class KeepingExporter implements LogRecordExporter {
  readonly records: ReadableLogRecord[] = [];

  export(records: ReadableLogRecord[], done: Parameters<LogRecordExporter['export']>[1]): void {
    this.records.push(...records);
    done({ code: 0 });
  }

  async forceFlush(): Promise<void> {}

  async shutdown(): Promise<void> {}
}

export function makeRecordRig(): RecordRig {
  const exporter = new KeepingExporter();
  const { provider, processor } = makeRig({ exporters: [{ exporter, name: 'kept' }] });
  return {
    provider,
    processor,
    records: async () => {
      await processor.forceFlush();
      return [...exporter.records];
    },
  };
}

export { endRigs };
