// npm run example batch-job
// A job that logs faster than any backend takes it, and must not lose a record: emit() waits, bounded, when the queue is full. RECORDS says how many (default 100000).
import { LoggerProvider } from '@opentelemetry/sdk-logs';
import { otlp, QueueLogRecordProcessor } from 'otel-log-queue';

const records = Number(process.env['RECORDS'] ?? 100_000);
const processor = new QueueLogRecordProcessor({
  exporter: otlp({ compression: 'gzip' }),
  // Small on purpose: so that it is full all the time.
  maxQueueBytes: 1024 * 1024,
  onQueueFull: { policy: 'block', timeoutMillis: 60_000 },
});
const provider = new LoggerProvider({ processors: [processor] });
const logger = provider.getLogger('import');

for (let line = 1; line <= records; line++) {
  logger.emit({ severityNumber: 9, severityText: 'INFO', body: `line ${line} imported`, attributes: { line } });
}

void provider.shutdown().then(
  () => console.log('delivered', processor.stats().lanes['otlp']?.delivered, 'lost', processor.stats().lost),
  // A job whose log is part of its result fails with it.
  (error: Error) => {
    console.error(error.message);
    process.exitCode = 1;
  },
);
