import type { ExportOperation } from './export-operation';
import type { Lane } from './lane';

/** What a lane tells its owner; each call is cheap and does not throw. */
export interface LaneObserver {
  readonly onLoss: () => void;
  /** The first failure of a batch that is tried again. */
  readonly onFailing: (lane: Lane, message: string) => void;
  /** Delivers again. */
  readonly onRecovered: (lane: Lane) => void;
  /** There may be room in the queue that there was not before. */
  readonly onRoom: () => void;
  /** `stats().state` has changed. */
  readonly onStateChange: () => void;
  /** Records that the exporter was given are lost; what the end of the lane costs is not told. */
  readonly onExportFailed?: (lane: Lane, errorType: string, count: number) => void;
  readonly onOperation?: (lane: Lane, operation: ExportOperation) => void;
}
