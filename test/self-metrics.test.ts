import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import workerThreads, { type Worker } from 'node:worker_threads';
import { metrics, type BatchObservableCallback, type Meter, type MeterProvider as ApiMeterProvider } from '@opentelemetry/api';
import { DataPointType, InstrumentType } from '@opentelemetry/sdk-metrics';
import { counting, loki, otlp, stdout, type QueueLogRecordProcessorOptions } from '../src';
import { captureDiag } from './support/capture-diag';
import { expectConserved } from './support/conservation';
import { after, FaultServer, hang, ok, partialSuccess, status, type FaultStep } from './support/fault-server';
import { DURATION, EXPORTED, expectMetricsMatch, INFLIGHT, LANE, MetricsRig, PROCESSED, QUEUE_CAPACITY, QUEUE_SIZE, SUCCESS } from './support/metrics-rig';
import { otlpSequences } from './support/received-sequences';
import { ScriptedExporter } from './support/scripted-exporter';
import { endRigs, makeRig as makePlainRig, type Rig } from './support/sdk';
import { until } from './support/until';

let server: FaultServer;
let meters: MetricsRig;
let diagnostics: ReturnType<typeof captureDiag>;

beforeEach(async () => {
  diagnostics = captureDiag();
  server = await FaultServer.start(ok);
  meters = new MetricsRig();
});

afterEach(async () => {
  metrics.disable();
  await endRigs();
  await meters.close();
  await server.close();
  diagnostics.restore();
});

jest.setTimeout(60_000);

const FAST_RETRY = { initialDelayMillis: 20, maxDelayMillis: 20, maxElapsedTimeMillis: 60_000 };

