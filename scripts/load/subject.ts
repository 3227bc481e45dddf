import type { LogRecordExporter, LogRecordProcessor } from '@opentelemetry/sdk-logs';
import type { RunOptions } from './run-process';

/** What a processor says about its records so far. */
export interface Tally {
  /** Calls of emit it has seen; undefined where it does not count them. */
  readonly emitted?: number;
  readonly refused: number;
  readonly delivered: number;
  readonly lost: number;
  readonly droppedByReason: Readonly<Record<string, number>>;
  /** Its own accounts balance, and nothing is queued or in flight. */
  readonly isSettled: boolean;
}

/** `ExportResultCode.SUCCESS` of `@opentelemetry/core`. */
const SUCCESS = 0;

/** A processor under load. */
export interface Subject {
  readonly processor: LogRecordProcessor;
  /** The worker it chose, where it has one. */
  readonly worker?: string;
  readonly ready?: () => Promise<void>;
  /** @param attempted calls of emit so far, which the stock processor does not count */
  tally(attempted: number): Tally;
}

/** Takes records and forgets them: what the SDK and the driver cost without a processor. */
export function noopSubject(): Subject {
  return {
    processor: { onEmit: () => undefined, forceFlush: () => Promise.resolve(), shutdown: () => Promise.resolve() },
    tally: () => ({ refused: 0, delivered: 0, lost: 0, droppedByReason: {}, isSettled: true }),
  };
}

/** The stock processor with the stock OTLP protobuf exporter, as an application would set it up. */
export async function stockSubject(options: RunOptions): Promise<Subject> {
  const { BatchLogRecordProcessor } = await import('@opentelemetry/sdk-logs');
  const exporter = options.exporter === 'null' ? succeedingExporter(options.latencyMillis) : await protobufExporter(options.otlpUrl);
  let handed = 0;
  let delivered = 0;
  const counting: LogRecordExporter = {
    export: (records, done) => {
      handed += records.length;
      exporter.export(records, (result) => {
        delivered += (result.code as number) === SUCCESS ? records.length : 0;
        done(result);
      });
    },
    forceFlush: () => exporter.forceFlush(),
    shutdown: () => exporter.shutdown(),
  };
  return {
    processor: new BatchLogRecordProcessor({
      exporter: counting,
      ...(options.maxsize === undefined ? {} : { maxQueueSize: options.maxsize, maxExportBatchSize: Math.min(512, options.maxsize) }),
    }),
    // What it never handed to its exporter, it has dropped at its queue; it does not say so itself.
    tally: (attempted) => ({
      refused: attempted - handed,
      delivered,
      lost: attempted - delivered,
      droppedByReason: { queue_full: attempted - handed, export_failed: handed - delivered },
      isSettled: true,
    }),
  };
}

async function protobufExporter(url: string): Promise<LogRecordExporter> {
  const { OTLPLogExporter } = await import('@opentelemetry/exporter-logs-otlp-proto');
  return new OTLPLogExporter({ url });
}

function succeedingExporter(delayMillis: number): LogRecordExporter {
  return {
    export: (_, done) => {
      if (delayMillis > 0) {
        setTimeout(() => done({ code: SUCCESS }), delayMillis);
      } else {
        done({ code: SUCCESS });
      }
    },
    forceFlush: () => Promise.resolve(),
    shutdown: () => Promise.resolve(),
  };
}
