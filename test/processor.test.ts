import { context, createContextKey, ROOT_CONTEXT } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { isTracingSuppressed } from '@opentelemetry/core';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { InMemoryLogRecordExporter, LoggerProvider } from '@opentelemetry/sdk-logs';
import { FlushError, QueueLogRecordProcessor } from '../src';
import type { LogRecord } from '../src/record';
import { captureDiag } from './support/capture-diag';
import { expectSettled } from './support/conservation';
import { makeRecord, range, seqOf } from './support/records';
import { endRigs, makeRig } from './support/sdk';
import { permanent, ScriptedBuiltIn, ScriptedExporter, transient } from './support/scripted-exporter';
import { until } from './support/until';

let diagnostics: ReturnType<typeof captureDiag>;

beforeEach(() => {
  diagnostics = captureDiag();
});

afterEach(async () => {
  await endRigs();
  diagnostics.restore();
});

const neverDue = { scheduledDelayMillis: 1_000_000 };
const longBackOff = { initialDelayMillis: 2_000_000_000, maxDelayMillis: 2_000_000_000, maxElapsedTimeMillis: 2_000_000_000 };

describe('QueueLogRecordProcessor', () => {
  it('basic enqueue and flush', async () => {
    const exporter = new InMemoryLogRecordExporter();
    const { processor, provider, emit } = makeRig({ exporter });
    emit(0, 1000);
    await provider.forceFlush();
    expect(exporter.getFinishedLogRecords().map(seqOf)).toEqual(range(0, 1000));
    expect(processor.stats()).toMatchObject({ worker: 'event-loop', emitted: 1000, accepted: 1000, lost: 0, queued: 0, lanes: { InMemoryLogRecordExporter: { offered: 1000, delivered: 1000 } } });
    expectSettled(processor.stats());
  });

  it('queue capacity drop', async () => {
    const exporter = new ScriptedBuiltIn();
    const { processor, provider, emit } = makeRig({ exporter, maxQueueSize: 100 });
    emit(0, 250);
    expect(processor.stats().lanes['ScriptedBuiltIn']).toMatchObject({ queued: 100, dropped: { queue_full: 150 } });
    await provider.forceFlush();
    expect(exporter.delivered).toEqual(range(0, 100));
    expect(processor.stats()).toMatchObject({ emitted: 250, lost: 150 });
    expectSettled(processor.stats());
  });

  it('worker is non-blocking under load', async () => {
    const hanging = new ScriptedBuiltIn(['hang']);
    const working = new ScriptedBuiltIn([{}]);
    const { processor, emit } = makeRig({ exporters: [{ exporter: hanging, name: 'hanging' }, { exporter: working, name: 'working' }], maxQueueSize: 100_000 });
    let turns = 0;
    for (let emitted = 0; emitted < 100_000; emitted += 1000) {
      emit(emitted, emitted + 1000);
      await new Promise(setImmediate);
      turns++;
    }
    await until(() => working.delivered.length === 100_000);
    expect(turns).toBe(100);
    // The event loop went on between batches: no single turn took all of them.
    expect(working.attempts.length).toBeGreaterThan(10);
    const { lanes } = processor.stats();
    expect(lanes['working']).toMatchObject({ delivered: 100_000, queued: 0 });
    expect((lanes['hanging']?.queued ?? 0) + (lanes['hanging']?.inFlight ?? 0)).toBe(100_000);
  });

  it('gives each lane the records of its severity, and those without one', async () => {
    const all = new ScriptedBuiltIn();
    const errors = new ScriptedBuiltIn();
    const { processor } = makeRig({ exporters: [{ exporter: all, name: 'all' }, { exporter: errors, name: 'errors', minSeverity: 17 }] });
    [9, 17, undefined, 0, 24].forEach((severityNumber, seq) => {
      processor.onEmit({ ...makeRecord(seq), severityNumber } as never, ROOT_CONTEXT);
    });
    await processor.forceFlush();
    expect(all.delivered).toEqual([0, 1, 2, 3, 4]);
    expect(errors.delivered).toEqual([1, 2, 3, 4]);
    expect(processor.stats().lanes['errors']).toMatchObject({ offered: 4, dropped: {} });
    expect(processor.enabled({ context: ROOT_CONTEXT, instrumentationScope: { name: 'x' }, severityNumber: 9 })).toBe(true);
  });

  it('is enabled for what some lane takes, and not after shutdown', async () => {
    const { processor } = makeRig({ exporter: new ScriptedBuiltIn(), minSeverity: 13 });
    const at = (severityNumber?: number): boolean => processor.enabled({ context: ROOT_CONTEXT, instrumentationScope: { name: 'x' }, ...(severityNumber === undefined ? {} : { severityNumber }) });
    expect([at(9), at(13), at()]).toEqual([false, true, true]);
    await processor.shutdown();
    expect(at(13)).toBe(false);
  });

  it('names lanes by exporter, and numbers those that share a name', () => {
    const { processor } = makeRig({ exporters: [new ScriptedBuiltIn(), new ScriptedBuiltIn(), { export: () => undefined, shutdown: () => Promise.resolve(), forceFlush: () => Promise.resolve() }, { exporter: new ScriptedBuiltIn(), name: 'mine' }] });
    expect(Object.keys(processor.stats().lanes)).toEqual(['ScriptedBuiltIn', 'ScriptedBuiltIn-2', 'exporter', 'mine']);
  });

  it('a lane that cannot deliver delays no other one', async () => {
    const broken = new ScriptedBuiltIn([transient()]);
    const stuck = new ScriptedExporter();
    const working = new ScriptedBuiltIn();
    const { emit } = makeRig({ exporters: [broken, stuck, { exporter: working, name: 'working' }], scheduledDelayMillis: 1, retry: longBackOff });
    emit(0, 10);
    await until(() => working.delivered.length === 10);
    emit(10, 20);
    await until(() => working.delivered.length === 20);
    expect(stuck.calls).toHaveLength(1);
  });
});

