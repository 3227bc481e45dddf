import { setTimeout as sleep } from 'node:timers/promises';
import { LoggerProvider } from '@opentelemetry/sdk-logs';
import type { QueueStats } from '../../src/stats';
import { Random } from './random';

// One application under soak: emits at random speed until it is told to stop, delivers what is left, and ends by itself.

export interface AppOptions {
  readonly worker: 'event-loop' | 'thread';
  readonly seed: number;
  readonly packagePath: string;
  readonly otlpUrl: string;
  readonly lokiUrl: string;
  readonly spoolPath: string;
}

export type AppReply =
  | { readonly type: 'rss'; readonly bytes: number }
  /** `resources`: what keeps the process alive after the shutdown, but for the channel to its parent. */
  | { readonly type: 'report'; readonly stats: QueueStats; readonly resources: readonly string[] };

type Library = typeof import('../../src/index');

const MEAN_PER_TURN = 10;
const TURN_MILLIS = 10;
/** Records of one synchronous loop, now and then. */
const BURST = 3000;
const BURST_CHANCE = 0.002;
const DRAIN_MILLIS = 60_000;
const RSS_INTERVAL_MILLIS = 500;

let isStopped = false;

async function run(options: AppOptions): Promise<void> {
  const library = (await import(options.packagePath)) as Library;
  const lane = { retry: { initialDelayMillis: 50, maxDelayMillis: 500 }, exportTimeoutMillis: 2000, scheduledDelayMillis: 100 };
  const processor = new library.QueueLogRecordProcessor({
    worker: options.worker,
    exporters: [
      { exporter: library.otlp({ url: options.otlpUrl, timeoutMillis: 1000 }), ...lane },
      { exporter: library.loki({ url: options.lokiUrl, timeoutMillis: 1000 }), ...lane },
    ],
    ...{ spool: { directory: options.spoolPath, maxBytes: 256 * 1024 * 1024 } },
  });
  const provider = new LoggerProvider({ processors: [processor] });
  const logger = provider.getLogger('soak');
  const random = new Random(options.seed);
  const rss = setInterval(() => reply({ type: 'rss', bytes: process.memoryUsage.rss() }), RSS_INTERVAL_MILLIS);
  let sequence = 0;
  while (!isStopped) {
    const count = random.next() < BURST_CHANCE ? BURST : random.integer(0, 2 * MEAN_PER_TURN);
    for (let index = 0; index < count; index += 1) {
      logger.emit({ severityNumber: 9, body: 'soak', attributes: { seq: sequence, text: 'x'.repeat(sequence % 200) } });
      sequence += 1;
    }
    await sleep(TURN_MILLIS);
  }
  clearInterval(rss);
  const deadline = performance.now() + DRAIN_MILLIS;
  while (!isEmpty(processor.stats()) && performance.now() < deadline) {
    await processor.forceFlush().catch(() => undefined);
    await sleep(TURN_MILLIS);
  }
  await provider.shutdown();
  const resources = process.getActiveResourcesInfo().filter((each) => each !== 'PipeWrap' && each !== 'TTYWrap');
  reply({ type: 'report', stats: processor.stats(), resources });
  process.disconnect();
}

function isEmpty({ queued, lanes }: QueueStats): boolean {
  return queued === 0 && Object.values(lanes).every((lane) => lane.queued + lane.inFlight + lane.spooled === 0);
}

function reply(message: AppReply): void {
  process.send?.(message);
}

process.on('message', (message: AppOptions | { readonly type: 'stop' }) => {
  if ('type' in message) {
    isStopped = true;
  } else {
    run(message).catch((error: unknown) => {
      console.error(error);
      process.exit(1);
    });
  }
});
