import { counting, CountingLogRecordExporter, resolveCountingOptions } from '../../src/exporters/counting';
import { ExportError } from '../../src/exporters/export-error';
import { numberedRecords } from './numbered-records';

const never = new AbortController().signal;

describe('CountingLogRecordExporter', () => {
  it('counts records and batches', async () => {
    const exporter = new CountingLogRecordExporter();
    await expect(exporter.exportOnce(numberedRecords(3), never)).resolves.toEqual({});
    await exporter.exportOnce(numberedRecords(4), never);
    expect([exporter.exported, exporter.batches]).toEqual([7, 2]);
  });

  it('fails every n-th export retryably and counts nothing of it', async () => {
    const exporter = new CountingLogRecordExporter({ failEvery: 3 });
    const batch = numberedRecords(1);
    const results: string[] = [];
    for (let attempt = 1; attempt <= 6; attempt++) {
      results.push(await exporter.exportOnce(batch, never).then(() => 'ok', (error: unknown) => (error instanceof ExportError && error.retryable ? 'retryable' : 'other')));
    }
    expect(results).toEqual(['ok', 'ok', 'retryable', 'ok', 'ok', 'retryable']);
    expect([exporter.exported, exporter.batches]).toEqual([4, 4]);
  });

  it('takes as long as it is told to', async () => {
    const exporter = new CountingLogRecordExporter({ delayMillis: 30 });
    let isDone = false;
    const run = exporter.exportOnce(numberedRecords(1), never).then(() => (isDone = true));
    for (let turn = 0; turn < 3; turn++) {
      await new Promise(setImmediate);
    }
    expect([isDone, exporter.exported]).toEqual([false, 0]);
    await run;
    expect(exporter.exported).toBe(1);
  });

  it('rejects retryably as soon as it is aborted in its delay, and counts nothing', async () => {
    const exporter = new CountingLogRecordExporter({ delayMillis: 2 ** 31 - 1 });
    const abort = new AbortController();
    const run = exporter.exportOnce(numberedRecords(1), abort.signal);
    abort.abort(new Error('for a test'));
    await expect(run).rejects.toMatchObject({ name: 'ExportError', retryable: true });
    await expect(exporter.exportOnce(numberedRecords(1), abort.signal)).rejects.toMatchObject({ retryable: true });
    expect([exporter.exported, exporter.batches]).toEqual([0, 0]);
  });

  it('has no bound on the size of a batch and estimates the size of a record', () => {
    const exporter = new CountingLogRecordExporter();
    expect(exporter.maxBatchBytes).toBe(Number.MAX_SAFE_INTEGER);
    const [record] = numberedRecords(1, 0, 'x'.repeat(5000));
    expect(exporter.sizeOf(record!)).toBeGreaterThan(5000);
  });

  it('works as an exporter outside a lane', async () => {
    const exporter = new CountingLogRecordExporter();
    const result = await new Promise((resolve) => exporter.export(numberedRecords(2), resolve));
    expect(result).toEqual({ code: 0 });
    await exporter.shutdown();
    expect(await new Promise((resolve) => exporter.export(numberedRecords(2), resolve))).toMatchObject({ code: 1 });
    expect(exporter.exported).toBe(2);
  });
});

describe('counting()', () => {
  it('describes the exporter as a value that can be cloned', () => {
    expect(structuredClone(counting())).toEqual({ type: 'counting', options: { delayMillis: 0, failEvery: 0 } });
    expect(counting({ delayMillis: 5, failEvery: 2 }).options).toEqual({ delayMillis: 5, failEvery: 2 });
  });

  it.each([
    [{ delayMillis: -1 }, RangeError, 'delayMillis'],
    [{ delayMillis: 2 ** 31 }, RangeError, 'delayMillis'],
    [{ failEvery: 1.5 }, RangeError, 'failEvery'],
    [{ failEvery: '2' }, TypeError, 'failEvery'],
    ['nonsense', TypeError, 'counting'],
  ])('rejects %j', (options, type, word) => {
    expect(() => resolveCountingOptions(options as never)).toThrow(type);
    expect(() => resolveCountingOptions(options as never)).toThrow(word);
  });
});
