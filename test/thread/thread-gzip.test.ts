import { pbkdf2 } from 'node:crypto';
import { loki, otlp } from '../../src';
import type { QueueLogRecordProcessorOptions } from '../../src';
import { FaultServer, status } from '../support/fault-server';
import { endRigs, makeRig } from '../support/sdk';
import { until } from '../support/until';

const POOL_THREADS = Number(process.env['UV_THREADPOOL_SIZE'] ?? 4);
const TASKS = 3 * POOL_THREADS;

let server: FaultServer;

beforeEach(async () => {
  // What Loki says when it has stored everything; an OTLP receiver may say it too.
  server = await FaultServer.start(status(204));
});

afterEach(async () => {
  await endRigs();
  await server.close();
});

jest.setTimeout(60_000);

/** How much of the application's work in the thread pool was done when the request came. */
async function poolWorkDoneBefore(options: QueueLogRecordProcessorOptions): Promise<number> {
  const { processor, emit } = makeRig({ ...options, scheduledDelayMillis: 60_000 });
  await processor.forceFlush();
  let done = 0;
  for (let task = 0; task < TASKS; task++) {
    pbkdf2('secret', 'salt', 300_000, 64, 'sha512', () => done++);
  }
  emit(0, 100);
  const flushed = processor.forceFlush();
  await until(() => server.requests.length === 1);
  const doneBefore = done;
  await flushed;
  await until(() => done === TASKS);
  return doneBefore;
}

describe('gzip, while the application keeps the thread pool busy', () => {
  it.each(['otlp', 'loki'] as const)('does not wait for the pool in the thread (%s)', async (kind) => {
    const exporter = kind === 'otlp' ? otlp({ url: server.url, compression: 'gzip' }) : loki({ url: server.url });
    expect(await poolWorkDoneBefore({ exporter, worker: 'thread' })).toBeLessThanOrEqual(TASKS - POOL_THREADS);
    expect(server.requests[0]?.headers['content-encoding']).toBe('gzip');
  });

  it('leaves the event loop alone on the event loop, and so waits', async () => {
    const exporter = otlp({ url: server.url, compression: 'gzip' });
    expect(await poolWorkDoneBefore({ exporter, worker: 'event-loop' })).toBeGreaterThan(TASKS - POOL_THREADS);
  });
});
