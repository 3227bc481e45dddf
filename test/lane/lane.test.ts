import { ExportScope } from '../../src/lane/export-scope';
import { Lane } from '../../src/lane/lane';
import type { LaneObserver } from '../../src/lane/lane-observer';
import { resolveLaneOptions, type LaneOptions } from '../../src/lane/lane-options';
import type { LogRecordExporter } from '@opentelemetry/sdk-logs';
import { totalOf } from '../support/conservation';
import { makeRecord, range } from '../support/records';
import { permanent, ScriptedBuiltIn, ScriptedExporter, transient } from '../support/scripted-exporter';
import { until } from '../support/until';

const observer = (): LaneObserver => ({ onLoss: jest.fn(), onFailing: jest.fn(), onRecovered: jest.fn(), onRoom: jest.fn(), onStateChange: jest.fn() });
const lanes: Lane[] = [];

function makeLane(exporter: LogRecordExporter, options: LaneOptions = {}, watched = observer()): Lane {
  const lane = new Lane('test', exporter, resolveLaneOptions('', { scheduledDelayMillis: 5, ...options }), new ExportScope(), watched, 'owner');
  lanes.push(lane);
  return lane;
}

function offer(lane: Lane, from: number, to: number): void {
  for (const seq of range(from, to)) {
    lane.offer(makeRecord(seq), 9, 1);
  }
}

function expectConserved(lane: Lane): void {
  const stats = lane.stats();
  expect(stats.offered).toBe(stats.delivered + stats.queued + stats.inFlight + totalOf(stats.dropped));
}

afterEach(() => {
  for (const lane of lanes.splice(0)) {
    expectConserved(lane);
    lane.end();
    expectConserved(lane);
  }
});

const neverDue = { scheduledDelayMillis: 1_000_000 };
const longBackOff = { initialDelayMillis: 2_000_000_000, maxDelayMillis: 2_000_000_000, maxElapsedTimeMillis: 2_000_000_000 };
const atOnce = { initialDelayMillis: 0, maxDelayMillis: 0 };

