// npm run example nestjs, then: curl localhost:3000/orders/1
// Logs to the console and to OTEL_EXPORTER_OTLP_ENDPOINT (default http://localhost:4318). Ctrl+C ends it; nothing that was answered is lost.
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { OtelLogger } from 'otel-log-queue/nestjs';
import { AppModule } from './app.module';

async function bootstrap(): Promise<void> {
  // What Nest says before there is a logger is kept for it.
  const app = await NestFactory.create(AppModule, { bufferLogs: true });
  app.useLogger(app.get(OtelLogger));
  app.enableShutdownHooks();
  await app.listen(Number(process.env['PORT'] ?? 3000));
  console.log(`listening on ${await app.getUrl()}`);
}

void bootstrap();
