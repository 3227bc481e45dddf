import type { LogRecordExporter } from '@opentelemetry/sdk-logs';
import { ExportScope } from '../../src/lane/export-scope';
import { Lane } from '../../src/lane/lane';
import { resolveLaneOptions, type LaneOptions } from '../../src/lane/lane-options';
import { totalOf } from './conservation';
import { makeRecord, range } from './records';

/** Lanes without a processor, whose books are checked at every loss, at every change of state and at the end. */
export class LaneRig {
  readonly #lanes: Lane[] = [];

  /** @param owner names the processor in the lane's spool */
  lane(exporter: LogRecordExporter, options: LaneOptions = {}, owner = 'owner'): Lane {
    const check = (): void => this.#check();
    const observer = { onLoss: check, onRoom: check, onStateChange: check, onFailing: check, onRecovered: check };
    const lane = new Lane('test', exporter, resolveLaneOptions('', { scheduledDelayMillis: 5, ...options }), new ExportScope(), observer, owner);
    this.#lanes.push(lane);
    return lane;
  }

  offer(lane: Lane, from: number, to: number): void {
    for (const seq of range(from, to)) {
      lane.offer(makeRecord(seq), 9, 1);
    }
  }

  end(): void {
    this.#check();
    this.#lanes.forEach((lane) => lane.end());
    this.#check();
    this.#lanes.length = 0;
  }

  #check(): void {
    for (const lane of this.#lanes) {
      const { offered, delivered, queued, inFlight, spooled, dropped } = lane.stats();
      expect({ offered }).toEqual({ offered: delivered + queued + inFlight + spooled + totalOf(dropped) });
    }
  }
}
