// npm run example plain-sdk
// The logs SDK alone: logs to the console and to OTEL_EXPORTER_OTLP_ENDPOINT (default http://localhost:4318).
import { resourceFromAttributes } from '@opentelemetry/resources';
import { LoggerProvider } from '@opentelemetry/sdk-logs';
import { otlp, QueueLogRecordProcessor, shutdownOnSignals, stdout } from 'otel-log-queue';

const processor = new QueueLogRecordProcessor({
  exporters: [otlp(), { exporter: stdout({ format: 'pretty' }), minSeverity: 13 }],
  onLoss: (losses) => console.error('lost', losses),
});
const provider = new LoggerProvider({ resource: resourceFromAttributes({ 'service.name': 'shop' }), processors: [processor] });
// For Ctrl+C and for whoever stops the process; the natural end needs nothing.
const removeHandlers = shutdownOnSignals(provider);

const logger = provider.getLogger('orders', '1.0.0');
logger.emit({ severityNumber: 9, severityText: 'INFO', body: 'started', attributes: { workers: 2 } });
for (let order = 1; order <= 100; order++) {
  logger.emit({ severityNumber: 9, severityText: 'INFO', body: { event: 'order read', order } });
}
logger.emit({ severityNumber: 17, severityText: 'ERROR', eventName: 'payment.failed', body: 'payment failed', attributes: { order: 42, 'exception.type': 'CardError' } });

void provider.shutdown().then(
  () => {
    removeHandlers();
    console.log('delivered', processor.stats().lanes['otlp']?.delivered);
  },
  (error: Error) => {
    console.error(error.message);
    process.exitCode = 1;
  },
);
