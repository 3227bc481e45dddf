import { BatchLogRecordProcessor, InMemoryLogRecordExporter, type LogRecordExporter, type LogRecordProcessor } from '@opentelemetry/sdk-logs';
import { QueueLogRecordProcessor } from '../src';
import { captureDiag } from './support/capture-diag';
import { expectSettled } from './support/conservation';
import { range, seqOf } from './support/records';
import { makeProvider } from './support/sdk';
import { ScriptedExporter } from './support/scripted-exporter';
import { until } from './support/until';

// The defects of the stock processor that show with any exporter (W5, W10, W11: test/process/stock-defects.test.ts; W8: test/process/exit.test.ts). Each scenario runs with both, so that a defect that the stock processor no longer has is noticed.
let diagnostics: ReturnType<typeof captureDiag>;

beforeEach(() => {
  diagnostics = captureDiag();
});

afterEach(() => diagnostics.restore());

const answerAll = (exporter: ScriptedExporter): void => exporter.calls.filter((call) => !call.isAnswered).forEach((call) => call.succeed());

async function finish(processor: LogRecordProcessor, exporter?: ScriptedExporter): Promise<void> {
  let isDone = false;
  void processor.shutdown().then(
    () => (isDone = true),
    () => (isDone = true),
  );
  await until(() => {
    if (exporter !== undefined) {
      answerAll(exporter);
    }
    return isDone;
  });
}

// The stock processor does not clear the timer of every export; at its default it would hold the test run for 30 s.
const stock = (options: { exporter: LogRecordExporter; maxQueueSize?: number; exportTimeoutMillis?: number; maxExportBatchSize?: number; scheduledDelayMillis?: number }): LogRecordProcessor => new BatchLogRecordProcessor({ exportTimeoutMillis: 1000, ...options });
const queue = (options: Parameters<typeof stock>[0]): QueueLogRecordProcessor => new QueueLogRecordProcessor(options);

