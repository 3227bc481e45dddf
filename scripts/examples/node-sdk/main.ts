// npm run example node-sdk
// NodeSDK: traces, metrics and logs of one service go to OTEL_EXPORTER_OTLP_ENDPOINT (default http://localhost:4318); log records carry the ids of their span.
import { metrics, trace } from '@opentelemetry/api';
import { logs } from '@opentelemetry/api-logs';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { otlp, QueueLogRecordProcessor } from 'otel-log-queue';

const processor = new QueueLogRecordProcessor({ exporter: otlp(), selfObsMeterProvider: metrics });
const sdk = new NodeSDK({ serviceName: 'shop', logRecordProcessors: [processor] });
sdk.start();

const logger = logs.getLogger('orders');
trace.getTracer('orders').startActiveSpan('read orders', (span) => {
  for (let order = 1; order <= 100; order++) {
    logger.emit({ severityNumber: 9, severityText: 'INFO', body: 'order read', attributes: { order } });
  }
  span.end();
});

// A service calls this where it ends: NodeSDK handles no signal. `shutdownOnSignals(sdk)` does.
void sdk.shutdown().then(() => console.log('delivered', processor.stats().lanes['otlp']?.delivered));
