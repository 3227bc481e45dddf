import { availableParallelism, cpus } from 'node:os';
import type { LoadArguments } from './arguments';
import type { LatencySummary } from './latency-histogram';
import type { ResourceUse } from './resource-meter';
import type { RunReport, SubjectName } from './run-process';
import type { ReceivedCounts } from './sequence-counter';

/** What `--json` writes. */
export interface LoadResult {
  readonly machine: { readonly node: string; readonly cpu: string; readonly cores: number };
  readonly runs: readonly RunResult[];
}

/** One run of one processor. */
export interface RunResult extends ResourceUse {
  readonly name: SubjectName;
  /** As given; null: the default, or not an option of this processor. */
  readonly options: Readonly<Record<string, string | number | null>>;
  /** Calls of emit. */
  readonly attempted: number;
  /** Attempted minus those refused at a queue. */
  readonly enqueued: number;
  /** The queue: by `stats()`. Stock: attempted minus received. */
  readonly dropped: number;
  readonly droppedByReason: Readonly<Record<string, number>>;
  /** Acknowledged by the backend, as the processor counts it. */
  readonly delivered: number;
  /** Different sequence numbers at the receiver. */
  readonly received: number;
  readonly duplicates: number;
  readonly outOfOrder: number;
  readonly latencyMicros: LatencySummary;
  readonly emitMicros: LatencySummary;
  /** First emit to last received. */
  readonly seconds: number;
  /** Every record is accounted for: the processor's laws hold, it holds no record any more, and delivered = received. */
  readonly conserved: boolean;
}

export function machine(): LoadResult['machine'] {
  return { node: process.version, cpu: cpus()[0]?.model.trim() ?? 'unknown', cores: availableParallelism() };
}

/** @param received undefined: there is no receiver that could count (null exporter, no-op processor), so what was delivered counts as received */
export function runResult(name: SubjectName, load: LoadArguments, report: RunReport, received: ReceivedCounts | undefined): RunResult {
  const { attempted, tally } = report;
  const arrived = received?.unique ?? tally.delivered;
  return {
    name,
    options: optionsOf(name, load, report.worker),
    attempted,
    enqueued: attempted - tally.refused,
    dropped: name === 'stock' ? attempted - arrived : tally.lost,
    droppedByReason: tally.droppedByReason,
    delivered: tally.delivered,
    received: arrived,
    duplicates: received?.duplicates ?? 0,
    outOfOrder: received?.outOfOrder ?? 0,
    latencyMicros: report.latencyMicros,
    emitMicros: report.emitMicros,
    eventLoopDelayMillis: report.eventLoopDelayMillis,
    cpuMicrosPerRecord: report.cpuMicrosPerRecord,
    peakRssBytes: report.peakRssBytes,
    seconds: ((received !== undefined && received.lastMillis > 0 ? received.lastMillis : report.endMillis) - report.startMillis) / 1000,
    conserved: tally.isSettled && (tally.emitted ?? attempted) === attempted && tally.delivered === arrived && (received?.unreadable ?? 0) === 0,
  };
}

function optionsOf(name: SubjectName, load: LoadArguments, worker: string | undefined): RunResult['options'] {
  const isQueue = name === 'queue';
  return {
    concurrency: load.burst === undefined ? load.concurrency : null,
    rate: load.burst === undefined ? load.rate : null,
    duration: load.burst === undefined ? load.durationSeconds : null,
    burst: load.burst ?? null,
    strategy: isQueue ? load.strategy : null,
    maxsize: name === 'noop' ? null : (load.maxsize ?? null),
    worker: worker ?? null,
    exporter: isQueue ? load.exporter : name === 'noop' ? null : load.exporter === 'null' ? 'null' : 'otlp',
    latency: load.latencyMillis,
    outage: load.outage === undefined ? null : `${load.outage.fromSeconds}:${load.outage.toSeconds}`,
    spool: isQueue ? Number(load.spool) : null,
  };
}
