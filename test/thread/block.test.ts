import workerThreads, { type Worker } from 'node:worker_threads';
import { otlp } from '../../src';
import { captureDiag } from '../support/capture-diag';
import { expectConserved } from '../support/conservation';
import { FaultServer, hang } from '../support/fault-server';
import { endRigs, makeRig, type Rig } from '../support/sdk';
import { until } from '../support/until';

// With `block`, a consumer that does not come back costs one time-out and not one a record.
const TIMEOUT_MILLIS = 200;
const RECORDS = 5000;

let server: FaultServer;
let diagnostics: ReturnType<typeof captureDiag>;
const threads: Worker[] = [];

beforeEach(async () => {
  diagnostics = captureDiag();
  server = await FaultServer.start(hang);
  const RealWorker = workerThreads.Worker;
  jest.spyOn(workerThreads, 'Worker').mockImplementation((...args: ConstructorParameters<typeof Worker>) => {
    const thread = new RealWorker(...args);
    threads.push(thread);
    return thread;
  });
});

afterEach(async () => {
  await endRigs();
  jest.restoreAllMocks();
  threads.length = 0;
  await server.close();
  diagnostics.restore();
});

jest.setTimeout(60_000);

const blockingRig = (url: string): Rig =>
  makeRig({
    exporters: [{ exporter: otlp({ url }), maxQueueSize: 100, onQueueFull: 'block', blockOnQueueFullTimeoutMillis: TIMEOUT_MILLIS }],
    worker: 'thread',
    scheduledDelayMillis: 10,
    maxQueueBytes: 64 * 1024,
    onQueueFull: { policy: 'block', timeoutMillis: TIMEOUT_MILLIS },
  });

/** How long a loop of `emit` takes, in time-outs. */
function timeoutsOf({ emit, processor }: Rig): number {
  const begin = performance.now();
  emit(0, RECORDS);
  const took = performance.now() - begin;
  expectConserved(processor.stats());
  // The ring is far too small for them.
  expect(processor.stats().lost).toBeGreaterThan(0);
  return took / TIMEOUT_MILLIS;
}

it('a dead worker: the loop that logs waits once and goes on', async () => {
  const rig = blockingRig(server.url);
  rig.emit(0, 1);
  await until(() => server.requests.length === 1);
  await threads[0]?.terminate();
  const timeouts = timeoutsOf(rig);
  expect(timeouts).toBeGreaterThan(0.9);
  expect(timeouts).toBeLessThan(RECORDS / 100);
  expect(rig.processor.stats().dropped.queue_full).toBeGreaterThan(0);
});

it('a backend that never answers: the loop that logs waits a few times and goes on', () => {
  const rig = blockingRig(server.url);
  const timeouts = timeoutsOf(rig);
  expect(timeouts).toBeGreaterThan(0.9);
  expect(timeouts).toBeLessThan(RECORDS / 100);
});

it('a backend that refuses connections: the lane fails, and nobody waits for it', async () => {
  const { url } = server;
  await server.close();
  expect(timeoutsOf(blockingRig(url))).toBeLessThan(RECORDS / 100);
});
