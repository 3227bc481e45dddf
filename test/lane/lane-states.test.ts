import { ExportError } from '../../src/exporters/export-error';
import { BREAKER_FAILURES } from '../../src/lane/breaker';
import type { Lane } from '../../src/lane/lane';
import type { LaneOptions } from '../../src/lane/lane-options';
import type { LogRecord } from '../../src/record';
import type { LaneState } from '../../src/stats';
import { LaneRig } from '../support/lane-rig';
import { makeRecord, range } from '../support/records';
import { permanent, ScriptedBuiltIn, ScriptedExporter, transient } from '../support/scripted-exporter';
import { until } from '../support/until';

const rig = new LaneRig();
afterEach(() => rig.end());

const stateOf = (lane: Lane): LaneState => lane.stats().state;
const slowRetry: LaneOptions = { retry: { initialDelayMillis: 2_000_000_000, maxDelayMillis: 2_000_000_000, maxElapsedTimeMillis: 2_000_000_000 } };

/** An exporter that fails as often as it takes, with answers for what comes after. */
const failing = (...then: ConstructorParameters<typeof ScriptedBuiltIn>[0] & object): ScriptedBuiltIn =>
  new ScriptedBuiltIn([...Array.from({ length: BREAKER_FAILURES }, () => transient()), ...then]);

/** A lane whose breaker is open, with records in its hand. */
async function openLane(exporter: ScriptedBuiltIn, options: LaneOptions = {}): Promise<Lane> {
  const lane = rig.lane(exporter, { ...slowRetry, ...options });
  rig.offer(lane, 0, 2);
  // Each flush is worth one attempt, however long the back-off.
  for (let attempt = 1; attempt < BREAKER_FAILURES; attempt++) {
    await until(() => stateOf(lane) === 'backing-off' && exporter.attempts.length === attempt);
    await lane.flush(100_000);
  }
  await until(() => stateOf(lane) === 'open');
  return lane;
}

