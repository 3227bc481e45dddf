// npm run example express, then: curl localhost:3000/orders/1
// Logs to the console and to OTEL_EXPORTER_OTLP_ENDPOINT (default http://localhost:4318). Ctrl+C ends it; nothing that was answered is lost.
import type { AddressInfo } from 'node:net';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { LoggerProvider } from '@opentelemetry/sdk-logs';
import express from 'express';
import { otlp, QueueLogRecordProcessor, stdout } from 'otel-log-queue';
import { gracefulShutdown, requestErrors, requestLog } from 'otel-log-queue/express';

const processor = new QueueLogRecordProcessor({ exporters: [otlp(), stdout({ format: 'pretty' })] });
const provider = new LoggerProvider({ resource: resourceFromAttributes({ 'service.name': 'shop' }), processors: [processor] });
const logger = provider.getLogger('orders');

const app = express();
// First, so that its duration is that of the whole request.
app.use(requestLog(provider, { skip: ({ url }) => url === '/health', requestHeaders: ['x-request-id'] }));

app.get('/health', (_request, response) => {
  response.json(processor.stats());
});
app.get('/orders/:id', (request, response) => {
  const { id } = request.params;
  if (!/^\d+$/.test(id)) {
    throw Object.assign(new Error(`no such order: ${id}`), { status: 404 });
  }
  logger.emit({ severityNumber: 9, severityText: 'INFO', body: 'order read', attributes: { order: Number(id) } });
  response.json({ order: Number(id) });
});

// Behind the routes: adds the error to the record of its request.
app.use(requestErrors());

const server = app.listen(Number(process.env['PORT'] ?? 3000), () => {
  console.log(`listening on http://localhost:${(server.address() as AddressInfo).port}`);
});
gracefulShutdown(server, provider);