describe('batches', () => {
  it('are due when maxExportBatchSize records wait, and not before', async () => {
    const exporter = new ScriptedExporter();
    const lane = makeLane(exporter, { ...neverDue, maxExportBatchSize: 3 });
    offer(lane, 0, 2);
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect(exporter.calls).toHaveLength(0);
    offer(lane, 2, 3);
    await until(() => exporter.calls.length === 1);
    expect(exporter.calls[0]?.seqs).toEqual([0, 1, 2]);
  });

  it('are due when scheduledDelayMillis have passed', async () => {
    const exporter = new ScriptedExporter();
    const lane = makeLane(exporter);
    offer(lane, 0, 1);
    await until(() => exporter.calls.length === 1);
    exporter.calls[0]?.succeed();
    await until(() => lane.stats().delivered === 1);
    offer(lane, 1, 2);
    await until(() => exporter.calls.length === 2);
    exporter.calls[1]?.succeed();
    await until(() => lane.stats().delivered === 2);
  });

  it('hold at most maxExportBatchSize records for an exporter object', async () => {
    const exporter = new ScriptedExporter();
    const lane = makeLane(exporter, { maxExportBatchSize: 4 });
    offer(lane, 0, 10);
    for (const expected of [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]) {
      await until(() => exporter.inFlight === 1);
      expect(exporter.calls.at(-1)?.seqs).toEqual(expected);
      exporter.calls.at(-1)?.succeed();
    }
    await until(() => lane.stats().delivered === 10);
  });

  it('take all that waits for a built-in exporter, unless maxExportBatchSize is set', async () => {
    const all = new ScriptedBuiltIn();
    offer(makeLane(all), 0, 2000);
    await until(() => all.delivered.length === 2000);
    expect(all.attempts.map((seqs) => seqs.length)).toEqual([2000]);

    const many = new ScriptedBuiltIn();
    offer(makeLane(many, { maxQueueSize: 10_000 }), 0, 10_000);
    await until(() => many.delivered.length === 10_000);
    expect(many.attempts.map((seqs) => seqs.length)).toEqual([8192, 1808]);

    const capped = new ScriptedBuiltIn();
    offer(makeLane(capped, { maxExportBatchSize: 800 }), 0, 2000);
    await until(() => capped.delivered.length === 2000);
    expect(capped.attempts.map((seqs) => seqs.length)).toEqual([800, 800, 400]);
  });

  it('are due for a built-in exporter when half of the queue is full, of records or of bytes', async () => {
    const byRecords = new ScriptedBuiltIn();
    const lane = makeLane(byRecords, { ...neverDue, maxQueueSize: 10 });
    offer(lane, 0, 4);
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect(byRecords.attempts).toEqual([]);
    offer(lane, 4, 5);
    await until(() => byRecords.delivered.length === 5);

    const byBytes = new ScriptedBuiltIn();
    // Each record is offered as one byte.
    offer(makeLane(byBytes, { ...neverDue, maxQueueBytes: 8 }), 0, 4);
    await until(() => byBytes.delivered.length === 4);
  });

  it('weigh at most what the exporter says, or maxExportBatchBytes', async () => {
    const byExporter = new ScriptedBuiltIn([{}], 100, 30);
    offer(makeLane(byExporter), 0, 7);
    await until(() => byExporter.delivered.length === 7);
    expect(byExporter.attempts.map((seqs) => seqs.length)).toEqual([3, 3, 1]);

    const byOption = new ScriptedBuiltIn([{}], 100, 30);
    offer(makeLane(byOption, { maxExportBatchBytes: 60 }), 0, 4);
    await until(() => byOption.delivered.length === 4);
    expect(byOption.attempts.map((seqs) => seqs.length)).toEqual([2, 2]);
  });

  it('send a record alone that is larger than a batch may be', async () => {
    const exporter = new ScriptedBuiltIn([{}], 100, 300);
    offer(makeLane(exporter), 0, 2);
    await until(() => exporter.delivered.length === 2);
    expect(exporter.attempts).toEqual([[0], [1]]);
  });

  it('count against the bound of the queue while they are in flight', async () => {
    const exporter = new ScriptedExporter();
    const lane = makeLane(exporter, { maxQueueSize: 4, maxExportBatchSize: 4 });
    offer(lane, 0, 4);
    await until(() => exporter.inFlight === 1);
    offer(lane, 4, 6);
    expect(lane.stats()).toMatchObject({ inFlight: 4, queued: 0, dropped: { queue_full: 2 } });
    exporter.calls[0]?.succeed();
    await until(() => lane.stats().delivered === 4);
    offer(lane, 6, 7);
    expect(lane.stats()).toMatchObject({ queued: 1, dropped: { queue_full: 2 } });
  });
});

describe('retry', () => {
  it('sends the same batch again until it is delivered, and keeps the order', async () => {
    const exporter = new ScriptedBuiltIn([transient(), transient(), {}]);
    const watched = observer();
    const lane = makeLane(exporter, { retry: atOnce, maxExportBatchSize: 2 }, watched);
    offer(lane, 0, 4);
    await until(() => lane.stats().delivered === 4);
    expect(exporter.attempts).toEqual([[0, 1], [0, 1], [0, 1], [2, 3]]);
    expect(lane.stats()).toMatchObject({ retries: 2, dropped: {}, state: 'ready' });
    expect(watched.onFailing).toHaveBeenCalledTimes(1);
    expect(watched.onRecovered).toHaveBeenCalledTimes(1);
  });

  it.each([undefined, 429, 502, 503, 504])('tries again when an exporter object fails with status %s', async (status) => {
    const exporter = new ScriptedExporter();
    const lane = makeLane(exporter, { retry: atOnce });
    offer(lane, 0, 1);
    await until(() => exporter.inFlight === 1);
    exporter.calls[0]?.fail(status);
    await until(() => exporter.inFlight === 1);
    exporter.calls[1]?.succeed();
    await until(() => lane.stats().delivered === 1);
  });

  it.each([
    [401, 'export_failed'],
    [500, 'export_failed'],
  ])('gives a batch up at once when an exporter object fails with status %i, as %s', async (status, reason) => {
    const exporter = new ScriptedExporter();
    const lane = makeLane(exporter, { retry: atOnce });
    offer(lane, 0, 3);
    await until(() => exporter.inFlight === 1);
    exporter.calls[0]?.fail(status);
    await until(() => lane.stats().dropped[reason as 'rejected'] === 3);
    expect(exporter.calls).toHaveLength(1);
  });

  it('ends when the budget of time is spent', async () => {
    const exporter = new ScriptedBuiltIn([transient()]);
    const lane = makeLane(exporter, { retry: { initialDelayMillis: 1, maxDelayMillis: 1, maxElapsedTimeMillis: 20 } });
    offer(lane, 0, 2);
    await until(() => lane.stats().dropped.retry_exhausted === 2);
    expect(exporter.attempts.length).toBeGreaterThan(1);
  });

  it('is off when it is false', async () => {
    const exporter = new ScriptedBuiltIn([transient()]);
    const lane = makeLane(exporter, { retry: false });
    offer(lane, 0, 2);
    await until(() => lane.stats().dropped.export_failed === 2);
    expect(exporter.attempts).toHaveLength(1);
  });

  it('counts the part of a batch that the backend refused, and no more', async () => {
    const exporter = new ScriptedBuiltIn([{ lost: { rejected: 2, invalid: 1 }, message: 'two are too old' }]);
    const lane = makeLane(exporter);
    offer(lane, 0, 5);
    await until(() => lane.stats().delivered === 2);
    expect(lane.stats().dropped).toEqual({ rejected: 2, invalid: 1 });
    expect(lane.lastFailure).toBe('two are too old');
  });

  it('loses a record at which an exporter object throws, and goes on', async () => {
    const exporter = new ScriptedExporter();
    const working = exporter.export.bind(exporter);
    exporter.export = () => {
      exporter.export = working;
      throw new Error('cannot serialize');
    };
    const lane = makeLane(exporter, { maxExportBatchSize: 1 });
    offer(lane, 0, 2);
    await until(() => exporter.inFlight === 1);
    exporter.calls[0]?.succeed();
    await until(() => lane.stats().delivered === 1);
    expect(lane.stats().dropped).toEqual({ invalid: 1 });
    expect(lane.lastFailure).toBe('cannot serialize');
  });
});