describe.each(['event-loop', 'thread'] as const)('selfObsMeterProvider, %s', (worker) => {
  const makeRig = (options: Partial<QueueLogRecordProcessorOptions> = {}): Rig =>
    makePlainRig({ exporter: otlp({ url: `${server.url}/v1/logs` }), worker, scheduledDelayMillis: 5, selfObsMeterProvider: meters.provider, ...options } as QueueLogRecordProcessorOptions);

  it('has the six metrics of the conventions, with their instruments, units and attributes', async () => {
    const { processor, emit } = makeRig();
    emit(0, 100);
    await processor.forceFlush();
    const collected = await meters.collectUntil((seen) => seen.sum(DURATION) > 0);

    const shape = collected.metrics.map(({ descriptor, dataPointType, ...metric }) => [descriptor.name, descriptor.unit, dataPointType === DataPointType.SUM && 'isMonotonic' in metric ? metric.isMonotonic : 'histogram']);
    expect(new Map(shape.map(([name, ...rest]) => [name, rest]))).toEqual(
      new Map<unknown, unknown>([
        [QUEUE_SIZE, ['{log_record}', false]],
        ...(worker === 'event-loop' ? [[QUEUE_CAPACITY, ['{log_record}', false]] as const] : []),
        [PROCESSED, ['{log_record}', true]],
        [INFLIGHT, ['{log_record}', false]],
        [EXPORTED, ['{log_record}', true]],
        [DURATION, ['s', 'histogram']],
      ]),
    );
    const { port } = new URL(server.url);
    const queue = { 'otel.component.type': 'queue_log_record_processor', 'otel.component.name': expect.stringMatching(/^queue_log_record_processor\/\d+$/) as string };
    const exporter = {
      'otel.component.type': 'otlp_http_log_exporter',
      'otel.component.name': expect.stringMatching(/^otlp_http_log_exporter\/\d+$/) as string,
      'server.address': '127.0.0.1',
      'server.port': Number(port),
      [LANE]: 'otlp',
    };
    expect(collected.points(PROCESSED)).toEqual([{ value: 100, attributes: { ...queue, [LANE]: 'otlp' } }]);
    expect(collected.points(INFLIGHT)).toEqual([{ value: 0, attributes: exporter }]);
    expect(collected.points(EXPORTED)).toEqual([{ value: 100, attributes: exporter }]);
    expect(collected.points(DURATION)).toEqual([{ value: server.requests.length, attributes: { ...exporter, 'http.response.status_code': 200 } }]);
    expect(collected.sum(QUEUE_CAPACITY)).toBe(worker === 'event-loop' ? 2048 : 0);
    const duration = collected.metric(DURATION);
    expect(duration?.dataPointType === DataPointType.HISTOGRAM && duration.dataPoints[0]?.value.buckets.boundaries).toEqual([]);
    expectMetricsMatch(collected, processor.stats());
  });

  it('counts a record as processed when the exporter gets it, whatever becomes of it, and as in flight until it is settled', async () => {
    let answer: (() => void) | undefined;
    server.script({ answer: (response) => (answer = () => response.writeHead(401).end()) });
    const { processor, emit } = makeRig();
    emit(0, 10);
    await until(() => answer !== undefined);
    emit(10, 15);
    const during = await meters.collectUntil((seen) => seen.sum(INFLIGHT) === 10);
    expect({ processed: during.points(PROCESSED).map(({ value }) => value), exported: during.sum(EXPORTED), operations: during.sum(DURATION) }).toEqual({ processed: [10], exported: 0, operations: 0 });
    await meters.collectUntil((seen) => seen.sum(QUEUE_SIZE) === 5);

    server.script(status(401));
    answer?.();
    await processor.forceFlush().catch(() => undefined);
    const later = await meters.collectUntil((seen) => seen.sum(DURATION) === 2);
    expect(later.errors(EXPORTED)).toEqual({ '401': 15 });
    expect(later.errors(PROCESSED)).toEqual({});
    expect(later.points(DURATION).map(({ attributes }) => [attributes['http.response.status_code'], attributes['error.type']])).toEqual([[401, '401']]);
    expectMetricsMatch(later, processor.stats());
  });

  it('spans retries and pauses with one operation, which counts each record once and ends with its last answer', async () => {
    server.script(status(503), status(503), after(10, ok));
    const { processor, emit } = makeRig({ retry: { ...FAST_RETRY, initialDelayMillis: 100, maxDelayMillis: 100 } });
    emit(0, 10);
    await until(() => processor.stats().lanes['otlp']?.state === 'backing-off');
    expect((await meters.collect()).sum(INFLIGHT)).toBe(10);
    await until(() => processor.stats().lanes['otlp']?.delivered === 10);
    const collected = await meters.collectUntil((seen) => seen.sum(DURATION) > 0);
    expect(collected.points(DURATION)).toMatchObject([{ value: 1, attributes: { 'http.response.status_code': 200 } }]);
    expect(collected.errors(DURATION)).toEqual({});
    expect(collected.seconds).toBeGreaterThanOrEqual(0.01);
    expect([collected.sum(PROCESSED), collected.sum(EXPORTED), processor.stats().lanes['otlp']?.retries]).toEqual([10, 10, 2]);
    expectMetricsMatch(collected, processor.stats());
  });

  it.each([
    ['a partial success', partialSuccess(3, 'no'), {}, { rejected: 3 }, 'rejected', 200],
    ['a final failure', status(404), {}, { '404': 10 }, '404', 404],
    ['a spent budget', status(503), { retry: { maxElapsedTimeMillis: 0 } }, { '503': 10 }, '503', 503],
    ['a time-out', hang, { exportTimeoutMillis: 50, retry: false as const }, { timeout: 10 }, 'timeout', undefined],
    ['a reset connection', { answer: (response) => response.socket?.resetAndDestroy() } satisfies FaultStep, { retry: false as const }, { ECONNRESET: 10 }, 'ECONNRESET', undefined],
  ])('tells of %s by error.type', async (_name, step, options, errors, errorType, code) => {
    server.script(step);
    const { processor, emit } = makeRig(options);
    emit(0, 10);
    await processor.forceFlush().catch(() => undefined);
    const collected = await meters.collectUntil((seen) => seen.sum(DURATION) > 0);
    expect(collected.errors(EXPORTED)).toEqual(errors);
    expect(collected.points(DURATION).map(({ attributes }) => [attributes['error.type'], attributes['http.response.status_code']])).toEqual([[errorType, code]]);
    expect(collected.sum(PROCESSED, SUCCESS)).toBe(10);
    expectMetricsMatch(collected, processor.stats());
  });

  it('is one operation for a batch that is sent in parts, and blames the bad record alone', async () => {
    server.script({ answer: (response, _request, recorded) => response.writeHead(otlpSequences(recorded).includes(6) ? 400 : 200).end() });
    const { processor, emit } = makeRig();
    emit(0, 10);
    await processor.forceFlush().catch(() => undefined);
    const collected = await meters.collectUntil((seen) => seen.sum(DURATION) > 0);
    expect(server.requests.length).toBeGreaterThan(4);
    expect(collected.errors(EXPORTED)).toEqual({ '400': 1 });
    expect(collected.points(DURATION)).toMatchObject([{ value: 1, attributes: { 'error.type': '400', 'http.response.status_code': 200 } }]);
    expect([collected.sum(DURATION), collected.sum(PROCESSED, SUCCESS), collected.sum(EXPORTED, SUCCESS)]).toEqual([1, 10, 9]);
    expectMetricsMatch(collected, processor.stats());
  });

  it('counts what was refused, thinned or expired before any export as processed with its reason', async () => {
    server.script(hang);
    const { processor, emit } = makeRig({ maxQueueSize: 20, maxExportBatchSize: 5, exporters: [{ exporter: otlp({ url: server.url }), maxAgeMillis: 1 }], exporter: undefined });
    emit(0, 1000);
    await until(() => processor.stats().lost > 0);
    const collected = await meters.collectUntil((seen) => seen.sum(PROCESSED, { 'error.type': 'queue_full' }) > 0);
    expectConserved(processor.stats());
    const front = worker === 'thread' ? undefined : 'otlp';
    expect(collected.errors(PROCESSED, { [LANE]: front })['queue_full']).toBeGreaterThan(0);
    expect(collected.points(QUEUE_CAPACITY).map(({ value, attributes }) => [value, attributes[LANE]])).toEqual([[20, front]]);
    await processor.shutdown({ timeoutMillis: 50 }).catch(() => undefined);
    expectMetricsMatch(await meters.collect(), processor.stats());
  });

  it('shows what the end has cost in one last collection', async () => {
    server.script(hang);
    const { processor, emit } = makeRig({ maxExportBatchSize: 10 });
    emit(0, 15);
    await until(() => server.requests.length === 1);
    await processor.shutdown({ timeoutMillis: 50 }).catch(() => undefined);
    emit(15, 16);
    processor.onEmit({ body: 'too late' } as never);
    const last = await meters.collect();
    expect(last.errors(PROCESSED)).toEqual({ already_shutdown: 1, ...(processor.stats().lanes['otlp']?.dropped.shutdown_timeout === 15 && { shutdown_timeout: 5 }) });
    expect(last.errors(EXPORTED)).toEqual({ shutdown_timeout: 10 });
    expectMetricsMatch(last, processor.stats());
  });

  it('counts a batch that waits for a Retry-After of an earlier one as neither in flight nor processed', async () => {
    server.script(status(429, { retryAfter: '60' }));
    const { processor, emit } = makeRig({ retry: { maxElapsedTimeMillis: 1 } });
    emit(0, 5);
    await until(() => processor.stats().lost === 5);
    emit(5, 12);
    await until(() => processor.stats().lanes['otlp']?.inFlight === 7);
    const during = await meters.collect();
    expect([during.sum(PROCESSED), during.sum(INFLIGHT), during.errors(EXPORTED)]).toEqual([5, 0, { '429': 5 }]);
    expectMetricsMatch(during, processor.stats());
    await processor.shutdown({ timeoutMillis: 20 }).catch(() => undefined);
    const last = await meters.collect();
    expect(last.errors(PROCESSED)).toEqual({ shutdown_timeout: 7 });
    expectMetricsMatch(last, processor.stats());
  });

  it('counts a record that was on disk once, and tells no loss while it is there', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'otel-log-queue-metrics-'));
    try {
      server.script(status(503));
      const { processor, emit } = makeRig({ spool: { directory }, retry: { ...FAST_RETRY, maxElapsedTimeMillis: 1 } });
      emit(0, 10);
      // The second batch comes back from the disk, and goes there again.
      await until(() => server.requests.length > 3 && processor.stats().lanes['otlp']?.journaled === 10);
      const during = await meters.collect();
      expect([during.sum(PROCESSED), during.sum(EXPORTED), during.errors(EXPORTED)]).toEqual([10, 0, {}]);
      server.script(ok);
      await until(() => processor.stats().lanes['otlp']?.delivered === 10);
      const later = await meters.collectUntil((seen) => seen.sum(EXPORTED) === 10);
      expect([later.sum(PROCESSED), later.sum(INFLIGHT)]).toEqual([10, 0]);
      expect(later.errors(DURATION)['503']).toBeGreaterThan(0);
      expectMetricsMatch(later, processor.stats());
      await processor.shutdown();
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });

  it('names each lane and its exporter', async () => {
    const { processor, emit } = makeRig({
      exporter: undefined,
      exporters: [otlp({ url: server.url, protocol: 'http/json' }), loki({ url: 'https://loki.example/' }), counting(), { exporter: stdout(), name: 'console', minSeverity: 24 }],
    });
    emit(0, 1);
    await until(() => processor.stats().lanes['counting']?.delivered === 1);
    const collected = await meters.collect();
    expect(collected.points(EXPORTED).map(({ attributes }) => [attributes[LANE], attributes['otel.component.type'], attributes['server.address'], attributes['server.port']])).toEqual([
      ['otlp', 'otlp_http_json_log_exporter', '127.0.0.1', Number(new URL(server.url).port)],
      ['loki', 'loki_http_log_exporter', 'loki.example', 443],
      ['counting', 'counting_log_exporter', undefined, undefined],
      ['console', 'stdout_log_exporter', undefined, undefined],
    ]);
    const names = [...collected.points(EXPORTED), ...collected.points(QUEUE_SIZE)].map(({ attributes }) => `${String(attributes['otel.component.name'])} ${String(attributes[LANE])}`);
    expect(new Set(names).size).toBe(names.length);
    // Nobody is there.
    await processor.shutdown({ timeoutMillis: 0 }).catch(() => undefined);
  });

  it('takes the global provider that is set after the processor was made', async () => {
    const { processor, emit } = makeRig({ selfObsMeterProvider: metrics });
    metrics.setGlobalMeterProvider(meters.provider);
    emit(0, 5);
    await processor.forceFlush();
    const collected = await meters.collectUntil((seen) => seen.sum(DURATION) > 0);
    expectMetricsMatch(collected, processor.stats());
    expect(collected.sum(EXPORTED)).toBe(5);
  });
});

