import fs, { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ExportError } from '../../src/exporters/export-error';
import type { Lane } from '../../src/lane/lane';
import type { LaneOptions } from '../../src/lane/lane-options';
import type { SpoolOptions } from '../../src/spool/spool-options';
import { LaneRig } from '../support/lane-rig';
import { makeRecord, range, seqOf } from '../support/records';
import { ScriptedBuiltIn, ScriptedExporter, transient } from '../support/scripted-exporter';
import { until } from '../support/until';

const rig = new LaneRig();
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'otel-log-queue-lane-spool-'));
});
afterEach(() => {
  rig.end();
  rmSync(folder, { recursive: true, force: true });
});

const never: LaneOptions = { retry: { initialDelayMillis: 2_000_000_000, maxDelayMillis: 2_000_000_000, maxElapsedTimeMillis: 2_000_000_000 } };

function spooledLane(exporter: ScriptedBuiltIn | ScriptedExporter, options: LaneOptions = {}, spool: Partial<SpoolOptions> = {}, owner?: string): Lane {
  return rig.lane(exporter, { spool: { directory: folder, ...spool }, ...options }, owner);
}

const sorted = (seqs: readonly number[]): number[] => [...seqs].sort((a, b) => a - b);
const segments = (): string[] => readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.jsonl'));

/** A lane that waits for ever after its first failure, with one record in its hand. */
async function failingLane(exporter: ScriptedBuiltIn, options: LaneOptions = {}, spool: Partial<SpoolOptions> = {}): Promise<Lane> {
  const lane = spooledLane(exporter, { ...never, ...options }, spool);
  rig.offer(lane, 0, 1);
  lane.startNow();
  await until(() => lane.stats().state === 'backing-off');
  return lane;
}

