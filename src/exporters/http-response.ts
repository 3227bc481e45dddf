import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

export interface HttpResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** At most 4 MiB. */
  readonly body: Buffer;
}

// OTLP specification, "OTLP/HTTP Response": a client must bound what it reads; a larger answer is a failure that is not retried.
const MAX_RESPONSE_BYTES = 4 * 1024 * 1024;

/** Reads an answer to its end. One of the two functions is called at least once, and nothing counts after the first call. */
export function collect(
  response: IncomingMessage,
  onComplete: (answer: HttpResponse) => void,
  onFailure: (problem: string, retryable?: boolean, status?: number) => void,
): void {
  const status = response.statusCode ?? 0;
  const chunks: Buffer[] = [];
  let size = 0;
  response.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > MAX_RESPONSE_BYTES) {
      chunks.length = 0;
      onFailure(`the answer (status ${status}) is larger than ${MAX_RESPONSE_BYTES} bytes`, false, status);
    } else {
      chunks.push(chunk);
    }
  });
  // Node reports a cut answer as an error, not as an end.
  const onCut = (): void => onFailure(`the answer (status ${status}) was cut`);
  response.on('end', () => onComplete({ status, headers: response.headers, body: Buffer.concat(chunks, size) }));
  response.on('error', onCut);
  response.on('close', onCut);
}
