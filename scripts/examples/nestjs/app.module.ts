import { Module } from '@nestjs/common';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { LoggerProvider } from '@opentelemetry/sdk-logs';
import { otlp, QueueLogRecordProcessor, stdout } from 'otel-log-queue';
import { LogQueueModule } from 'otel-log-queue/nestjs';
import { OrdersController } from './orders.controller';

const processor = new QueueLogRecordProcessor({ exporters: [otlp(), stdout({ format: 'pretty' })] });
const provider = new LoggerProvider({ resource: resourceFromAttributes({ 'service.name': 'shop' }), processors: [processor] });

@Module({
  imports: [LogQueueModule.forRoot({ processor, provider, requests: { skip: ({ url }) => url === '/health' } })],
  controllers: [OrdersController],
})
export class AppModule {}