describe('the breaker', () => {
  it('opens after failures in a row, is seen in stats(), and lets one attempt decide', async () => {
    const exporter = failing({});
    const lane = rig.lane(exporter, { retry: { initialDelayMillis: 20, maxDelayMillis: 20 }, maxExportBatchSize: 2 });
    rig.offer(lane, 0, 4);
    const states = new Set<LaneState>();
    await until(() => states.add(stateOf(lane)) && lane.stats().delivered === 4);
    expect([...states]).toEqual(expect.arrayContaining(['backing-off', 'open']));
    expect(stateOf(lane)).toBe('ready');
    expect(lane.isFailing).toBe(false);
    expect(exporter.attempts).toHaveLength(BREAKER_FAILURES + 2);
    expect(exporter.delivered).toEqual(range(0, 4));
  });

  it('is half-open while that attempt runs, and open again when it fails', async () => {
    const exporter = failing('hang');
    const lane = await openLane(exporter);
    expect(lane.isFailing).toBe(true);
    const flushed = lane.flush(100_000);
    await until(() => exporter.attempts.length === BREAKER_FAILURES + 1);
    expect(stateOf(lane)).toBe('half-open');
    lane.abortAttempt('no answer');
    expect(await flushed).toEqual({ lost: {}, remaining: 2 });
    expect(stateOf(lane)).toBe('open');
  });

  it('makes no attempt while it is open, whatever is offered', async () => {
    const exporter = failing({});
    const lane = await openLane(exporter, { maxExportBatchSize: 2 });
    rig.offer(lane, 2, 100);
    lane.startNow();
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(exporter.attempts).toHaveLength(BREAKER_FAILURES);
    expect(lane.stats()).toMatchObject({ state: 'open', inFlight: 2, queued: 98 });
    // A flush is worth one attempt, which closes it.
    expect(await lane.flush(100_000)).toEqual({ lost: {}, remaining: 0 });
    expect(stateOf(lane)).toBe('ready');
  });

  it('counts the failures of all batches, and then gives each batch one attempt', async () => {
    const exporter = new ScriptedBuiltIn([transient()]);
    const lane = rig.lane(exporter, { maxExportBatchSize: 1, retry: { initialDelayMillis: 2_000_000_000, maxDelayMillis: 2_000_000_000, maxElapsedTimeMillis: 0 } });
    rig.offer(lane, 0, 10);
    await until(() => stateOf(lane) === 'open' && lane.stats().inFlight === 1);
    expect(lane.stats()).toMatchObject({ dropped: { retry_exhausted: BREAKER_FAILURES }, queued: 10 - BREAKER_FAILURES - 1 });
    expect(exporter.attempts).toEqual(range(0, BREAKER_FAILURES).map((seq) => [seq]));
    expect(await lane.flush(100_000)).toEqual({ lost: { retry_exhausted: 1 }, remaining: 10 - BREAKER_FAILURES - 1 });
    expect(exporter.attempts).toHaveLength(BREAKER_FAILURES + 1);
  });

  it('shows an idle lane as open, too', async () => {
    const exporter = new ScriptedBuiltIn([transient()]);
    const lane = rig.lane(exporter, { maxExportBatchSize: 1, retry: { initialDelayMillis: 2_000_000_000, maxDelayMillis: 2_000_000_000, maxElapsedTimeMillis: 0 } });
    rig.offer(lane, 0, BREAKER_FAILURES);
    await until(() => lane.pending === 0);
    expect(lane).toMatchObject({ isFailing: true });
    expect(stateOf(lane)).toBe('open');
  });

  it('is not there with retry: false', async () => {
    const exporter = new ScriptedBuiltIn([transient(60_000)]);
    const lane = rig.lane(exporter, { retry: false, maxExportBatchSize: 1 });
    rig.offer(lane, 0, 3 * BREAKER_FAILURES);
    await until(() => lane.pending === 0);
    expect(exporter.attempts).toHaveLength(3 * BREAKER_FAILURES);
    expect(lane).toMatchObject({ isFailing: false });
  });

  it.each<[string, ExportError]>([
    ['lost', new ExportError('401', { retryable: false, status: 401, retryAfterMillis: 60_000 })],
    ['out of its budget', transient(60_000)],
  ])('delays the next batch by the Retry-After of one that was %s, also for a flush', async (_what, error) => {
    const exporter = new ScriptedBuiltIn([error, {}]);
    const lane = rig.lane(exporter, { maxExportBatchSize: 1, retry: { maxElapsedTimeMillis: 1000 } });
    rig.offer(lane, 0, 2);
    await until(() => lane.stats().inFlight === 1 && stateOf(lane) === 'backing-off');
    expect(exporter.attempts).toEqual([[0]]);
    expect(lane.isFailing).toBe(true);
    expect(await lane.flush(100_000)).toEqual({ lost: {}, remaining: 1 });
    expect(exporter.attempts).toEqual([[0]]);
  });

  it('ends a flush that began during the attempt that was answered with a Retry-After', async () => {
    const exporter = new ScriptedBuiltIn();
    let fail: ((error: Error) => void) | undefined;
    let attempts = 0;
    exporter.exportOnce = () => {
      attempts++;
      return new Promise((_, reject) => (fail = reject));
    };
    const lane = rig.lane(exporter);
    rig.offer(lane, 0, 1);
    await until(() => fail !== undefined);
    const flushed = lane.flush(100_000);
    fail?.(transient(60_000));
    expect(await flushed).toEqual({ lost: {}, remaining: 1 });
    expect(attempts).toBe(1);
  });

  it('ends a flush whose exporter object gets stuck, and says what that cost', async () => {
    const lane = rig.lane(new ScriptedExporter(), { exportTimeoutMillis: 20, maxExportBatchSize: 2, scheduledDelayMillis: 1_000_000 });
    rig.offer(lane, 0, 3);
    expect(await lane.flush(100_000)).toEqual({ lost: { export_failed: 2 }, remaining: 1 });
  });
});

