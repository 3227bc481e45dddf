import { diag } from '@opentelemetry/api';
import { workerData } from 'node:worker_threads';
import { EventLoopWorker, type EventLoopObserver } from './event-loop-worker';
import { createExporter, isDescription, type ExporterDescription } from './exporters/description';
import type { LaneGroupObserver } from './lane/lane-group';
import type { ResolvedOptions } from './options';
import type { QueueWorker } from './queue-worker';
import { isOwnThreadData } from './thread/thread-protocol';
import { ThreadWorker } from './thread/thread-worker';

/** The worker that the options ask for, or the event loop where it cannot be had. */
export function makeWorker(options: ResolvedOptions, observer: EventLoopObserver): QueueWorker {
  if (options.worker === 'thread') {
    try {
      return makeThreadWorker(options, observer);
    } catch (error) {
      diag.warn(`otel-log-queue: no worker thread, the event loop is used instead: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  const lanes = options.lanes.map((lane) => ({ ...lane, exporter: isDescription(lane.exporter) ? createExporter(lane.exporter) : lane.exporter }));
  return new EventLoopWorker({ ...options, lanes }, observer);
}

function makeThreadWorker(options: ResolvedOptions, observer: LaneGroupObserver): QueueWorker {
  if (isOwnThreadData(workerData)) {
    // Telemetry that something in the thread sets up would start another thread, and that one again.
    throw new Error('this is a worker thread of otel-log-queue itself');
  }
  // Checked with the options.
  const lanes = options.lanes.map((lane) => ({ ...lane, exporter: lane.exporter as ExporterDescription }));
  return new ThreadWorker({ ...options, lanes }, observer);
}
