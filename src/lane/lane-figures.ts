import type { LaneStats } from '../stats';
import type { HandoverFigures } from './handover';

/** All that a lane counts: `LaneStats`, and what is nobody's business outside. */
export interface LaneFigures extends LaneStats, HandoverFigures {
  /** Records in flight that are on disk as well. */
  readonly inFlightOnDisk: number;
  /** Records in flight that the exporter was given; the others wait for it. */
  readonly exporting: number;
}

/** What `stats()` shows. */
export function publicStats({ inFlightOnDisk, exporting, handedOver, lostAfterHandover, ...lane }: LaneFigures): LaneStats {
  return lane;
}