describe('maxAgeMillis', () => {
  const observed = (ageMillis: number): LogRecord['hrTime'] => {
    const millis = Date.now() - ageMillis;
    return [Math.floor(millis / 1000), (millis % 1000) * 1e6];
  };
  const offerAged = (lane: Lane, ages: readonly number[]): void =>
    ages.forEach((age, seq) => lane.offer(makeRecord(seq, { hrTimeObserved: observed(age), hrTime: [0, 0] }), 9, 1));

  it('loses what is older when its batch is taken, wherever it stands in it, and tells the flush', async () => {
    const exporter = new ScriptedBuiltIn();
    const lane = rig.lane(exporter, { maxAgeMillis: 60_000, scheduledDelayMillis: 1_000_000 });
    offerAged(lane, [70_000, 0, 100_000, 50_000]);
    const flushed = lane.flush(100_000);
    lane.offer(makeRecord(4, { hrTimeObserved: [0, 0], hrTime: observed(70_000) }), 9, 1);
    lane.offer(makeRecord(5, { hrTimeObserved: [0, 0], hrTime: [0, 0] }), 9, 1);
    expect(await flushed).toEqual({ lost: { expired: 2 }, remaining: 0 });
    expect(exporter.attempts[0]?.slice(0, 2)).toEqual([1, 3]);
    await lane.flush(100_000);
    expect(exporter.delivered).toEqual([1, 3, 5]);
    expect(lane.stats()).toMatchObject({ delivered: 3, dropped: { expired: 3 } });
  });

  it('does not end a flush early whose records others that expired stand behind', async () => {
    const exporter = new ScriptedExporter();
    const lane = rig.lane(exporter, { maxAgeMillis: 60_000, scheduledDelayMillis: 1_000_000 });
    const done = jest.fn();
    offerAged(lane, [0]);
    void lane.flush(100_000);
    await until(() => exporter.inFlight === 1);
    // The next batch has what this flush covers, and more.
    offerAged(lane, [0, 0]);
    const flushed = lane.flush(100_000).then(done);
    offerAged(lane, [70_000, 70_000]);
    exporter.calls[0]?.succeed();
    await until(() => exporter.calls.length === 2);
    expect(lane.stats()).toMatchObject({ inFlight: 2, dropped: { expired: 2 } });
    await new Promise(setImmediate);
    expect(done).not.toHaveBeenCalled();
    exporter.calls[1]?.succeed();
    await flushed;
    expect(done).toHaveBeenCalledWith({ lost: {}, remaining: 0 });
  });

  it('makes no attempt for a batch of which nothing is left', async () => {
    const exporter = new ScriptedBuiltIn();
    const lane = rig.lane(exporter, { maxAgeMillis: 1000 });
    offerAged(lane, [5000, 6000]);
    await until(() => lane.stats().dropped.expired === 2);
    expect(exporter.attempts).toEqual([]);
    expect(stateOf(lane)).toBe('ready');
  });

  it('holds again at each attempt', async () => {
    const exporter = new ScriptedBuiltIn([transient()]);
    const lane = rig.lane(exporter, { maxAgeMillis: 100, retry: { initialDelayMillis: 5, maxDelayMillis: 5 } });
    offerAged(lane, [0, 0]);
    await until(() => lane.stats().dropped.expired === 2);
    expect(exporter.attempts.length).toBeGreaterThan(1);
    expect(lane.stats()).toMatchObject({ inFlight: 0, delivered: 0 });
  });
});

it('cuts records over maxRecordBytes before the export', async () => {
  const exporter = new ScriptedBuiltIn();
  const lane = rig.lane(exporter, { maxRecordBytes: 300 });
  const exported: LogRecord[] = [];
  exporter.exportOnce = (records) => {
    exported.push(...records);
    return Promise.resolve({});
  };
  const large = makeRecord(0, { body: 'x'.repeat(1000) });
  lane.offer(large, 9, 1);
  lane.offer(makeRecord(1), 9, 1);
  await until(() => exported.length === 2);
  expect((exported[0]?.body as string).length).toBeLessThan(200);
  expect(exported[0]?.attributes).toEqual({ seq: 0, 'otel_log_queue.truncated': true });
  expect(exported[1]?.attributes).toEqual({ seq: 1 });
  expect(large.body).toHaveLength(1000);
});

