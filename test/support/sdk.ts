import { LoggerProvider, type LogRecordProcessor } from '@opentelemetry/sdk-logs';
import { QueueLogRecordProcessor, type QueueLogRecordProcessorOptions } from '../../src';
import { expectConserved } from './conservation';

/** A processor behind the real SDK. */
export interface Rig {
  readonly processor: QueueLogRecordProcessor;
  readonly provider: LoggerProvider;
  readonly emit: (from: number, to: number) => void;
}

export function makeRig(options: QueueLogRecordProcessorOptions): Rig {
  const processor = new QueueLogRecordProcessor(options);
  rigs.push(processor);
  return { processor, ...makeProvider(processor) };
}

export function makeProvider(processor: LogRecordProcessor): { provider: LoggerProvider; emit: (from: number, to: number) => void } {
  const provider = new LoggerProvider({ processors: [processor] });
  const logger = provider.getLogger('test');
  const emit = (from: number, to: number): void => {
    for (let seq = from; seq < to; seq++) {
      logger.emit({ severityNumber: 9, severityText: 'INFO', body: `record ${seq}`, attributes: { seq } });
    }
  };
  return { provider, emit };
}

const rigs: QueueLogRecordProcessor[] = [];

/** Call it in `afterEach`: asserts conservation of every processor that the test made, before and after its end. */
export async function endRigs(): Promise<void> {
  for (const processor of rigs.splice(0)) {
    expectConserved(processor.stats());
    await processor.shutdown({ timeoutMillis: 0 }).catch(() => undefined);
    expectConserved(processor.stats());
  }
}
