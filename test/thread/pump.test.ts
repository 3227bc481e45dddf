import type { LogRecordExporter } from '@opentelemetry/sdk-logs';
import { ExportScope } from '../../src/lane/export-scope';
import { LaneGroup } from '../../src/lane/lane-group';
import { resolveLaneOptions, type LaneOptions } from '../../src/lane/lane-options';
import { createSharedQueueMemory } from '../../src/queue/shared-queue';
import { SharedQueueConsumer } from '../../src/queue/shared-queue-consumer';
import { SharedQueueProducer } from '../../src/queue/shared-queue-producer';
import type { LaneStats } from '../../src/stats';
import { FrameReader } from '../../src/thread/frame-reader';
import { FrameWriter } from '../../src/thread/frame-writer';
import { Pump } from '../../src/thread/pump';
import { createStringTable, StringTableWriter } from '../../src/thread/string-table';
import { StringTableReader } from '../../src/thread/string-table-reader';
import { captureDiag } from '../support/capture-diag';
import { makeRecord, range } from '../support/records';
import { ScriptedBuiltIn, ScriptedExporter, transient } from '../support/scripted-exporter';
import { until } from '../support/until';

/** Ring, pump and lanes, in one thread. */
class PumpRig {
  readonly producer: SharedQueueProducer;
  readonly consumer: SharedQueueConsumer;
  readonly lanes: LaneGroup;
  readonly pump: Pump;
  #seq = 0;

  constructor(lanes: readonly (LaneOptions & { exporter: LogRecordExporter })[]) {
    const queue = createSharedQueueMemory(1024 * 1024);
    const table = createStringTable();
    this.producer = new SharedQueueProducer(queue, { writer: new FrameWriter(new StringTableWriter(table), queue.data), policy: { policy: 'drop' } });
    this.consumer = new SharedQueueConsumer(queue);
    const resolved = lanes.map((lane, index) => ({ name: `lane${index}`, exporter: lane.exporter, options: resolveLaneOptions('', { scheduledDelayMillis: 1, ...lane }) }));
    this.lanes = new LaneGroup(resolved, new ExportScope(), { onLoss: () => undefined, onRoom: () => this.pump.noteRoom(), onStateChange: () => this.pump.noteRoom() }, 'owner');
    const reader = new StringTableReader(table);
    this.pump = new Pump(this.consumer, new FrameReader(reader), reader, this.lanes, resolved.map(({ options }) => options), () => undefined);
    rigs.push(this);
  }