describe('shutdown', () => {
  const lostAll = (lane: Lane, count: number): void => {
    expect(lane.stats()).toMatchObject({ queued: 0, inFlight: 0, delivered: 0, state: 'shutdown', dropped: { shutdown_timeout: count } });
  };

  it('of an open lane makes one attempt', async () => {
    const exporter = failing(transient());
    const lane = await openLane(exporter);
    rig.offer(lane, 2, 5);
    await lane.shutdown(100_000);
    expect(exporter.attempts).toHaveLength(BREAKER_FAILURES + 1);
    lostAll(lane, 5);
  });

  it('of a half-open lane ends at its time-out', async () => {
    const exporter = failing('hang');
    const lane = await openLane(exporter);
    void lane.flush(100_000);
    await until(() => stateOf(lane) === 'half-open');
    await lane.shutdown(30);
    lostAll(lane, 2);
    expect(exporter.aborted).toBe(1);
  });

  it('of a lane that was asked to wait ends at once, without an attempt', async () => {
    const exporter = new ScriptedBuiltIn([transient(60_000), {}]);
    const lane = rig.lane(exporter);
    rig.offer(lane, 0, 3);
    await until(() => stateOf(lane) === 'backing-off');
    await lane.shutdown(100_000);
    expect(exporter.attempts).toHaveLength(1);
    lostAll(lane, 3);
  });

  it('of a stuck lane ends at once, whether or not its exporter can be aborted', async () => {
    const object = new ScriptedExporter();
    const lane = rig.lane(object, { exportTimeoutMillis: 10, maxExportBatchSize: 2 });
    rig.offer(lane, 0, 5);
    await until(() => stateOf(lane) === 'stuck');
    await lane.shutdown(100_000);
    expect(lane.stats()).toMatchObject({ queued: 0, inFlight: 0, dropped: { export_failed: 2, shutdown_timeout: 3 } });
    object.calls[0]?.succeed();
    await new Promise(setImmediate);
    expect(object.calls).toHaveLength(1);

    const builtIn = rig.lane(new ScriptedBuiltIn(['ignore-abort']), { exportTimeoutMillis: 10 });
    rig.offer(builtIn, 0, 2);
    await until(() => stateOf(builtIn) === 'stuck');
    await builtIn.shutdown(100_000);
    lostAll(builtIn, 2);
  });

  it('of a lane that bisects ends at its time-out, and counts what was delivered until then', async () => {
    const exporter = new ScriptedBuiltIn([new ExportError('400', { retryable: false, status: 400, reason: 'rejected' }), {}, 'hang']);
    const lane = rig.lane(exporter);
    rig.offer(lane, 0, 8);
    await until(() => exporter.attempts.length === 3);
    expect(lane.stats()).toMatchObject({ delivered: 4, inFlight: 4 });
    await lane.shutdown(30);
    expect(lane.stats()).toMatchObject({ delivered: 4, inFlight: 0, state: 'shutdown', dropped: { shutdown_timeout: 4 } });
  });

  it('of a lane that waits for a resource exports with what has settled', async () => {
    const exporter = new ScriptedBuiltIn();
    const lane = rig.lane(exporter);
    const resource = { attributes: {}, asyncAttributesPending: true, waitForAsyncAttributes: () => new Promise<void>(() => undefined), getRawAttributes: () => [] };
    lane.offer(makeRecord(0, { resource: resource as unknown as LogRecord['resource'] }), 9, 1);
    await until(() => stateOf(lane) === 'exporting');
    await lane.shutdown(60);
    expect(lane.stats()).toMatchObject({ delivered: 1, dropped: {} });
  });

  it('after a permanent failure has nothing left to do', async () => {
    const lane = rig.lane(new ScriptedBuiltIn([permanent()]));
    rig.offer(lane, 0, 2);
    await lane.shutdown(100_000);
    expect(lane.stats()).toMatchObject({ state: 'shutdown', dropped: { export_failed: 2 } });
  });
});
