import type { LoadArguments } from './arguments';
import { comparisonTable } from './comparison-table';
import { count, mebibytes, micros, millis } from './figures';
import type { LatencySummary } from './latency-histogram';
import { medianRun } from './median-run';
import type { LoadResult, RunResult } from './run-result';

/** The text of a load test: four lines about the queue, then the details, then the comparison if there was one. */
export function summary(load: LoadArguments, result: LoadResult): string {
  const queue = medianRun(result.runs.filter((run) => run.name === 'queue'));
  const lines = [
    `Total logs attempted: ${count(queue.attempted)}`,
    `Successfully enqueued: ${count(queue.enqueued)}`,
    `Dropped: ${count(queue.dropped)}`,
    `Avg enqueue latency: ${count(queue.emitMicros.mean)} µs`,
    '',
    ...losses(queue),
    loadLine(load, queue),
    `Machine: Node ${result.machine.node}, ${result.machine.cpu}, ${result.machine.cores} cores`,
    '',
    `Delivered: ${count(queue.delivered)}   received: ${count(queue.received)}   duplicates: ${count(queue.duplicates)}   out of order: ${count(queue.outOfOrder)}`,
    `Accounts: ${queue.conserved ? 'balanced' : 'NOT BALANCED'} (attempted = delivered + dropped, nothing left behind, delivered = received)`,
    `Emit call: ${percentiles(queue.emitMicros)}`,
    `From due time: ${percentiles(queue.latencyMicros)}`,
    `Event-loop delay: p50 ${millis(queue.eventLoopDelayMillis.p50)}  p99 ${millis(queue.eventLoopDelayMillis.p99)}  max ${millis(queue.eventLoopDelayMillis.max)}`,
    `CPU per record: main thread ${micros(queue.cpuMicrosPerRecord.mainThread)}  process ${micros(queue.cpuMicrosPerRecord.process)}`,
    `Peak RSS: ${mebibytes(queue.peakRssBytes)}   first emit to last received: ${queue.seconds.toFixed(2)} s`,
    `Drops by reason: ${reasons(queue.droppedByReason)}`,
  ];
  if (load.compare) {
    lines.push('', ...comparisonTable(result.runs));
  }
  if (load.repeat > 1) {
    lines.push('', `${load.repeat} runs each: counts are sums, all else is the median.`);
  }
  return `${lines.join('\n')}\n`;
}

function losses(queue: RunResult): string[] {
  return queue.dropped === 0 ? [] : [`LOST: ${count(queue.dropped)} of ${count(queue.attempted)} records (${reasons(queue.droppedByReason)})`, ''];
}

function loadLine(load: LoadArguments, queue: RunResult): string {
  const what = load.burst === undefined ? `${count(load.concurrency)} tasks x ${count(load.rate)} records/s x ${load.durationSeconds} s` : `${count(load.burst)} records in one loop`;
  const size = load.maxsize === undefined ? 'default size' : `size ${count(load.maxsize)}`;
  const latency = load.latencyMillis === 0 || load.exporter === 'stdout' || load.exporter === 'file' ? '' : `, ${load.latencyMillis} ms away`;
  const outage = load.outage === undefined ? '' : `, down from ${load.outage.fromSeconds} s to ${load.outage.toSeconds} s`;
  const spool = load.spool ? ', with a spool' : '';
  return `Load: ${what}; worker ${queue.options['worker'] ?? 'default'}, strategy ${load.strategy}, ${size}${spool}; exporter ${load.exporter}${latency}${outage}`;
}

function percentiles(latency: LatencySummary): string {
  return (
    `mean ${micros(latency.mean)}  p50 ${micros(latency.p50)}  p90 ${micros(latency.p90)}` +
    `  p99 ${micros(latency.p99)}  p99.9 ${micros(latency.p999)}  max ${micros(latency.max)}`
  );
}

function reasons(byReason: Readonly<Record<string, number>>): string {
  const parts = Object.entries(byReason).map(([reason, lost]) => `${reason} ${count(lost)}`);
  return parts.length === 0 ? 'none' : parts.join(', ');
}
