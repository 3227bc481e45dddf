import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { decodeLogsRequest } from './otlp-decode';

/** An OTLP receiver that counts the `seq` attribute of each record and can go away and come back on its port. */
export class SequenceReceiver {
  /** How often each sequence number has arrived. */
  readonly counts = new Map<number, number>();
  /** When each has arrived first, by `performance.now()`. */
  readonly arrivedMillis = new Map<number, number>();
  readonly #server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('error', () => undefined);
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      this.#count(Buffer.concat(chunks));
      response.end();
    });
  });
  #port = 0;

  static async start(): Promise<SequenceReceiver> {
    const receiver = new SequenceReceiver();
    await receiver.up();
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/v1/logs`;
  }

  get unique(): number {
    return this.counts.size;
  }

  /** Records that came again, each time counted. */
  get duplicates(): number {
    return [...this.counts.values()].reduce((sum, count) => sum + count - 1, 0);
  }

  async up(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Closes the port and every connection. */
  async down(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  #count(body: Buffer): void {
    for (const resource of decodeLogsRequest(body).resourceLogs) {
      for (const record of resource.scopeLogs.flatMap((scope) => scope.logRecords)) {
        const seq = Number((record.attributes[0]?.value as { intValue: bigint }).intValue);
        this.counts.set(seq, (this.counts.get(seq) ?? 0) + 1);
        if (!this.arrivedMillis.has(seq)) {
          this.arrivedMillis.set(seq, performance.now());
        }
      }
    }
  }
}
