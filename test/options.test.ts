import { InMemoryLogRecordExporter, type LogRecordExporter } from '@opentelemetry/sdk-logs';
import { counting, otlp, QueueLogRecordProcessor, type QueueLogRecordProcessorOptions } from '../src';
import { resolveOptions } from '../src/options';
import { captureDiag } from './support/capture-diag';

const exporter = new InMemoryLogRecordExporter();
let diagnostics: ReturnType<typeof captureDiag>;

beforeEach(() => {
  diagnostics = captureDiag();
});

afterEach(() => diagnostics.restore());

describe('options', () => {
  it('have the defaults of BatchLogRecordProcessor', () => {
    expect(resolveOptions({ exporter })).toMatchObject({
      shutdownTimeoutMillis: 10_000,
      exitTimeoutMillis: 2000,
      lanes: [
        {
          name: 'InMemoryLogRecordExporter',
          options: {
            maxQueueSize: 2048,
            maxExportBatchSize: 512,
            scheduledDelayMillis: 1000,
            exportTimeoutMillis: 30_000,
            maxQueueBytes: undefined,
            minSeverity: undefined,
            onQueueFull: { policy: 'drop' },
            retry: { initialDelayMillis: 1000, maxDelayMillis: 30_000, multiplier: 1.5, maxElapsedTimeMillis: 300_000 },
          },
        },
      ],
    });
    expect(diagnostics.lines).toEqual([]);
  });

  it('of the processor are the defaults of every lane, and a lane has its own', () => {
    const { lanes } = resolveOptions({
      worker: 'event-loop',
      maxQueueSize: 100,
      onQueueFull: 'drop-oldest',
      retry: false,
      exporters: [counting(), { exporter: counting(), name: 'mine', maxQueueSize: 5, onQueueFull: { policy: 'sample', ratio: 0.5 }, retry: { maxElapsedTimeMillis: 7 } }, { exporter: counting(), maxQueueSize: undefined } as never],
    });
    expect(lanes.map(({ name }) => name)).toEqual(['counting', 'mine', 'counting-2']);
    expect(lanes.map(({ options }) => options.maxQueueSize)).toEqual([100, 5, 100]);
    expect(lanes[1]?.options).toMatchObject({ onQueueFull: { policy: 'sample', ratio: 0.5, threshold: 0.8 }, retry: { maxElapsedTimeMillis: 7, initialDelayMillis: 1000 }, maxExportBatchSize: 5 });
    expect(lanes[2]?.options).toMatchObject({ onQueueFull: { policy: 'drop-oldest' }, retry: false });
  });

  it('clamp maxExportBatchSize to maxQueueSize with a warning, as BatchLogRecordProcessor does', () => {
    expect(resolveOptions({ exporter, maxQueueSize: 10, maxExportBatchSize: 20 }).lanes[0]?.options.maxExportBatchSize).toBe(10);
    expect(diagnostics.lines).toEqual([expect.stringContaining('maxExportBatchSize (20) is larger than maxQueueSize (10)')]);
  });

  it('of a batch behind a ring are not held against the ring', () => {
    expect(resolveOptions({ exporter: counting(), maxQueueSize: 10, maxExportBatchSize: 5000 }).lanes[0]?.options.maxExportBatchSize).toBe(5000);
    expect(diagnostics.lines).toEqual([]);
    expect(() => resolveOptions({ exporters: [{ exporter, maxExportBatchSize: 1 }], maxExportBatchSize: 0 })).toThrow(RangeError);
  });

  it('that are unknown are named in one warning', () => {
    new QueueLogRecordProcessor({ exporter, maxQueSize: 10, concurrency: 2 } as QueueLogRecordProcessorOptions);
    expect(diagnostics.lines).toEqual(["warn otel-log-queue: QueueLogRecordProcessor has no option 'maxQueSize', 'concurrency'; ignored"]);
  });

  it.each<[string, unknown, typeof TypeError | typeof RangeError, string]>([
    ['nothing', undefined, TypeError, 'options must be an object, received undefined'],
    ['no exporter', {}, TypeError, 'exactly one of exporter and exporters must be given, received neither'],
    ['both', { exporter, exporters: [exporter] }, TypeError, 'exactly one of exporter and exporters must be given, received both'],
    ['an empty list', { exporters: [] }, TypeError, 'exporters must be an array of at least one exporter'],
    ['a list that is none', { exporters: exporter }, TypeError, 'exporters must be an array of at least one exporter'],
    ['an exporter that is none', { exporter: {} }, TypeError, 'exporter must be a LogRecordExporter, what otlp()'],
    ['an entry that is none', { exporters: [exporter, 'otlp'] }, TypeError, 'exporters[1] must be an object, received "otlp"'],
    ['an entry without exporter', { exporters: [{ name: 'x' }] }, TypeError, 'exporters[0].exporter must be a LogRecordExporter'],
    ['a name twice', { exporters: [{ exporter, name: 'x' }, { exporter, name: 'x' }] }, TypeError, 'exporters[1].name must differ'],
    ['an empty name', { exporters: [{ exporter, name: '' }] }, TypeError, 'exporters[0].name must be a non-empty string, received ""'],
    ['a queue of nothing', { exporter, maxQueueSize: 0 }, RangeError, 'maxQueueSize must be an integer from 1 to 4294967295, received 0'],
    ['a queue of half a record', { exporter, maxQueueSize: 0.5 }, RangeError, 'maxQueueSize must be an integer'],
    ['a queue size as text', { exporter, maxQueueSize: '10' }, TypeError, 'maxQueueSize must be an integer from 1 to 4294967295, received "10"'],
    ['a lane with a queue of nothing', { exporters: [{ exporter, maxQueueSize: 0 }] }, RangeError, 'exporters[0].maxQueueSize must be'],
    ['bytes below one', { exporter, maxQueueBytes: 0 }, RangeError, 'maxQueueBytes must be an integer of at least 1, received 0'],
    ['a batch of nothing', { exporter, maxExportBatchSize: 0 }, RangeError, 'maxExportBatchSize must be'],
    ['batch bytes below one', { exporter, maxExportBatchBytes: -5 }, RangeError, 'maxExportBatchBytes must be'],
    ['a negative delay', { exporter, scheduledDelayMillis: -1 }, RangeError, 'scheduledDelayMillis must be an integer from 0 to 2147483647, received -1'],
    ['a delay that no timer knows', { exporter, scheduledDelayMillis: 2 ** 31 }, RangeError, 'scheduledDelayMillis must be'],
    ['an endless time-out', { exporter, exportTimeoutMillis: Infinity }, RangeError, 'exportTimeoutMillis must be an integer from 0 to 2147483647, received Infinity'],
    ['a severity below TRACE', { exporter, minSeverity: 0 }, RangeError, 'minSeverity must be an integer from 1 to 24, received 0'],
    ['a negative block time-out', { exporter, blockOnQueueFullTimeoutMillis: -1 }, RangeError, 'blockOnQueueFullTimeoutMillis must be'],
    ['a record of a few bytes', { exporter, maxRecordBytes: 255 }, RangeError, 'maxRecordBytes must be an integer of at least 256, received 255'],
    ['an age of nothing', { exporter, maxAgeMillis: 0 }, RangeError, 'maxAgeMillis must be an integer of at least 1, received 0'],
    ['retry: true', { exporter, retry: true }, TypeError, 'retry must be an object, received true'],
    ['a shrinking delay', { exporter, retry: { multiplier: 0.5 } }, RangeError, 'retry.multiplier must be a number from 1 to 100, received 0.5'],
    ['a negative budget', { exporter, retry: { maxElapsedTimeMillis: -1 } }, RangeError, 'retry.maxElapsedTimeMillis must be'],
    ['an unknown worker', { exporter, worker: 'process' }, RangeError, "worker must be one of 'event-loop', 'thread', received \"process\""],
    ['an exporter object in a thread', { exporters: [counting(), exporter], worker: 'thread' }, TypeError, "exporters[1] is an exporter object, which cannot cross to a thread: give what otlp(), loki(), stdout(), file() or counting() return, or { module, export, options }, or choose worker: 'event-loop'"],
    ['an exporter object in a lane in a thread', { exporters: [{ exporter }], worker: 'thread' }, TypeError, 'exporters[0].exporter is an exporter object, which cannot cross to a thread'],
    ['a module without a name', { exporters: [{ module: '' }] }, TypeError, 'exporters[0].module must be a non-empty string, received ""'],
    ['options that cannot be cloned', { exporters: [{ module: 'x', options: { headers: () => ({}) } }] }, TypeError, 'exporters[0].options.headers cannot be cloned to a thread: '],
    ['options of a lane that cannot be cloned, on the event loop too', { exporters: [{ exporter: { module: 'x', options: [Symbol('y')] } }], worker: 'event-loop' }, TypeError, 'exporters[0].exporter.options[0] cannot be cloned to a thread: '],
    ['options of the only exporter that cannot be cloned', { exporter: { module: 'x', options: new (class Secret {})() } }, TypeError, 'exporter.options cannot be cloned to a thread: it is an instance of Secret'],
    ['a shutdown time-out as text', { exporter, shutdownTimeoutMillis: '5' }, TypeError, 'shutdownTimeoutMillis must be'],
    ['a negative exit time-out', { exporter, exitTimeoutMillis: -1 }, RangeError, 'exitTimeoutMillis must be'],
    ['a callback that is none', { exporter, onLoss: 'log' }, TypeError, 'onLoss must be a function, received string'],
    ['a policy that is none', { exporter, onQueueFull: 'spill' }, RangeError, 'onQueueFull must be one of'],
  ])('%s: a clear error', (_, options, type, message) => {
    const construct = (): unknown => new QueueLogRecordProcessor(options as QueueLogRecordProcessorOptions);
    expect(construct).toThrow(type);
    expect(construct).toThrow(message);
  });

  it('of a processor with a thread bound its ring, and each lane behind it has its own', () => {
    const { ring, lanes } = resolveOptions({ worker: 'thread', maxQueueSize: 100, maxQueueBytes: 1_000_000, onQueueFull: 'sample', exporters: [counting(), { exporter: counting(), maxQueueSize: 7, onQueueFull: 'drop-oldest' }] });
    expect(ring).toEqual({ maxRecords: 100, maxBytes: 1_000_000, policy: { policy: 'sample', ratio: 0.1, threshold: 0.8 } });
    expect(lanes[0]?.options).toMatchObject({ maxQueueSize: 2 ** 32 - 1, maxQueueBytes: 16 * 1024 * 1024, onQueueFull: { policy: 'drop' }, maxExportBatchSize: 512 });
    expect(lanes[1]?.options).toMatchObject({ maxQueueSize: 7, maxQueueBytes: 16 * 1024 * 1024, onQueueFull: { policy: 'drop-oldest' } });
    expect(resolveOptions({ exporter: counting() }).ring).toEqual({ maxRecords: undefined, maxBytes: 16 * 1024 * 1024, policy: { policy: 'drop' } });
  });

  it('take a description, an exporter object and a class of the package alike', () => {
    const object: LogRecordExporter = exporter;
    expect(resolveOptions({ exporters: [otlp(), object, { exporter: counting() }] }).lanes.map(({ name }) => name)).toEqual(['otlp', 'InMemoryLogRecordExporter', 'counting']);
  });

  it('choose the thread where every exporter is a description, else the event loop', () => {
    const workerOf = (...exporters: Extract<QueueLogRecordProcessorOptions, { exporters: object }>['exporters'][number][]): string => resolveOptions({ exporters }).worker;
    expect(resolveOptions({ exporter: otlp() }).worker).toBe('thread');
    expect(resolveOptions({ exporter: { module: 'x' } }).worker).toBe('thread');
    expect(workerOf(counting(), { exporter: otlp(), minSeverity: 9 }, { module: 'x' }, { exporter: { module: 'x' }, name: 'y' })).toBe('thread');
    expect(resolveOptions({ exporter }).worker).toBe('event-loop');
    expect(workerOf(counting(), { exporter })).toBe('event-loop');
    expect(resolveOptions({ exporter: counting(), worker: 'event-loop' }).worker).toBe('event-loop');
  });

  it('name the lane of a module by its export, or by the module', () => {
    const exporters = [{ module: '@acme/logs', export: 'AcmeExporter' }, { module: '@acme/logs' }, { module: './lib/exporter.mjs' }, { module: 'file:///srv/exporter.cjs' }, { module: '/srv/exporters/' }, { module: 'x', export: 'AcmeExporter' }];
    expect(resolveOptions({ exporters }).lanes.map(({ name }) => name)).toEqual(['AcmeExporter', 'logs', 'exporter', 'exporter-2', 'exporters', 'AcmeExporter-2']);
  });

  it('of a module that are unknown are named in one warning', () => {
    const description = { module: 'x', name: 'y' };
    resolveOptions({ exporters: [description] });
    expect(diagnostics.lines).toEqual(["warn otel-log-queue: exporters[0] has no option 'name'; ignored"]);
  });
});
