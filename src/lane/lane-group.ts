import { diag } from '@opentelemetry/api';
import type { LogRecordExporter } from '@opentelemetry/sdk-logs';
import { ModuleLogRecordExporter } from '../exporters/module-exporter';
import type { LogRecord } from '../record';
import { lossesSince, type LossCounts } from '../stats';
import type { ExportOperation } from './export-operation';
import type { ExportScope } from './export-scope';
import { Lane } from './lane';
import type { LaneFigures } from './lane-figures';
import type { ResolvedLaneOptions } from './lane-options';

/** What makes a lane. */
export interface ResolvedLane {
  readonly name: string;
  readonly exporter: LogRecordExporter;
  readonly options: ResolvedLaneOptions;
}

/** What was not delivered, by lane; a lane that delivered everything is absent. */
export interface Undelivered {
  readonly lost: Readonly<Record<string, LossCounts>>;
  readonly queued: Readonly<Record<string, number>>;
}

/** What metrics need to know beyond figures. Each call is cheap and does not throw. */
export interface ExportObserver {
  /** Records that the exporter of the lane was given are lost; what the end of the lane costs is not told. */
  readonly onExportFailed: (lane: string, errorType: string, count: number) => void;
  readonly onOperation: (lane: string, operation: ExportOperation) => void;
}

export interface LaneGroupObserver {
  readonly onLoss: () => void;
  readonly onRoom: () => void;
  readonly onStateChange?: () => void;
  readonly exports?: ExportObserver | undefined;
}

/** All lanes of a processor, on whichever thread they live. */
export class LaneGroup {
  readonly lanes: readonly Lane[];

  constructor(lanes: readonly ResolvedLane[], scope: ExportScope, observer: LaneGroupObserver, spoolOwner: string) {
    const laneObserver = {
      onLoss: () => observer.onLoss(),
      onRoom: () => observer.onRoom(),
      onStateChange: () => observer.onStateChange?.(),
      onExportFailed: (lane: Lane, errorType: string, count: number) => observer.exports?.onExportFailed(lane.name, errorType, count),
      onOperation: (lane: Lane, operation: ExportOperation) => observer.exports?.onOperation(lane.name, operation),
      onFailing: (lane: Lane, message: string) => diag.warn(`otel-log-queue: lane ${lane.name} cannot deliver and tries again: ${message}`),
      onRecovered: (lane: Lane) => diag.info(`otel-log-queue: lane ${lane.name} delivers again`),
    };
    this.lanes = lanes.map(({ name, exporter, options }) => new Lane(name, exporter, options, scope, laneObserver, spoolOwner));
    this.lanes.forEach(failIfNotLoaded);
  }

  /** Records that are neither delivered nor lost, counted once for each lane. */
  get pending(): number {
    return this.lanes.reduce((sum, lane) => sum + lane.pending, 0);
  }

  /** Grows with every record that a lane delivers or loses. */
  get progress(): number {
    return this.lanes.reduce((sum, lane) => sum + lane.progress, 0);
  }

  /** How many more records of this size every lane has room for. */
  roomFor(recordBytes: number): number {
    return Math.min(...this.lanes.map((lane) => lane.roomFor(recordBytes)));
  }

  /** @param bytes an estimate; only looked at by lanes with `maxQueueBytes` */
  offer(record: LogRecord, severityNumber: number | undefined, bytes: number): void {
    for (const lane of this.lanes) {
      if (lane.wants(severityNumber)) {
        lane.offer(record, severityNumber, bytes);
      }
    }
  }

  /** What waits in the lanes is due: it has waited elsewhere. */
  startNow(): void {
    this.lanes.forEach((lane) => lane.startNow());
  }

  /** @param isLast nothing is brought back from a spool any more */
  async flush(timeoutMillis: number, isLast = false): Promise<Undelivered> {
    const results = await Promise.all(this.lanes.map(async (lane) => ({ name: lane.name, ...(await lane.flush(timeoutMillis, isLast)) })));
    return {
      lost: Object.fromEntries(results.filter(({ lost }) => Object.keys(lost).length > 0).map(({ name, lost }) => [name, lost])),
      queued: Object.fromEntries(results.filter(({ remaining }) => remaining > 0).map(({ name, remaining }) => [name, remaining])),
    };
  }

  /** A flush and the end. What is left is lost as `shutdown_timeout`. */
  async shutdown(timeoutMillis: number): Promise<Undelivered> {
    const before = this.lanes.map((lane) => ({ ...lane.losses.counts }));
    await Promise.all(this.lanes.map((lane) => lane.shutdown(timeoutMillis)));
    const lost = this.lanes.map((lane, index): [string, LossCounts] => [lane.name, lossesSince(before[index] ?? {}, lane.losses.counts)]);
    return { lost: Object.fromEntries(lost.filter(([, counts]) => Object.keys(counts).length > 0)), queued: {} };
  }

  /** Counts all that is pending as lost, at once. */
  end(): void {
    this.lanes.forEach((lane) => lane.end());
  }

  abortAttempts(message: string): void {
    this.lanes.forEach((lane) => lane.abortAttempt(message));
  }

  figures(): Record<string, LaneFigures> {
    return Object.fromEntries(this.lanes.map((lane) => [lane.name, lane.figures()]));
  }
}

function failIfNotLoaded(lane: Lane): void {
  const { exporter, name } = lane;
  if (exporter instanceof ModuleLogRecordExporter) {
    exporter.loaded.catch((error: Error) => {
      diag.error(`otel-log-queue: lane ${name} has no exporter, its records are lost: ${error.message}`);
      lane.fail(error.message);
    });
  }
}