describe('what is exported', () => {
  it('is what was emitted, whatever the application does with the objects later', async () => {
    const exporter = new InMemoryLogRecordExporter();
    const { provider } = makeRig({ exporter });
    const body = { user: { name: 'Ada' }, tags: ['a'], bytes: new Uint8Array([1, 2]) };
    const bytes = new Uint8Array([3, 4]);
    provider.getLogger('test').emit({ body, attributes: { bytes, nested: { bytes } } });
    body.user.name = 'changed';
    body.tags.push('changed');
    body.bytes[0] = 9;
    bytes[0] = 9;
    await provider.forceFlush();
    const [record] = exporter.getFinishedLogRecords();
    expect(record?.body).toEqual({ user: { name: 'Ada' }, tags: ['a'], bytes: new Uint8Array([1, 2]) });
    expect(record?.attributes).toEqual({ bytes: new Uint8Array([3, 4]), nested: { bytes: new Uint8Array([3, 4]) } });
  });

  it('is the SDK record itself where nothing in it can change', async () => {
    const exporter = new InMemoryLogRecordExporter();
    const emitted: unknown[] = [];
    const processor = new QueueLogRecordProcessor({ exporter });
    const spy = { onEmit: (record: unknown) => void emitted.push(record), forceFlush: () => Promise.resolve(), shutdown: () => Promise.resolve() };
    const provider = new LoggerProvider({ processors: [spy, processor] });
    provider.getLogger('test').emit({ body: 'text', attributes: { list: ['a', 'b'], n: 1 } });
    await provider.forceFlush();
    expect(exporter.getFinishedLogRecords()[0]).toBe(emitted[0]);
    await provider.shutdown();
  });

  it('waits for resource attributes that are not settled yet', async () => {
    const exporter = new InMemoryLogRecordExporter();
    const processor = new QueueLogRecordProcessor({ exporter, scheduledDelayMillis: 1 });
    let settle: (value: string) => void = () => undefined;
    const resource = resourceFromAttributes({ 'host.id': new Promise<string>((resolve) => (settle = resolve)) });
    const provider = new LoggerProvider({ resource, processors: [processor] });
    provider.getLogger('test').emit({ body: 'early' });
    await until(() => processor.stats().lanes['InMemoryLogRecordExporter']?.inFlight === 1);
    await new Promise(setImmediate);
    expect(exporter.getFinishedLogRecords()).toHaveLength(0);
    settle('abc');
    await provider.forceFlush();
    expect(exporter.getFinishedLogRecords()[0]?.resource.attributes).toEqual({ 'host.id': 'abc' });
    expect(diagnostics.lines).toEqual([]);
    await provider.shutdown();
  });

  it('does not wait for resource attributes that never settle longer than exportTimeoutMillis, and only once', async () => {
    const exporter = new ScriptedBuiltIn();
    const processor = new QueueLogRecordProcessor({ exporter, scheduledDelayMillis: 1, exportTimeoutMillis: 20 });
    const resource = resourceFromAttributes({ 'host.id': new Promise<string>(() => undefined) });
    const provider = new LoggerProvider({ resource, processors: [processor] });
    provider.getLogger('test').emit({ body: 'first', attributes: { seq: 0 } });
    await until(() => exporter.delivered.length === 1);
    provider.getLogger('test').emit({ body: 'second', attributes: { seq: 1 } });
    await until(() => exporter.delivered.length === 2);
    expect(diagnostics.lines.filter((line) => line.includes('have not settled in time'))).toHaveLength(1);
    expectSettled(processor.stats());
    await provider.shutdown();
  });

  it('is exported although resource attributes never settle, when the processor is shut down', async () => {
    const exporter = new ScriptedBuiltIn();
    const processor = new QueueLogRecordProcessor({ exporter });
    const provider = new LoggerProvider({ resource: resourceFromAttributes({ a: new Promise<string>(() => undefined) }), processors: [processor] });
    provider.getLogger('test').emit({ body: 'only', attributes: { seq: 0 } });
    await processor.shutdown({ timeoutMillis: 200 });
    expect(exporter.delivered).toEqual([0]);
  });
});

