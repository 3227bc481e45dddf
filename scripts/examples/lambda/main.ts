// npm run example lambda
// A handler in the style of AWS Lambda, invoked three times as the runtime does it. Logs to OTEL_EXPORTER_OTLP_ENDPOINT (default http://localhost:4318).
import { handler } from './handler';

async function invoke(): Promise<void> {
  for (const order of [1, 2, 3]) {
    const deadline = Date.now() + 3000;
    const { statusCode } = await handler({ order }, { awsRequestId: `request-${order}`, getRemainingTimeInMillis: () => deadline - Date.now() });
    console.log(`invocation ${order} answered ${statusCode}`);
  }
}

void invoke();