describe('a spool, while the lane cannot deliver', () => {
  it('takes what is due, whatever the bound of the queue, and gives it back once it can, to the last record', async () => {
    const exporter = new ScriptedBuiltIn([transient(), {}]);
    const lane = await failingLane(exporter, { maxQueueSize: 10 });
    rig.offer(lane, 1, 2000);
    await until(() => lane.stats().queued === 0);
    expect(lane.stats()).toMatchObject({ offered: 2000, inFlight: 1, spooled: 1999, journaled: 1999, dropped: {} });
    expect(await lane.flush(100_000)).toEqual({ lost: {}, remaining: 0 });
    await until(() => lane.stats().delivered === 2000);
    expect(sorted(exporter.delivered)).toEqual(range(0, 2000));
    expect(lane.stats()).toMatchObject({ spooled: 0, replayed: 0 });
    expect(segments()).toEqual([]);
  });

  it('ends a flush when its records are on disk: none is lost, none is left in memory', async () => {
    const exporter = new ScriptedBuiltIn([transient()]);
    const lane = await failingLane(exporter, { scheduledDelayMillis: 1_000_000 });
    rig.offer(lane, 1, 50);
    expect(await lane.flush(100_000)).toEqual({ lost: {}, remaining: 0 });
    expect(lane.stats()).toMatchObject({ queued: 0, dropped: {} });
    expect(lane.stats().spooled + lane.figures().inFlightOnDisk).toBe(50);
  });

  it('keeps a batch whose retry budget is spent', async () => {
    const exporter = new ScriptedBuiltIn([transient(), {}]);
    const lane = spooledLane(exporter, { retry: { initialDelayMillis: 1, maxDelayMillis: 1, maxElapsedTimeMillis: 0 } });
    rig.offer(lane, 0, 3);
    await until(() => lane.stats().delivered === 3);
    expect(exporter.attempts).toEqual([range(0, 3), range(0, 3)]);
    expect(lane.stats()).toMatchObject({ journaled: 3, dropped: {} });
  });

  it('keeps what was not tried of a batch that was being halved', async () => {
    const refused = new ExportError('400', { retryable: false, status: 400, reason: 'rejected' });
    const exporter = new ScriptedBuiltIn([refused, {}, transient(), {}]);
    const lane = spooledLane(exporter, { ...never, maxExportBatchSize: 4 });
    rig.offer(lane, 0, 4);
    await until(() => exporter.attempts.length === 3 && lane.stats().state === 'backing-off');
    lane.end();
    expect(exporter.delivered).toEqual([0, 1]);
    expect(lane.stats()).toMatchObject({ delivered: 2, spooled: 2, dropped: {} });
    const next = spooledLane(exporter, {}, {}, 'next');
    await until(() => next.stats().delivered === 2);
    expect(exporter.delivered).toEqual(range(0, 4));
  });

  it('does not hold emit up for a disk that refuses: the overflow policy decides then, and every loss is counted', async () => {
    const notAFolder = join(folder, 'file');
    writeFileSync(notAFolder, '');
    const exporter = new ScriptedBuiltIn([transient()]);
    const lane = await failingLane(exporter, { maxQueueSize: 10, spool: { directory: notAFolder } });
    rig.offer(lane, 1, 100);
    expect(lane.stats()).toMatchObject({ spooled: 0, dropped: { queue_full: 90 } });
    await lane.shutdown(1000);
    expect(lane.stats()).toMatchObject({ dropped: { queue_full: 90, shutdown_timeout: 10 } });
  });

  it('is bounded by maxBytes: the oldest go, counted', async () => {
    const exporter = new ScriptedBuiltIn([transient(), {}]);
    const lane = await failingLane(exporter, {}, { maxBytes: 200_000 });
    for (let from = 1; from < 5000; from += 100) {
      rig.offer(lane, from, from + 100);
      await until(() => lane.stats().queued === 0);
    }
    const { spool_full: lost = 0 } = lane.stats().dropped;
    expect(lost).toBeGreaterThan(0);
    await lane.flush(100_000);
    await until(() => lane.stats().spooled + lane.stats().inFlight === 0);
    expect(lane.stats()).toMatchObject({ delivered: 5001 - lost, dropped: { spool_full: lost } });
    expect(sorted(exporter.delivered)).toEqual([0, ...range(1 + lost, 5001)]);
  });

  it('loses what has become too old on disk as expired', async () => {
    const exporter = new ScriptedBuiltIn([transient(), {}]);
    const lane = spooledLane(exporter, { ...never, maxAgeMillis: 60_000 });
    const seconds = Math.floor(Date.now() / 1000);
    const offerObserved = (seq: number, observed: number): void => lane.offer(makeRecord(seq, { hrTimeObserved: [observed, 0] }), 9, 1);
    offerObserved(0, seconds);
    await until(() => lane.stats().state === 'backing-off');
    offerObserved(1, seconds - 61);
    offerObserved(2, seconds);
    await until(() => lane.stats().spooled === 2);
    await lane.flush(100_000);
    await until(() => lane.stats().spooled + lane.stats().inFlight === 0);
    expect(exporter.delivered).toEqual([0, 2]);
    expect(lane.stats()).toMatchObject({ delivered: 2, dropped: { expired: 1 } });
    expect(segments()).toEqual([]);
  });

  it('writes the lines that the Collector reads, and nobody else: OTLP/JSON, folders 0700, files 0600', async () => {
    const lane = await failingLane(new ScriptedBuiltIn([transient()]));
    rig.offer(lane, 1, 3);
    await until(() => lane.stats().spooled === 2);
    const [segment = ''] = segments();
    const lines = readFileSync(join(folder, segment), 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line) as { resourceLogs: { scopeLogs: { logRecords: { body: unknown }[] }[] }[] });
    expect(lines.flatMap((line) => line.resourceLogs.flatMap((resource) => resource.scopeLogs.flatMap((scope) => scope.logRecords.map(({ body }) => body))))).toEqual([
      { stringValue: 'record 1' },
      { stringValue: 'record 2' },
    ]);
  });
});

