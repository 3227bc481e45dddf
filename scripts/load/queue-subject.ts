import type { QueueStats } from '../../src/stats';
import type { RunOptions } from './run-process';
import type { Subject, Tally } from './subject';

type Library = typeof import('../../src/index');

/** Losses at a queue; all others happen behind it. */
const QUEUE_REASONS: readonly string[] = ['queue_full', 'sampled'];

/**
 * The built package, as an application would set it up.
 * @throws TypeError or RangeError if the processor refuses an option
 */
export async function queueSubject(options: RunOptions): Promise<Subject> {
  const library = (await import(options.packagePath)) as Library;
  const processor = new library.QueueLogRecordProcessor({
    exporters: [exporterOf(library, options)],
    onQueueFull: options.strategy,
    ...(options.maxsize === undefined ? {} : { maxQueueSize: options.maxsize }),
    ...(options.spoolPath === undefined ? {} : { spool: { directory: options.spoolPath } }),
    // The names of workers are the processor's to check.
    ...(options.worker === undefined ? {} : { worker: options.worker as 'event-loop' }),
  });
  const worker = processor.stats().worker;
  return {
    processor,
    worker,
    // A thread makes emit itself wait.
    ...(options.strategy === 'block' && worker === 'event-loop' ? { ready: () => processor.ready() } : {}),
    tally: () => tallyOf(processor.stats()),
  };
}

function exporterOf(library: Library, options: RunOptions) {
  switch (options.exporter) {
    case 'null':
      return library.counting({ delayMillis: options.latencyMillis });
    case 'otlp':
      return library.otlp({ url: options.otlpUrl });
    case 'loki':
      return library.loki({ url: options.lokiUrl });
    case 'stdout':
      return library.stdout({ format: 'json' });
    case 'file':
      return library.file({ path: options.filePath, format: 'json' });
  }
}

/** Front and lanes together; the load has one lane, so no record counts twice. */
export function tallyOf(stats: QueueStats): Tally {
  const droppedByReason: Record<string, number> = { ...stats.dropped };
  let refused = sum(stats.dropped);
  let delivered = 0;
  let isSettled = stats.emitted === stats.accepted + sum(stats.dropped) && stats.queued === 0;
  for (const lane of Object.values(stats.lanes)) {
    for (const [reason, count] of Object.entries(lane.dropped)) {
      droppedByReason[reason] = (droppedByReason[reason] ?? 0) + count;
      refused += QUEUE_REASONS.includes(reason) ? count : 0;
    }
    delivered += lane.delivered;
    isSettled &&= lane.queued === 0 && lane.inFlight === 0 && lane.spooled === 0 && lane.offered === lane.delivered + lane.queued + lane.inFlight + lane.spooled + sum(lane.dropped);
  }
  return { emitted: stats.emitted, refused, delivered, lost: stats.lost, droppedByReason, isSettled };
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}