describe('an export', () => {
  beforeEach(() => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  });

  afterEach(() => {
    context.disable();
  });

  it('runs in a context of its own, in which tracing is suppressed', async () => {
    const seen: unknown[] = [];
    const requestKey = createContextKey('request');
    const exporter = new InMemoryLogRecordExporter();
    const plainExport = exporter.export.bind(exporter);
    exporter.export = (...args) => {
      seen.push(isTracingSuppressed(context.active()), context.active().getValue(requestKey));
      plainExport(...args);
    };
    const { provider, emit } = makeRig({ exporter });
    context.with(ROOT_CONTEXT.setValue(requestKey, 'a request'), () => emit(0, 1));
    await provider.forceFlush();
    expect(seen).toEqual([true, undefined]);
  });

  it('that logs does not feed itself: such records are counted as suppressed', async () => {
    const exporter = new InMemoryLogRecordExporter();
    const { processor, provider, emit } = makeRig({ exporter });
    const logger = provider.getLogger('exporter');
    const plainExport = exporter.export.bind(exporter);
    exporter.export = (records, callback) => {
      logger.emit({ body: 'synchronously' });
      setImmediate(() => {
        logger.emit({ body: 'asynchronously' });
        plainExport(records, callback);
      });
    };
    emit(0, 3);
    await provider.forceFlush();
    expect(exporter.getFinishedLogRecords()).toHaveLength(3);
    expect(processor.stats()).toMatchObject({ emitted: 5, accepted: 3, dropped: { suppressed: 2 } });
  });

  it('of an application that suppresses tracing for its own reasons loses nothing', async () => {
    const exporter = new ScriptedBuiltIn();
    const { processor, provider, emit } = makeRig({ exporter });
    const suppressed = ROOT_CONTEXT.setValue(createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING'), true);
    context.with(suppressed, () => emit(0, 2));
    await provider.forceFlush();
    expect(exporter.delivered).toEqual([0, 1]);
    expect(processor.stats().lost).toBe(0);
  });
});

it('suppresses what an exporter logs synchronously without a context manager too', async () => {
  const exporter = new InMemoryLogRecordExporter();
  const { processor, provider, emit } = makeRig({ exporter });
  const plainExport = exporter.export.bind(exporter);
  exporter.export = (records, callback) => {
    emit(100, 101);
    plainExport(records, callback);
  };
  emit(0, 1);
  await provider.forceFlush();
  expect(processor.stats()).toMatchObject({ dropped: { suppressed: 1 } });
});

describe('forceFlush', () => {
  it('rejects with what was lost and what is left, by lane', async () => {
    const { processor, provider, emit } = makeRig({
      exporters: [{ exporter: new ScriptedBuiltIn([permanent()]), name: 'refusing' }, { exporter: new ScriptedBuiltIn([transient()]), name: 'down' }, { exporter: new ScriptedBuiltIn(), name: 'working' }],
      retry: longBackOff,
    });
    emit(0, 3);
    const error: unknown = await provider.forceFlush().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(FlushError);
    expect(error).toMatchObject({ lost: { refusing: { export_failed: 3 } }, queued: { down: 3 } });
    expect((error as Error).message).toBe('otel-log-queue: forceFlush left log records undelivered: 3 export_failed in lane refusing, 3 still queued in lane down');
    expect(processor.stats().lanes['working']?.delivered).toBe(3);
  });

  it('ends by its own time-out, before the provider gives up', async () => {
    const { processor, emit } = makeRig({ exporter: new ScriptedBuiltIn(['hang']) });
    emit(0, 1);
    await expect(processor.forceFlush({ timeoutMillis: 20 })).rejects.toThrow('1 still queued in lane ScriptedBuiltIn');
  });
});

