import type { QueueLogRecordProcessorOptions } from '../../src';
import type { LaneStats, QueueStats } from '../../src/stats';
import { expectConserved } from './conservation';
import { makeRig, type Rig } from './sdk';
import { until } from './until';

export type Worker = 'event-loop' | 'thread';

/** What a scenario ended with: the law is `emitted = received + lost`, with each record received at least once where nothing else is said. */
export interface ScenarioEnd {
  readonly emitted: number;
  /** What the backend has taken, once each, in ascending order. */
  readonly received: readonly number[];
  /** How many of them came more than once. */
  readonly duplicates: number;
  readonly stats: QueueStats;
  readonly lane: LaneStats;
}

/** A processor with one lane, for a scenario in which backends fail and come back. */
export class ScenarioRig {
  readonly rig: Rig;
  readonly #name: string;
  #emitted = 0;

  constructor(exporter: NonNullable<QueueLogRecordProcessorOptions['exporter']>, name: string, worker: Worker) {
    this.#name = name;
    this.rig = makeRig({
      exporters: [{ exporter, name }],
      worker,
      maxQueueSize: 20_000,
      scheduledDelayMillis: 20,
      retry: { initialDelayMillis: 10, maxDelayMillis: 100 },
    });
  }

  get lane(): LaneStats {
    return this.rig.processor.stats().lanes[this.#name] as LaneStats;
  }

  emit(count: number): void {
    this.rig.emit(this.#emitted, this.#emitted + count);
    this.#emitted += count;
    expectConserved(this.rig.processor.stats());
  }

  /** A record that no exporter can write. */
  emitUnreadable(): void {
    const body = {
      get broken(): string {
        throw new Error('for a test');
      },
    };
    this.rig.provider.getLogger('test').emit({ body, attributes: { seq: this.#emitted++ } });
  }

  /** Until every record emitted is delivered or lost. */
  async settle(): Promise<void> {
    await until(() => {
      const { queued, accepted } = this.rig.processor.stats();
      const { offered, inFlight, queued: inLane } = this.lane;
      return queued === 0 && offered >= accepted && inLane === 0 && inFlight === 0;
    });
  }

  end(taken: readonly number[]): ScenarioEnd {
    const unique = new Set(taken);
    const stats = this.rig.processor.stats();
    return { emitted: this.#emitted, received: [...unique].sort((a, b) => a - b), duplicates: taken.length - unique.size, stats, lane: this.lane };
  }
}