describe('what comes first after an outage', () => {
  /** 3,000 records on disk, then an exporter that the test answers. */
  async function afterOutage(replay: 'fresh-first' | 'in-order'): Promise<{ lane: Lane; exporter: ScriptedExporter }> {
    const exporter = new ScriptedExporter();
    const lane = spooledLane(exporter, { ...never, maxExportBatchSize: 100, maxQueueSize: 1000, exportTimeoutMillis: 0 }, { replay });
    rig.offer(lane, 0, 100);
    await until(() => exporter.calls.length === 1);
    exporter.calls[0]?.fail();
    await until(() => lane.stats().state === 'backing-off');
    for (let from = 100; from < 3100; from += 100) {
      rig.offer(lane, from, from + 100);
      await until(() => lane.stats().queued === 0);
    }
    expect(lane.stats().spooled).toBe(3000);
    return { lane, exporter };
  }

  it('fresh-first: new records, and every fourth batch one from the disk', async () => {
    const { lane, exporter } = await afterOutage('fresh-first');
    void lane.flush(100_000);
    let next = 3100;
    const kinds: string[] = [];
    for (let call = 1; call <= 17; call++) {
      rig.offer(lane, next, (next += 100));
      await until(() => exporter.calls.length > call);
      if (call > 1) {
        kinds.push((exporter.calls[call]?.seqs[0] ?? 0) < 3100 ? 'disk' : 'fresh');
      }
      exporter.calls[call]?.succeed();
    }
    expect(kinds).toEqual(['fresh', 'fresh', 'disk', 'fresh', 'fresh', 'fresh', 'disk', 'fresh', 'fresh', 'fresh', 'disk', 'fresh', 'fresh', 'fresh', 'disk', 'fresh']);
    await settle(lane, exporter);
    expect(sorted(exporter.delivered)).toEqual(range(0, next));
  });

  it('in-order: all in the order in which they came, with new records behind', async () => {
    const { lane, exporter } = await afterOutage('in-order');
    void lane.flush(100_000);
    let next = 3100;
    for (let call = 1; call <= 5; call++) {
      rig.offer(lane, next, (next += 100));
      await until(() => exporter.calls.length > call);
      exporter.calls[call]?.succeed();
    }
    await settle(lane, exporter);
    expect(exporter.delivered).toEqual(range(0, next));
  });

  async function settle(lane: Lane, exporter: ScriptedExporter): Promise<void> {
    await until(() => {
      exporter.calls.filter(({ isAnswered }) => !isAnswered).forEach((call) => call.succeed());
      const { queued, inFlight, spooled } = lane.stats();
      return queued + inFlight + spooled === 0;
    });
  }
});

it.each([[10], [300]])('a batch from the disk holds no more records than one from memory: %i', async (maxExportBatchSize) => {
  const exporter = new ScriptedBuiltIn([transient(), {}]);
  const lane = await failingLane(exporter, { maxExportBatchSize });
  rig.offer(lane, 1, 1000);
  await until(() => lane.stats().spooled === 999);
  await lane.flush(100_000);
  await until(() => lane.stats().delivered === 1000);
  expect(Math.max(...exporter.attempts.map(({ length }) => length))).toBeLessThanOrEqual(maxExportBatchSize);
  expect(sorted(exporter.delivered)).toEqual(range(0, 1000));
});

describe('a spool at the end and after it', () => {
  it('keeps what shutdown could not deliver, and the next process delivers it', async () => {
    const lane = await failingLane(new ScriptedBuiltIn([transient()]));
    rig.offer(lane, 1, 700);
    await lane.shutdown(1000);
    expect(lane.stats()).toMatchObject({ offered: 700, delivered: 0, spooled: 700, dropped: {} });

    const exporter = new ScriptedBuiltIn();
    const next = spooledLane(exporter, {}, {}, 'next');
    rig.offer(next, 700, 710);
    await until(() => next.stats().delivered === 710);
    expect(next.stats()).toMatchObject({ offered: 710, replayed: 700, spooled: 0 });
    expect(sorted(exporter.delivered)).toEqual(range(0, 710));
    await next.shutdown(1000);
    expect(readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => /\d/.test(name))).toEqual([]);
  });

  it('keeps what is pending when the lane gives up for good', async () => {
    const lane = await failingLane(new ScriptedBuiltIn([transient()]));
    rig.offer(lane, 1, 5);
    lane.fail('gone');
    expect(lane.stats()).toMatchObject({ state: 'failed', spooled: 5, dropped: {} });
    rig.offer(lane, 5, 7);
    expect(lane.stats()).toMatchObject({ spooled: 5, dropped: { export_failed: 2 } });
  });

  it('has in a last flush what hangs on disk, too', async () => {
    const exporter = new ScriptedBuiltIn(['hang']);
    const lane = spooledLane(exporter, never);
    rig.offer(lane, 0, 3);
    await until(() => exporter.attempts.length === 1);
    rig.offer(lane, 3, 10);
    const flushed = lane.flush(100_000, true);
    lane.abortAttempt('no answer');
    expect(await flushed).toEqual({ lost: {}, remaining: 0 });
    expect(lane.stats()).toMatchObject({ inFlight: 0, spooled: 10, dropped: {} });
    // The attempt that hung was the flush's own.
    expect(exporter.attempts).toHaveLength(1);
  });

  it('has it there, too, when a last flush runs out of time', async () => {
    const exporter = new ScriptedBuiltIn(['hang']);
    const lane = spooledLane(exporter, never);
    rig.offer(lane, 0, 3);
    await until(() => exporter.attempts.length === 1);
    expect(await lane.flush(1, true)).toEqual({ lost: {}, remaining: 0 });
    expect(lane.stats()).toMatchObject({ inFlight: 0, spooled: 3, dropped: {} });
  });

  it('brings nothing back while the lane is shutting down', async () => {
    const lane = await failingLane(new ScriptedBuiltIn([transient(), {}]));
    rig.offer(lane, 1, 5000);
    await until(() => lane.stats().queued === 0);
    // The one attempt of this flush delivers what it holds.
    await lane.shutdown(10_000);
    expect(lane.stats()).toMatchObject({ delivered: 1, spooled: 4999, dropped: {} });
  });
});