describe('the export time-out', () => {
  it('aborts a built-in exporter, and the batch is tried again', async () => {
    const exporter = new ScriptedBuiltIn(['hang', {}]);
    const lane = makeLane(exporter, { exportTimeoutMillis: 10, retry: atOnce });
    offer(lane, 0, 2);
    await until(() => lane.stats().delivered === 2);
    expect(exporter).toMatchObject({ aborted: 1, attempts: [[0, 1], [0, 1]] });
  });

  it('never lets a second export run: an exporter object is stuck until its late answer, which counts nothing', async () => {
    const exporter = new ScriptedExporter();
    const lane = makeLane(exporter, { exportTimeoutMillis: 10, maxExportBatchSize: 2, maxQueueSize: 4 });
    offer(lane, 0, 2);
    await until(() => lane.stats().state === 'stuck');
    expect(lane.stats().dropped).toEqual({ export_failed: 2 });
    // What the exporter still holds is still in memory, so two places are left.
    offer(lane, 2, 5);
    expect(lane.stats()).toMatchObject({ queued: 2, dropped: { export_failed: 2, queue_full: 1 } });
    await lane.flush(10_000);
    expect(exporter.calls).toHaveLength(1);
    exporter.calls[0]?.succeed();
    await until(() => exporter.calls.length === 2);
    exporter.calls[1]?.succeed();
    await until(() => lane.stats().delivered === 2);
    expect(exporter.maxInFlight).toBe(1);
    expect(lane.stats().dropped).toEqual({ export_failed: 2, queue_full: 1 });
  });

  it('is not there when it is 0', async () => {
    const exporter = new ScriptedExporter();
    const lane = makeLane(exporter, { exportTimeoutMillis: 0 });
    offer(lane, 0, 1);
    await until(() => exporter.inFlight === 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(lane.stats().state).toBe('exporting');
    exporter.calls[0]?.succeed();
    await until(() => lane.stats().delivered === 1);
  });
});

describe('flush', () => {
  it('waits for every record offered before it, and for no later one', async () => {
    const exporter = new ScriptedExporter();
    const lane = makeLane(exporter, { ...neverDue, maxExportBatchSize: 2 });
    offer(lane, 0, 3);
    const done = jest.fn();
    const flushed = lane.flush(10_000).then(done);
    offer(lane, 3, 4);
    await until(() => exporter.inFlight === 1);
    exporter.calls[0]?.succeed();
    await until(() => exporter.calls.length === 2);
    expect(done).not.toHaveBeenCalled();
    exporter.calls[1]?.succeed();
    await flushed;
    expect(done).toHaveBeenCalledWith({ lost: {}, remaining: 0 });
    expect(exporter.flushes).toBe(1);
  });

  it('that runs beside another one waits for its own records (W1)', async () => {
    const exporter = new ScriptedExporter();
    const lane = makeLane(exporter, neverDue);
    const done: string[] = [];
    offer(lane, 0, 1);
    const first = lane.flush(10_000).then(() => done.push('first'));
    offer(lane, 1, 2);
    const second = lane.flush(10_000).then(() => done.push('second'));
    await until(() => exporter.inFlight === 1);
    exporter.calls[0]?.succeed();
    await first;
    await until(() => exporter.inFlight === 1);
    expect(done).toEqual(['first']);
    exporter.calls[1]?.succeed();
    await second;
    expect(exporter.delivered).toEqual([0, 1]);
  });

  it('gives a lane in back-off one attempt at once and does not wait for more', async () => {
    const exporter = new ScriptedBuiltIn([transient()]);
    const lane = makeLane(exporter, { retry: longBackOff });
    offer(lane, 0, 2);
    await until(() => lane.stats().state === 'backing-off');
    expect(await lane.flush(100_000)).toEqual({ lost: {}, remaining: 2 });
    expect(exporter.attempts).toHaveLength(2);
    exporter.answers.splice(0, 1, {});
    expect(await lane.flush(100_000)).toEqual({ lost: {}, remaining: 0 });
    expect(exporter.delivered).toEqual([0, 1]);
  });

  it('during an attempt that then fails still has one attempt of its own', async () => {
    const exporter = new ScriptedExporter();
    const lane = makeLane(exporter, { retry: longBackOff });
    offer(lane, 0, 1);
    await until(() => exporter.inFlight === 1);
    const flushed = lane.flush(100_000);
    exporter.calls[0]?.fail();
    await until(() => exporter.calls.length === 2);
    exporter.calls[1]?.succeed();
    expect(await flushed).toEqual({ lost: {}, remaining: 0 });
  });

  it('makes no attempt while the backend has asked for a pause', async () => {
    const exporter = new ScriptedBuiltIn([transient(60_000), {}]);
    const lane = makeLane(exporter);
    offer(lane, 0, 1);
    await until(() => lane.stats().state === 'backing-off');
    expect(await lane.flush(100_000)).toEqual({ lost: {}, remaining: 1 });
    expect(exporter.attempts).toHaveLength(1);
  });

  it('tells what was lost of its own records, and not what was lost of later ones', async () => {
    const exporter = new ScriptedExporter();
    const lane = makeLane(exporter, { ...neverDue, maxExportBatchSize: 2, maxQueueSize: 4 });
    offer(lane, 0, 2);
    await until(() => exporter.inFlight === 1);
    const flushed = lane.flush(10_000);
    offer(lane, 2, 9);
    exporter.calls[0]?.fail(401);
    expect(await flushed).toEqual({ lost: { export_failed: 2 }, remaining: 0 });
    expect(lane.stats().dropped).toEqual({ export_failed: 2, queue_full: 5 });
  });

  it('tells what made room under drop-oldest', async () => {
    const exporter = new ScriptedExporter();
    const lane = makeLane(exporter, { ...neverDue, maxExportBatchSize: 1, maxQueueSize: 3, onQueueFull: 'drop-oldest' });
    offer(lane, 0, 3);
    await until(() => exporter.inFlight === 1);
    const flushed = lane.flush(10_000);
    offer(lane, 3, 4);
    exporter.calls[0]?.succeed();
    await until(() => exporter.calls.length === 2);
    exporter.calls[1]?.succeed();
    expect(await flushed).toEqual({ lost: { queue_full: 1 }, remaining: 0 });
    expect(exporter.delivered).toEqual([0, 2]);
  });

  it('ends at its time-out with the count of what is left', async () => {
    const exporter = new ScriptedExporter();
    const lane = makeLane(exporter);
    offer(lane, 0, 3);
    expect(await lane.flush(20)).toEqual({ lost: {}, remaining: 3 });
    exporter.calls[0]?.succeed();
    await until(() => lane.stats().delivered === 3);
  });

  it('survives an exporter whose forceFlush rejects or hangs (W3, W4)', async () => {
    const exporter = new ScriptedExporter();
    const lane = makeLane(exporter, neverDue);
    for (const forceFlush of [() => Promise.reject(new Error('no flush')), () => new Promise<void>(() => undefined)]) {
      exporter.forceFlush = forceFlush;
      offer(lane, 0, 1);
      const flushed = lane.flush(50);
      await until(() => exporter.inFlight === 1);
      exporter.calls.at(-1)?.succeed();
      expect(await flushed).toEqual({ lost: {}, remaining: 0 });
    }
    expect(lane.stats()).toMatchObject({ delivered: 2, state: 'ready' });
  });
});

describe('shutdown', () => {
  it('delivers what is queued, then shuts the exporter down', async () => {
    const exporter = new ScriptedBuiltIn();
    const lane = makeLane(exporter, neverDue);
    offer(lane, 0, 5);
    await lane.shutdown(10_000);
    expect(exporter).toMatchObject({ delivered: range(0, 5), closed: 1 });
    expect(lane.stats().state).toBe('shutdown');
  });

  it('cuts a back-off short: one attempt, then the rest is counted', async () => {
    const exporter = new ScriptedBuiltIn([transient()]);
    const lane = makeLane(exporter, { retry: longBackOff });
    offer(lane, 0, 3);
    await until(() => lane.stats().state === 'backing-off');
    await lane.shutdown(100_000);
    expect(exporter.attempts).toHaveLength(2);
    expect(lane.stats().dropped).toEqual({ shutdown_timeout: 3 });
  });

  it('ends in time whatever the exporter does', async () => {
    const exporter = new ScriptedExporter();
    exporter.shutdown = () => new Promise(() => undefined);
    const lane = makeLane(exporter, { maxExportBatchSize: 2 });
    offer(lane, 0, 5);
    await until(() => exporter.inFlight === 1);
    await lane.shutdown(30);
    expect(lane.stats()).toMatchObject({ queued: 0, inFlight: 0, dropped: { shutdown_timeout: 5 } });
    // Too late: it was counted.
    exporter.calls[0]?.succeed();
    await new Promise(setImmediate);
    expect(lane.stats()).toMatchObject({ delivered: 0, dropped: { shutdown_timeout: 5 } });
  });

  it('aborts a built-in exporter that still runs', async () => {
    const exporter = new ScriptedBuiltIn(['hang']);
    const lane = makeLane(exporter);
    offer(lane, 0, 1);
    await until(() => exporter.attempts.length === 1);
    await lane.shutdown(20);
    expect(exporter.aborted).toBe(1);
  });
});

it('loses what a permanent failure hits and delivers what comes after it', async () => {
  const exporter = new ScriptedBuiltIn([permanent(), {}]);
  const lane = makeLane(exporter, { maxExportBatchSize: 2 });
  offer(lane, 0, 4);
  await until(() => lane.stats().delivered === 2);
  expect(lane.stats().dropped).toEqual({ export_failed: 2 });
  expect(exporter.delivered).toEqual([2, 3]);
});

describe('fail', () => {
  it('loses at once what is pending and what comes later, tells the waiting flush, and holds no shutdown', async () => {
    const exporter = new ScriptedExporter();
    const watched = observer();
    const lane = makeLane(exporter, { maxExportBatchSize: 2 }, watched);
    offer(lane, 0, 5);
    await until(() => exporter.inFlight === 1);
    const flushed = lane.flush(100_000);
    lane.fail('there is no such module');
    expect(lane.stats()).toMatchObject({ queued: 0, inFlight: 0, state: 'failed', dropped: { export_failed: 5 } });
    expect(await flushed).toEqual({ lost: { export_failed: 5 }, remaining: 0 });
    offer(lane, 5, 7);
    expect(lane.stats()).toMatchObject({ offered: 7, queued: 0, dropped: { export_failed: 7 } });
    expect(lane).toMatchObject({ isFailing: true, lastFailure: 'there is no such module' });
    expect(watched.onStateChange).toHaveBeenCalled();
    expect(await lane.flush(100_000)).toEqual({ lost: {}, remaining: 0 });
    // Too late: it was counted.
    exporter.calls[0]?.succeed();
    await lane.shutdown(100_000);
    expect(exporter).toMatchObject({ shutdowns: 1, flushes: 0 });
    expect(lane.stats()).toMatchObject({ offered: 7, delivered: 0, state: 'failed', dropped: { export_failed: 7 } });
  });
});