describe('selfObsMeterProvider', () => {
  it('counts what a dying thread held as lost by the queue or the exporter, and goes on with the next one', async () => {
    const threads: Worker[] = [];
    const RealWorker = workerThreads.Worker;
    jest.spyOn(workerThreads, 'Worker').mockImplementation((...args: ConstructorParameters<typeof Worker>) => {
      const thread = new RealWorker(...args);
      threads.push(thread);
      return thread;
    });
    server.script(ok, hang, ok);
    const { processor, emit } = makePlainRig({ exporter: otlp({ url: server.url }), scheduledDelayMillis: 5, maxExportBatchSize: 10, selfObsMeterProvider: meters.provider });
    emit(0, 10);
    await until(() => processor.stats().lanes['otlp']?.delivered === 10);
    emit(10, 25);
    await until(() => processor.stats().lanes['otlp']?.inFlight === 10 && processor.stats().lanes['otlp']?.queued === 5);
    await meters.collectUntil((seen) => seen.sum(INFLIGHT) === 10);
    await threads[0]?.terminate();
    emit(25, 30);
    await until(() => processor.stats().lanes['otlp']?.delivered === 15);
    const collected = await meters.collectUntil((seen) => seen.sum(DURATION) === 2);
    expect([collected.errors(PROCESSED), collected.errors(EXPORTED)]).toEqual([{ worker_crashed: 5 }, { worker_crashed: 10 }]);
    expectMetricsMatch(collected, processor.stats());
    jest.restoreAllMocks();
  });

  it('shows an exporter object by its class, its errors by what they are, and nothing while it is stuck', async () => {
    const exporter = new ScriptedExporter();
    const { processor, emit } = makePlainRig({ exporter, maxExportBatchSize: 5, scheduledDelayMillis: 1, exportTimeoutMillis: 50, retry: false, selfObsMeterProvider: meters.provider });
    emit(0, 5);
    await until(() => exporter.calls.length === 1);
    exporter.calls[0]?.fail(507);
    emit(5, 10);
    await until(() => exporter.calls.length === 2);
    exporter.calls[1]?.fail();
    emit(10, 15);
    await until(() => processor.stats().lanes['ScriptedExporter']?.state === 'stuck');
    emit(15, 20);
    const collected = await meters.collect();
    expect(collected.errors(EXPORTED, { 'otel.component.type': 'ScriptedExporter' })).toEqual({ '507': 5, _OTHER: 5, timeout: 5 });
    expect(collected.errors(DURATION)).toEqual({ '507': 1, _OTHER: 1, timeout: 1 });
    expectMetricsMatch(collected, processor.stats());
    exporter.calls[2]?.succeed();
    await until(() => exporter.calls.length === 4);
    exporter.calls[3]?.succeed();
    await processor.forceFlush();
    expectMetricsMatch(await meters.collect(), processor.stats());
  });

  it('says once that a provider gives no metrics, and goes on', async () => {
    const { processor, emit } = makePlainRig({ exporter: counting(), worker: 'event-loop', selfObsMeterProvider: metrics });
    emit(0, 3);
    await processor.forceFlush();
    expect(diagnostics.lines).toEqual([expect.stringContaining('there will be no metrics')]);
    const failing = makePlainRig({
      exporter: counting(),
      worker: 'event-loop',
      selfObsMeterProvider: {
        getMeter: () => {
          throw new Error('no meter');
        },
      },
    });
    failing.emit(0, 3);
    await failing.processor.forceFlush();
    expect(failing.processor.stats().lanes['counting']?.delivered).toBe(3);
  });

  it('is a TypeError if it is no provider', () => {
    for (const selfObsMeterProvider of [null, 'metrics', {}] as never[]) {
      expect(() => makePlainRig({ exporter: counting(), selfObsMeterProvider })).toThrow(/selfObsMeterProvider must be a MeterProvider/);
    }
  });

  describe('after the end', () => {
    const callbacks = new Set<BatchObservableCallback>();

    /** The real meter, with the callbacks counted that it holds. */
    const countingProvider = (): ApiMeterProvider => {
      const meter = meters.provider.getMeter('otel-log-queue');
      return {
        getMeter: () =>
          Object.assign(Object.create(meter) as Meter, {
            addBatchObservableCallback: (...args: Parameters<Meter['addBatchObservableCallback']>) => {
              callbacks.add(args[0]);
              meter.addBatchObservableCallback(...args);
            },
            removeBatchObservableCallback: (...args: Parameters<Meter['addBatchObservableCallback']>) => {
              callbacks.delete(args[0]);
              meter.removeBatchObservableCallback(...args);
            },
          }),
      };
    };

    it('the next collection is the last one', async () => {
      const rigs = [0, 1, 2].map(() => makePlainRig({ exporter: counting(), worker: 'event-loop', selfObsMeterProvider: countingProvider() }));
      rigs.forEach(({ emit }) => emit(0, 7));
      expect(callbacks.size).toBe(3);
      await Promise.all(rigs.map(({ processor }) => processor.shutdown()));
      expect((await meters.collect()).points(EXPORTED).map(({ value }) => value)).toEqual([7, 7, 7]);
      expect(callbacks.size).toBe(0);
    });

    it('nothing is left at the meter when no collection comes', async () => {
      jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask', 'performance', 'Date'] });
      const { processor } = makePlainRig({ exporter: counting(), worker: 'event-loop', selfObsMeterProvider: countingProvider() });
      expect(callbacks.size).toBe(1);
      await processor.shutdown();
      expect(callbacks.size).toBe(1);
      jest.advanceTimersByTime(10 * 60_000);
      expect(callbacks.size).toBe(0);
      jest.useRealTimers();
    });
  });
});

it('the real SDK knows the instruments as asynchronous, so that nothing is recorded when a record is emitted', async () => {
  const { emit, processor } = makePlainRig({ exporter: counting(), worker: 'event-loop', selfObsMeterProvider: meters.provider });
  emit(0, 1);
  await processor.forceFlush();
  const types = (await meters.collect()).metrics.map(({ descriptor }) => (descriptor as { type?: InstrumentType }).type);
  expect(types.filter((type) => type !== undefined && !type.startsWith('OBSERVABLE'))).toEqual([InstrumentType.HISTOGRAM]);
});