describe('a journal', () => {
  it('has every record on disk before it is exported, and none after it is delivered', async () => {
    const seen: { journaled: number; seqs: number[] }[] = [];
    const exporter = new ScriptedBuiltIn();
    exporter.exportOnce = (records) => {
      seen.push({ journaled: lane.stats().journaled, seqs: records.map(seqOf) });
      return Promise.resolve({});
    };
    const lane = spooledLane(exporter, { maxExportBatchSize: 10 }, { mode: 'journal' });
    rig.offer(lane, 0, 95);
    await until(() => lane.stats().delivered === 95);
    expect(sorted(seen.flatMap(({ seqs }) => seqs))).toEqual(range(0, 95));
    for (const { journaled, seqs } of seen) {
      expect(journaled).toBeGreaterThan(Math.max(...seqs));
    }
    expect(lane.stats()).toMatchObject({ journaled: 95, spooled: 0 });
    await lane.shutdown(1000);
    expect(segments()).toEqual([]);
  });

  it('writes what waits behind a slow export, so that its figure does not wait for it', async () => {
    const exporter = new ScriptedExporter();
    const lane = spooledLane(exporter, { maxExportBatchSize: 10, exportTimeoutMillis: 0 }, { mode: 'journal' });
    rig.offer(lane, 0, 10);
    await until(() => exporter.calls.length === 1);
    rig.offer(lane, 10, 40);
    await until(() => lane.stats().journaled === 40);
    expect(lane.stats()).toMatchObject({ inFlight: 10, spooled: 30 });
    expect(lane.figures().inFlightOnDisk).toBe(10);
    await until(() => {
      exporter.calls.filter(({ isAnswered }) => !isAnswered).forEach((call) => call.succeed());
      return lane.stats().delivered === 40;
    });
    expect(exporter.delivered).toEqual(range(0, 40));
  });

  it('does not write a batch a second time that stays: the copy is there', async () => {
    const lane = await failingLane(new ScriptedBuiltIn([transient()]), {}, { mode: 'journal' });
    expect(lane.stats()).toMatchObject({ inFlight: 1, journaled: 1 });
    await lane.shutdown(1000);
    expect(lane.stats()).toMatchObject({ journaled: 1, spooled: 1, dropped: {} });
  });

  it('keeps its copy of a whole batch where the disk does not take the rest of it: a part comes twice, nothing is lost', async () => {
    const refused = new ExportError('400', { retryable: false, status: 400, reason: 'rejected' });
    const exporter = new ScriptedBuiltIn([refused, {}, transient(), {}]);
    const lane = spooledLane(exporter, { ...never, maxExportBatchSize: 4 }, { mode: 'journal' });
    rig.offer(lane, 0, 4);
    await until(() => exporter.attempts.length === 3 && lane.stats().state === 'backing-off');
    const full = jest.spyOn(fs, 'writeSync').mockImplementationOnce(() => {
      throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
    });
    lane.end();
    full.mockRestore();
    expect(lane.stats()).toMatchObject({ offered: 6, delivered: 2, spooled: 4, replayed: 2, dropped: {} });
    const next = spooledLane(exporter, {}, {}, 'next');
    await until(() => next.stats().delivered === 4);
    expect(sorted(exporter.delivered)).toEqual([0, 0, 1, 1, 2, 3]);
  });

  it('delivers all the same where the disk takes nothing', async () => {
    const notAFolder = join(folder, 'file');
    writeFileSync(notAFolder, '');
    const exporter = new ScriptedBuiltIn();
    const lane = spooledLane(exporter, { spool: { directory: notAFolder, mode: 'journal' } });
    rig.offer(lane, 0, 5);
    await until(() => lane.stats().delivered === 5);
    expect(lane.stats()).toMatchObject({ journaled: 0, spooled: 0, dropped: {} });
  });
});