describe('shutdown', () => {
  it('delivers what is queued, including what is emitted during a flush (W2)', async () => {
    const exporter = new ScriptedExporter();
    const { processor, provider, emit } = makeRig({ exporter });
    emit(0, 1);
    const flush = provider.forceFlush();
    await until(() => exporter.inFlight === 1);
    emit(1, 2);
    let isDown = false;
    const down = provider.shutdown().then(() => (isDown = true));
    await new Promise(setImmediate);
    expect({ isDown, shutdowns: exporter.shutdowns }).toEqual({ isDown: false, shutdowns: 0 });
    exporter.calls[0]?.succeed();
    await flush;
    await until(() => exporter.inFlight === 1);
    exporter.calls[1]?.succeed();
    await down;
    expect(exporter).toMatchObject({ delivered: [0, 1], shutdowns: 1 });
    expectSettled(processor.stats());
  });

  it('is done once, however often it is called', async () => {
    const exporter = new ScriptedExporter();
    const { processor } = makeRig({ exporter });
    const first = processor.shutdown();
    expect(processor.shutdown()).toBe(first);
    await Promise.all([first, processor.shutdown(), processor.forceFlush()]);
    expect(exporter.shutdowns).toBe(1);
  });

  it('rejects with what it lost, and not with what was lost before', async () => {
    const exporter = new ScriptedBuiltIn([permanent(), transient()]);
    const { processor, emit } = makeRig({ exporter });
    emit(0, 2);
    await expect(processor.forceFlush()).rejects.toThrow('2 export_failed');
    emit(2, 5);
    const error: unknown = await processor.shutdown().catch((reason: unknown) => reason);
    expect(error).toMatchObject({ lost: { ScriptedBuiltIn: { shutdown_timeout: 3 } }, queued: {} });

    const quiet = makeRig({ exporter: new ScriptedBuiltIn([permanent()]) });
    quiet.emit(0, 2);
    await expect(quiet.processor.forceFlush()).rejects.toThrow('2 export_failed');
    await expect(quiet.processor.shutdown()).resolves.toBeUndefined();
  });

  it('counts what is emitted later, and keeps none of it', async () => {
    const { processor } = makeRig({ exporter: new ScriptedBuiltIn() });
    await processor.shutdown();
    processor.onEmit(makeRecord(0) as never, ROOT_CONTEXT);
    expect(processor.stats()).toMatchObject({ emitted: 1, accepted: 0, dropped: { already_shutdown: 1 }, lost: 1 });
    await expect(processor.ready()).resolves.toBeUndefined();
  });

  it('leaves no listener, timer or handle behind', async () => {
    const listeners = (): number[] => ['exit', 'beforeExit', 'SIGTERM', 'uncaughtException'].map((event) => process.listenerCount(event));
    makeRig({ exporter: new ScriptedBuiltIn() });
    const before = listeners();
    const handles = process.getActiveResourcesInfo().length;
    for (let count = 0; count < 20; count++) {
      const { processor, emit } = makeRig({ exporter: new ScriptedBuiltIn() });
      emit(0, 5);
      await processor.shutdown();
    }
    expect(listeners()).toEqual(before);
    await until(() => process.getActiveResourcesInfo().length <= handles);
  });
});

