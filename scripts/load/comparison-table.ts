import { count, mebibytes, micros, millis, percent, ratio } from './figures';
import { median, medianRun } from './median-run';
import type { RunResult } from './run-result';

/** The three processors in runs made one after the other. */
interface Round {
  readonly queue: RunResult;
  readonly stock: RunResult;
  readonly noop: RunResult;
}

interface Row {
  readonly title: string;
  /** @param run the runs of one processor as one; `runs` are the runs themselves */
  readonly cell: (run: RunResult, noop: RunResult, runs: readonly RunResult[]) => string;
  /** What is divided for the two ratio columns; absent: no ratios. */
  readonly figure?: (run: RunResult, noop: RunResult) => number | null;
  /** The no-op processor has no such figure. */
  readonly withoutNoop?: true;
}

const ROWS: readonly Row[] = [
  { title: 'attempted', cell: (run) => count(run.attempted) },
  { title: 'dropped', cell: (run) => count(run.dropped), withoutNoop: true },
  { title: 'received', cell: (run) => count(run.received), figure: (run) => run.received, withoutNoop: true },
  { title: 'received of attempted', cell: (run) => percent(run.received, run.attempted), withoutNoop: true },
  { title: 'duplicates, out of order', cell: (run) => `${count(run.duplicates)}, ${count(run.outOfOrder)}`, withoutNoop: true },
  { title: 'emit mean', cell: (run) => micros(run.emitMicros.mean), figure: (run) => run.emitMicros.mean },
  { title: 'emit p50', cell: (run) => micros(run.emitMicros.p50), figure: (run) => run.emitMicros.p50 },
  { title: 'emit p99', cell: (run) => micros(run.emitMicros.p99), figure: (run) => run.emitMicros.p99 },
  { title: 'emit p99.9', cell: (run) => micros(run.emitMicros.p999), figure: (run) => run.emitMicros.p999 },
  { title: 'emit max', cell: (run) => micros(run.emitMicros.max), figure: (run) => run.emitMicros.max },
  { title: 'from due mean', cell: (run) => micros(run.latencyMicros.mean), figure: (run) => run.latencyMicros.mean },
  { title: 'from due p99', cell: (run) => micros(run.latencyMicros.p99), figure: (run) => run.latencyMicros.p99 },
  { title: 'loop delay p50', cell: (run) => millis(run.eventLoopDelayMillis.p50), figure: (run) => run.eventLoopDelayMillis.p50 },
  { title: 'loop delay p99', cell: (run) => millis(run.eventLoopDelayMillis.p99), figure: (run) => run.eventLoopDelayMillis.p99 },
  { title: 'loop delay max', cell: (run) => millis(run.eventLoopDelayMillis.max), figure: (run) => run.eventLoopDelayMillis.max },
  { title: 'CPU/record, main thread', cell: (run) => micros(run.cpuMicrosPerRecord.mainThread), figure: (run) => run.cpuMicrosPerRecord.mainThread },
  { title: 'CPU/record, process', cell: (run) => micros(run.cpuMicrosPerRecord.process), figure: (run) => run.cpuMicrosPerRecord.process },
  { title: '  above no-op, main thread', cell: (run, noop) => micros(mainThreadAbove(run, noop)), figure: mainThreadAbove, withoutNoop: true },
  { title: '  above no-op, process', cell: (run, noop) => micros(processAbove(run, noop)), figure: processAbove, withoutNoop: true },
  { title: '  process, per received', cell: (run) => micros(cpuPerReceived(run)), figure: cpuPerReceived, withoutNoop: true },
  { title: 'peak RSS', cell: (run) => mebibytes(run.peakRssBytes), figure: (run) => run.peakRssBytes },
  { title: 'received per second', cell: (_run, _noop, runs) => count(median(runs.map(receivedPerSecond))), figure: receivedPerSecond, withoutNoop: true },
];

/** One column per processor and two of ratios. */
export function comparisonTable(runs: readonly RunResult[]): string[] {
  const of = (name: RunResult['name']): RunResult[] => runs.filter((run) => run.name === name);
  const [queues, stocks, noops] = [of('queue'), of('stock'), of('noop')];
  const rounds: Round[] = queues.map((queue, index) => ({ queue, stock: stocks[index]!, noop: noops[index]! }));
  const [queue, stock, noop] = [medianRun(queues), medianRun(stocks), medianRun(noops)];
  const cells = ROWS.map((row) => [
    row.title,
    row.cell(queue, noop, queues),
    row.cell(stock, noop, stocks),
    row.withoutNoop === undefined ? row.cell(noop, noop, noops) : '-',
    row.figure === undefined ? '' : ratio(medianRatio(rounds, row.figure, 'stock')),
    row.figure === undefined || row.withoutNoop === true ? '' : ratio(medianRatio(rounds, row.figure, 'noop')),
  ]);
  return align([['', 'queue', 'stock', 'no-op', 'queue/stock', 'queue/no-op'], ...cells]);
}

/**
 * Machines drift: only figures of the same round are divided, and of the ratios the median is taken. A round whose divisor is noise (a difference at or under zero)
 * says nothing; one in which the queue costs less than nothing does, and leaving it out would make the queue look dearer. NaN: no round says anything.
 */
function medianRatio(rounds: readonly Round[], figure: NonNullable<Row['figure']>, by: 'stock' | 'noop'): number {
  return median(
    rounds.flatMap((round) => {
      const [upper, lower] = [figure(round.queue, round.noop), figure(round[by], round.noop)];
      return upper === null || lower === null || lower <= 0 ? [] : [upper / lower];
    }),
  );
}

function mainThreadAbove(run: RunResult, noop: RunResult): number | null {
  const [mine, floor] = [run.cpuMicrosPerRecord.mainThread, noop.cpuMicrosPerRecord.mainThread];
  return mine === null || floor === null ? null : mine - floor;
}

function processAbove(run: RunResult, noop: RunResult): number {
  return run.cpuMicrosPerRecord.process - noop.cpuMicrosPerRecord.process;
}

function cpuPerReceived(run: RunResult): number | null {
  return run.received === 0 ? null : (run.cpuMicrosPerRecord.process * run.attempted) / run.received;
}

function receivedPerSecond(run: RunResult): number {
  return run.received / run.seconds;
}

function align(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) => row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join('  ').trimEnd());
}
