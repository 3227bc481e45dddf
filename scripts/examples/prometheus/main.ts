// npm run example prometheus, then: curl localhost:9464/orders, curl localhost:9464/metrics, curl localhost:9464/health
// The metrics of the log queue for Prometheus (prometheus.yml scrapes them, alerts.yml has the rules), and its health for a readiness probe.
// Logs to OTEL_EXPORTER_OTLP_ENDPOINT (default http://localhost:4318). PORT chooses another port.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { LoggerProvider } from '@opentelemetry/sdk-logs';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { healthCheck, otlp, QueueLogRecordProcessor, shutdownOnSignals } from 'otel-log-queue';

// Or let it listen by itself: new PrometheusExporter({ port: 9464 }).
const prometheus = new PrometheusExporter({ preventServerStart: true });
const meterProvider = new MeterProvider({ readers: [prometheus] });
const processor = new QueueLogRecordProcessor({ exporter: otlp(), maxQueueSize: 10_000, selfObsMeterProvider: meterProvider });
const provider = new LoggerProvider({ processors: [processor] });
const logger = provider.getLogger('shop');

const server = createServer((request, response) => {
  if (request.url === '/metrics') {
    prometheus.getMetricsRequestHandler(request, response);
  } else if (request.url === '/health') {
    const health = healthCheck(processor);
    response.writeHead(health.status === 'failed' ? 503 : 200, { 'content-type': 'application/json' }).end(JSON.stringify(health));
  } else {
    logger.emit({ severityNumber: 9, severityText: 'INFO', body: `${request.method} ${request.url}` });
    response.end('ok\n');
  }
});
server.listen(Number(process.env['PORT'] ?? 9464), () => {
  console.log(`listening on http://localhost:${(server.address() as AddressInfo).port}`);
});
shutdownOnSignals(provider);