describe('ready', () => {
  it('lets as many producers through as there is room, so that none of their records is lost', async () => {
    const exporter = new ScriptedExporter();
    const { processor, emit } = makeRig({ exporter, maxQueueSize: 2, maxExportBatchSize: 2, onQueueFull: 'block', ...neverDue });
    const order: number[] = [];
    const producers = Promise.all(
      range(0, 10).map(async (seq) => {
        await processor.ready();
        order.push(seq);
        emit(seq, seq + 1);
      }),
    );
    let isDone = false;
    void producers.then(() => (isDone = true));
    while (!isDone || exporter.delivered.length < 10) {
      await new Promise(setImmediate);
      exporter.calls.find((call) => !call.isAnswered)?.succeed();
    }
    expect(order).toEqual(range(0, 10));
    expect(exporter.delivered).toEqual(range(0, 10));
    expect(processor.stats().lost).toBe(0);
  });

  it('gives a place that was not used to the next one at the end of the turn', async () => {
    const { processor, emit } = makeRig({ exporter: new ScriptedExporter(), maxQueueSize: 1, ...neverDue });
    await processor.ready();
    let isThrough = false;
    const second = processor.ready().then(() => (isThrough = true));
    await Promise.resolve();
    expect(isThrough).toBe(false);
    await second;
    emit(0, 1);
    expect(processor.stats().lost).toBe(0);
  });

  it('looks at bytes as well as records', async () => {
    const exporter = new ScriptedBuiltIn([transient()]);
    const { processor, provider } = makeRig({ exporter, maxQueueBytes: 10_000, retry: longBackOff });
    provider.getLogger('test').emit({ body: 'x'.repeat(6000), attributes: { seq: 0 } });
    let isThrough = false;
    void processor.ready().then(() => (isThrough = true));
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect(isThrough).toBe(false);
    exporter.answers.splice(0, 1, {});
    await processor.forceFlush();
    await until(() => isThrough);
  });
});

describe('a record that is not what it should be', () => {
  const hostile: [string, Partial<Record<keyof LogRecord, unknown>>][] = [
    ['a circular body', { body: Object.assign({ name: 'loop' } as Record<string, unknown>, {}) }],
    ['a function body', { body: () => 1 }],
    ['a symbol body', { body: Symbol('x') }],
    ['a bigint body', { body: 2n ** 80n }],
    ['a body of 20 MB', { body: 'x'.repeat(20_000_000) }],
    ['no attributes', { attributes: null }],
    ['no resource', { resource: undefined }],
    ['no scope', { instrumentationScope: undefined }],
    ['a severity that is a text', { severityNumber: 'ERROR' }],
    ['a span context that is a text', { spanContext: 'none' }],
    ['a time that is a text', { hrTime: 'now', hrTimeObserved: null }],
  ];
  const circular = hostile[0]?.[1].body as Record<string, unknown>;
  circular['self'] = circular;

  it.each(hostile)('%s costs no other record anything', (_, fields) => {
    const { processor } = makeRig({ exporter: new ScriptedBuiltIn(), maxQueueBytes: 100_000_000, onQueueFull: 'sample', ...neverDue });
    expect(() => {
      processor.onEmit({ ...makeRecord(0), ...fields } as never, ROOT_CONTEXT);
      processor.onEmit(makeRecord(1) as never, ROOT_CONTEXT);
    }).not.toThrow();
    const stats = processor.stats();
    expect(stats.emitted).toBe(2);
    expect(stats.accepted + (stats.dropped.invalid ?? 0)).toBe(2);
    expect(stats.lanes['ScriptedBuiltIn']?.queued).toBeGreaterThanOrEqual(1);
  });

  it('is lost as invalid if its getters throw', () => {
    const { processor } = makeRig({ exporter: new ScriptedBuiltIn() });
    const evil = (field: string): unknown =>
      Object.defineProperty({ ...makeRecord(0) }, field, {
        get: () => {
          throw new Error('no');
        },
      });
    for (const field of ['body', 'attributes', 'severityNumber']) {
      processor.onEmit(evil(field) as never, ROOT_CONTEXT);
    }
    processor.onEmit({ ...makeRecord(1), body: { get evil() { throw new Error('no'); } } } as never, ROOT_CONTEXT);
    processor.onEmit(null as never, ROOT_CONTEXT);
    expect(processor.stats()).toMatchObject({ emitted: 5, accepted: 0, dropped: { invalid: 5 } });
  });

  it('is cut at 64 levels', async () => {
    const exporter = new InMemoryLogRecordExporter();
    const { provider } = makeRig({ exporter });
    let body: Record<string, unknown> = { leaf: true };
    for (let depth = 0; depth < 1000; depth++) {
      body = { inner: body };
    }
    provider.getLogger('test').emit({ body: body as never });
    await provider.forceFlush();
    let depth = 0;
    for (let value: unknown = exporter.getFinishedLogRecords()[0]?.body; typeof value === 'object' && value !== null; value = (value as { inner?: unknown }).inner) {
      depth++;
    }
    expect(depth).toBe(64);
  });
});
