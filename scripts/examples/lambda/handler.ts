import { LoggerProvider } from '@opentelemetry/sdk-logs';
import { otlp, QueueLogRecordProcessor } from 'otel-log-queue';

interface Context {
  readonly awsRequestId: string;
  getRemainingTimeInMillis(): number;
}

// Once for each instance of the function, not for each invocation. No thread: it would cost a cold start more than it saves, and it is frozen between invocations like everything else.
const processor = new QueueLogRecordProcessor({ exporter: otlp(), worker: 'event-loop', scheduledDelayMillis: 0 });
const logger = new LoggerProvider({ processors: [processor] }).getLogger('orders');

// Of the time that is left, what the answer itself needs.
const ANSWER_MILLIS = 500;

export async function handler(event: { readonly order: number }, context: Context): Promise<{ statusCode: number }> {
  const attributes = { order: event.order, 'faas.invocation_id': context.awsRequestId };
  logger.emit({ severityNumber: 9, severityText: 'INFO', body: 'order read', attributes });
  try {
    return { statusCode: 200 };
  } finally {
    // After the answer the process is frozen, and perhaps never thawed. A backend that is down costs one attempt; the records wait for the next invocation.
    await processor.forceFlush({ timeoutMillis: Math.max(0, context.getRemainingTimeInMillis() - ANSWER_MILLIS) }).catch((error: Error) => console.error(error.message));
  }
}