  emit(count: number): void {
    for (const seq of range(this.#seq, (this.#seq += count))) {
      expect(this.producer.offer(makeRecord(seq), 9)).toBeUndefined();
    }
    void this.pump.drain();
  }

  stats(lane = 0): LaneStats {
    return this.lanes.lanes[lane]?.stats() as LaneStats;
  }

  get emitted(): number {
    return this.#seq;
  }
}

const rigs: PumpRig[] = [];
let diagnostics: ReturnType<typeof captureDiag>;

beforeEach(() => {
  diagnostics = captureDiag();
});

afterEach(() => {
  for (const rig of rigs.splice(0)) {
    rig.pump.stop();
    rig.lanes.end();
    expect(rig.pump.offered + rig.producer.records).toBeLessThanOrEqual(rig.emitted);
    for (const lane of rig.lanes.lanes) {
      const { offered, delivered, queued, inFlight, dropped } = lane.stats();
      expect(offered).toBe(delivered + queued + inFlight + Object.values(dropped).reduce((sum, count) => sum + count, 0));
      expect(offered).toBe(rig.pump.offered);
    }
  }
  diagnostics.restore();
});

// Waits that are cut short by what a test does.
const FOR_EVER = 1_000_000;
const block = (timeoutMillis: number): LaneOptions => ({ onQueueFull: { policy: 'block', timeoutMillis }, maxQueueSize: 10, maxExportBatchSize: 5 });

describe('the pump and a full lane with the policy block', () => {
  it('waits for a lane that is slow and delivers: nothing is lost', async () => {
    const exporter = new ScriptedExporter();
    const rig = new PumpRig([{ exporter, ...block(FOR_EVER) }]);
    rig.emit(100);
    for (let call = 0; call < 20; call++) {
      await until(() => exporter.calls.length === call + 1);
      expect(rig.pump.offered).toBeLessThanOrEqual(5 * call + 10);
      exporter.calls[call]?.succeed();
    }
    await until(() => exporter.delivered.length === 100);
    expect(exporter.delivered).toEqual(range(0, 100));
    expect(rig.stats().dropped).toEqual({});
  });

  it('waits for a lane that fails too, and loses nothing if it delivers again in time', async () => {
    const exporter = new ScriptedBuiltIn([transient(), {}]);
    const rig = new PumpRig([{ exporter, ...block(FOR_EVER), retry: { initialDelayMillis: FOR_EVER, maxDelayMillis: FOR_EVER, maxElapsedTimeMillis: 10 * FOR_EVER } }]);
    rig.emit(100);
    await until(() => rig.stats().state === 'backing-off' && rig.stats().queued + rig.stats().inFlight === 10);
    expect(rig.pump.offered).toBe(10);
    await rig.lanes.flush(10_000);
    await until(() => exporter.delivered.length === 100);
    expect(exporter.delivered).toEqual(range(0, 100));
  });

  it('waits once for a lane that never answers, then loses the records there without another wait', async () => {
    const stuck = new ScriptedExporter();
    const working = new ScriptedBuiltIn();
    const rig = new PumpRig([{ exporter: stuck, ...block(300) }, { exporter: working, maxQueueSize: 2000 }]);
    // Another wait for each of them would take ten minutes.
    rig.emit(2010);
    await until(() => working.delivered.length === 2010);
    expect(rig.stats()).toMatchObject({ offered: 2010, delivered: 0, dropped: { queue_full: 2000 } });

    // It has moved: it is waited for again, and loses nothing while it moves.
    let answered = 0;
    const answer = (): void => {
      for (; answered < stuck.calls.length; answered++) {
        stuck.calls[answered]?.succeed();
      }
    };
    answer();
    await until(() => stuck.calls.length === 2);
    answer();
    await until(() => rig.stats().queued + rig.stats().inFlight === 0);
    rig.emit(100);
    await until(() => {
      answer();
      return stuck.delivered.length === 110;
    });
    expect(rig.stats().dropped).toEqual({ queue_full: 2000 });
  });

  it('gives up a slow lane after the time-out of the policy: the record is lost, the next ones wait again once it has moved', async () => {
    const exporter = new ScriptedExporter();
    const rig = new PumpRig([{ exporter, ...block(50) }]);
    rig.emit(11);
    await until(() => rig.pump.offered === 11);
    expect(rig.stats().dropped).toEqual({ queue_full: 1 });
    exporter.calls[0]?.succeed();
    await until(() => exporter.calls.length === 2);
    rig.emit(7);
    await until(() => rig.pump.offered === 18);
    // Five had room, one has waited in vain, one has not waited.
    expect(rig.stats().dropped).toEqual({ queue_full: 3 });
  });

  it('does not wait for a lane that fails when the end is near', async () => {
    const exporter = new ScriptedBuiltIn([transient()]);
    const rig = new PumpRig([{ exporter, ...block(FOR_EVER) }]);
    rig.emit(100);
    await until(() => rig.stats().state === 'backing-off' && rig.pump.offered === 10);
    rig.pump.hurry();
    await until(() => rig.pump.offered === 100);
    expect(rig.stats().dropped).toEqual({ queue_full: 90 });
  });
});

describe('the pump and a full lane with another policy', () => {
  it('waits for one that delivers, also when the end is near', async () => {
    const exporter = new ScriptedBuiltIn();
    const rig = new PumpRig([{ exporter, maxQueueSize: 10, maxExportBatchSize: 5 }]);
    rig.pump.hurry();
    rig.emit(1000);
    await until(() => exporter.delivered.length === 1000);
    expect(rig.stats().dropped).toEqual({});
  });

  it('does not wait for one that fails', async () => {
    const exporter = new ScriptedBuiltIn([transient()]);
    const rig = new PumpRig([{ exporter, maxQueueSize: 10, maxExportBatchSize: 5 }]);
    rig.emit(5);
    await until(() => rig.stats().state === 'backing-off');
    rig.emit(1000);
    await until(() => rig.pump.offered === 1005);
    expect(rig.stats().dropped).toEqual({ queue_full: 995 });
  });

  it('does not wait for room that will never be: a record above the bound of the lane', async () => {
    const exporter = new ScriptedExporter();
    const rig = new PumpRig([{ exporter, maxQueueBytes: 20, onQueueFull: { policy: 'block', timeoutMillis: FOR_EVER } }]);
    rig.emit(3);
    await until(() => rig.pump.offered === 3);
    expect(rig.stats().dropped).toEqual({ too_large: 3 });
  });
});
