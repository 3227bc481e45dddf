import type { LatencySummary } from './latency-histogram';
import type { RunResult } from './run-result';

/** The runs of one processor as one: counts are sums, everything else is the median of the runs. */
export function medianRun(runs: readonly RunResult[]): RunResult {
  const first = runs[0]!;
  const total = (of: (run: RunResult) => number): number => runs.reduce((sum, run) => sum + of(run), 0);
  const middle = (of: (run: RunResult) => number): number => median(runs.map(of));
  const latency = (of: (run: RunResult) => LatencySummary): LatencySummary => ({
    mean: middle((run) => of(run).mean),
    p50: middle((run) => of(run).p50),
    p90: middle((run) => of(run).p90),
    p99: middle((run) => of(run).p99),
    p999: middle((run) => of(run).p999),
    max: middle((run) => of(run).max),
  });
  const droppedByReason: Record<string, number> = {};
  for (const run of runs) {
    for (const [reason, count] of Object.entries(run.droppedByReason)) {
      droppedByReason[reason] = (droppedByReason[reason] ?? 0) + count;
    }
  }
  return {
    name: first.name,
    options: first.options,
    attempted: total((run) => run.attempted),
    enqueued: total((run) => run.enqueued),
    dropped: total((run) => run.dropped),
    droppedByReason,
    delivered: total((run) => run.delivered),
    received: total((run) => run.received),
    duplicates: total((run) => run.duplicates),
    outOfOrder: total((run) => run.outOfOrder),
    latencyMicros: latency((run) => run.latencyMicros),
    emitMicros: latency((run) => run.emitMicros),
    eventLoopDelayMillis: {
      p50: middle((run) => run.eventLoopDelayMillis.p50),
      p99: middle((run) => run.eventLoopDelayMillis.p99),
      max: middle((run) => run.eventLoopDelayMillis.max),
    },
    cpuMicrosPerRecord: {
      mainThread: first.cpuMicrosPerRecord.mainThread === null ? null : middle((run) => run.cpuMicrosPerRecord.mainThread ?? 0),
      process: middle((run) => run.cpuMicrosPerRecord.process),
    },
    peakRssBytes: middle((run) => run.peakRssBytes),
    seconds: middle((run) => run.seconds),
    conserved: runs.every((run) => run.conserved),
  };
}

/** NaN for no values. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2;
}