describe.each([
  ['stock', stock],
  ['queue', queue],
] as const)('%s', (name, make) => {
  const isOurs = name === 'queue';

  it('W1: a second concurrent forceFlush waits for its records', async () => {
    const exporter = new ScriptedExporter();
    const processor = make({ exporter });
    const { emit } = makeProvider(processor);
    emit(0, 1);
    void processor.forceFlush();
    emit(1, 2);
    let isFlushed = false;
    void processor.forceFlush().then(() => (isFlushed = true));
    await until(() => exporter.calls.length > 0);
    await new Promise(setImmediate);
    expect(isFlushed).toBe(!isOurs);
    await finish(processor, exporter);
  });

  it('W2: shutdown during a flush loses nothing', async () => {
    const exporter = new ScriptedExporter();
    const processor = make({ exporter });
    const { emit } = makeProvider(processor);
    emit(0, 1);
    void processor.forceFlush();
    emit(1, 2);
    await finish(processor, exporter);
    await new Promise(setImmediate);
    answerAll(exporter);
    expect(exporter.delivered).toEqual(isOurs ? [0, 1] : [0]);
  });

  it('W3: an exporter whose forceFlush rejected once goes on delivering', async () => {
    const exporter = new ScriptedExporter();
    const processor = make({ exporter, maxExportBatchSize: 1 });
    const { emit } = makeProvider(processor);
    emit(0, 1);
    await until(() => exporter.inFlight === 1);
    exporter.forceFlush = () => Promise.reject(new Error('once'));
    const flushed = processor.forceFlush().catch(() => undefined);
    answerAll(exporter);
    await flushed;
    exporter.forceFlush = () => Promise.resolve();
    emit(1, 4);
    await new Promise((resolve) => setTimeout(resolve, 20));
    for (let turn = 0; turn < 10; turn++) {
      answerAll(exporter);
      await new Promise(setImmediate);
    }
    expect(exporter.delivered).toEqual(isOurs ? [0, 1, 2, 3] : [0]);
    await finish(processor, exporter);
  });

  it('W4: an exporter whose forceFlush never ends cannot hold the processor', async () => {
    const exporter = new ScriptedExporter();
    exporter.forceFlush = () => new Promise(() => undefined);
    const processor = make({ exporter, maxExportBatchSize: 1 });
    const { emit } = makeProvider(processor);
    emit(0, 1);
    void processor.forceFlush({ timeoutMillis: 500 }).catch(() => undefined);
    await until(() => exporter.inFlight === 1);
    answerAll(exporter);
    emit(1, 3);
    for (let turn = 0; turn < 20; turn++) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      answerAll(exporter);
    }
    expect(exporter.delivered).toEqual(isOurs ? [0, 1, 2] : [0]);
  });

  it('W6: an export that exceeds its time-out is not joined by a second one', async () => {
    const exporter = new ScriptedExporter();
    const processor = make({ exporter, exportTimeoutMillis: 5, maxExportBatchSize: 1 });
    const { emit } = makeProvider(processor);
    emit(0, 4);
    await new Promise((resolve) => setTimeout(resolve, 60));
    if (isOurs) {
      expect(exporter.maxInFlight).toBe(1);
    } else {
      expect(exporter.maxInFlight).toBeGreaterThan(1);
    }
    await finish(processor, exporter);
  });

  it('W7: an exporter that throws leaves no timer that holds the process', async () => {
    const exporter = new InMemoryLogRecordExporter();
    exporter.export = () => {
      throw new Error('cannot serialize');
    };
    const processor = make({ exporter });
    const { emit } = makeProvider(processor);
    const timers = (): number => process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length;
    const before = timers();
    emit(0, 1);
    await processor.forceFlush().catch(() => undefined);
    expect(timers() - before).toBe(isOurs ? 0 : 1);
    await processor.shutdown().catch(() => undefined);
  });

  it('W9: maxQueueSize bounds what is in memory, in flight included', async () => {
    const exporter = new ScriptedExporter();
    const processor = make({ exporter, maxQueueSize: 10, maxExportBatchSize: 5 });
    const { emit } = makeProvider(processor);
    emit(0, 5);
    await until(() => exporter.inFlight === 1);
    emit(5, 100);
    await finish(processor, exporter);
    expect(exporter.delivered).toHaveLength(isOurs ? 10 : 15);
  });

  it('W12: a drop is said', async () => {
    const processor = make({ exporter: new InMemoryLogRecordExporter(), maxQueueSize: 10, scheduledDelayMillis: 1_000_000 });
    const { emit } = makeProvider(processor);
    emit(0, 100);
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect(diagnostics.lines.some((line) => line.includes('90 queue_full'))).toBe(isOurs);
    await processor.shutdown();
  });

  it('W13: forceFlush tells that nothing was delivered', async () => {
    const exporter = new InMemoryLogRecordExporter();
    exporter.export = (_, callback) => callback({ code: 1, error: Object.assign(new Error('unauthorized'), { code: 401 }) });
    const processor = make({ exporter });
    makeProvider(processor).emit(0, 1);
    const outcome = processor.forceFlush().then(
      () => 'resolved',
      () => 'rejected',
    );
    expect(await outcome).toBe(isOurs ? 'rejected' : 'resolved');
    await processor.shutdown();
  });

  it('without overload, delivers the same records in the same order and batches', async () => {
    const exporter = new InMemoryLogRecordExporter();
    const sizes: number[] = [];
    const plainExport = exporter.export.bind(exporter);
    exporter.export = (records, callback) => {
      sizes.push(records.length);
      plainExport(records, callback);
    };
    const processor = make({ exporter, scheduledDelayMillis: 1_000_000 });
    const { emit } = makeProvider(processor);
    emit(0, 1300);
    await processor.forceFlush();
    emit(1300, 1310);
    await processor.forceFlush();
    expect(exporter.getFinishedLogRecords().map(seqOf)).toEqual(range(0, 1310));
    expect(sizes).toEqual([512, 512, 276, 10]);
    await processor.shutdown();
    if (processor instanceof QueueLogRecordProcessor) {
      expectSettled(processor.stats());
    }
  });
});

it('W14: what is in flight is part of the queue that stats() shows', async () => {
  const exporter = new ScriptedExporter();
  const processor = queue({ exporter, maxExportBatchSize: 5 });
  makeProvider(processor).emit(0, 7);
  await until(() => exporter.inFlight === 1);
  expect(processor.stats().lanes['ScriptedExporter']).toMatchObject({ inFlight: 5, queued: 2 });
  await finish(processor, exporter);
});
