import { diag, DiagLogLevel, type DiagLogger } from '@opentelemetry/api';
import { isMainThread, workerData, type MessagePort } from 'node:worker_threads';
import { createExporter } from '../exporters/description';
import { ExportScope } from '../lane/export-scope';
import { LaneGroup, type Undelivered } from '../lane/lane-group';
import { SharedQueueConsumer } from '../queue/shared-queue-consumer';
import { FrameReader } from './frame-reader';
import { Pump } from './pump';
import { SharedStats } from './shared-stats';
import { StringTableReader } from './string-table-reader';
import type { ThreadCommand, ThreadData, ThreadMessage } from './thread-protocol';

/** The worker thread: pumps records from the ring into its lanes and does as the main thread says. */
class ThreadMain {
  readonly #port: MessagePort;
  readonly #stats: SharedStats;
  readonly #consumer: SharedQueueConsumer;
  readonly #lanes: LaneGroup;
  readonly #pump: Pump;
  readonly #told = new Map<string, string | undefined>();
  #turnIsSet = false;

  constructor(data: ThreadData) {
    const { port } = data;
    this.#port = port;
    diag.setLogger(this.#diagLogger(), { logLevel: DiagLogLevel.DEBUG, suppressOverrideMessage: true });
    this.#stats = new SharedStats(data.stats);
    this.#consumer = new SharedQueueConsumer(data.queue);
    const table = new StringTableReader(data.table);
    const lanes = data.lanes.map((lane) => ({ ...lane, exporter: createExporter(lane.exporter) }));
    this.#lanes = new LaneGroup(lanes, new ExportScope(), {
      onLoss: () => this.#publishSoon(),
      onRoom: () => {
        this.#pump.noteRoom();
        this.#publishSoon();
      },
      onStateChange: () => {
        this.#pump.noteRoom();
        this.#publishSoon();
      },
    });
    this.#pump = new Pump(this.#consumer, new FrameReader(table), table, this.#lanes, () => this.#publish());
    // Referenced, since a pending `Atomics.waitAsync` does not keep the loop of this thread alive.
    port.on('message', (command: ThreadCommand) => void this.#obey(command));
    void this.#pump.run(Math.min(...data.lanes.map((lane) => Math.max(lane.options.scheduledDelayMillis, 10))));
  }

  async #obey(command: ThreadCommand): Promise<void> {
    const end = Date.now() + command.timeoutMillis;
    await this.#reach(command.target, command.timeoutMillis);
    const left = Math.max(0, end - Date.now());
    if (command.type === 'shutdown') {
      this.#pump.stop();
      const undelivered = await this.#lanes.shutdown(left);
      this.#answer(command.id, undelivered);
      this.#port.close();
    } else {
      const undelivered = await this.#lanes.flush(left);
      this.#answer(command.id, undelivered);
      if (command.type === 'exit') {
        this.#stats.finish(command.id);
      }
    }
  }

  #answer(id: number, undelivered: Undelivered): void {
    this.#publish();
    this.#post({ type: 'done', id, undelivered });
  }

  /** Takes what is in the ring up to that position, within the time-out. */
  async #reach(target: number, timeoutMillis: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const timeUp = new Promise<void>((resolve) => (timer = setTimeout(resolve, timeoutMillis)));
    await Promise.race([this.#pump.reach(() => this.#consumer.hasTakenUpTo(target)), timeUp]);
    clearTimeout(timer);
  }

  #publishSoon(): void {
    if (!this.#turnIsSet) {
      this.#turnIsSet = true;
      setImmediate(() => {
        this.#turnIsSet = false;
        this.#publish();
      });
    }
  }

  #publish(): void {
    const { lanes } = this.#lanes;
    this.#stats.write(this.#pump.offered, this.#pump.unreadable, lanes.map((lane) => lane.stats()));
    for (const lane of lanes) {
      const state = `${lane.losses.total} ${lane.lastFailure ?? ''}`;
      if (lane.losses.total > 0 && this.#told.get(lane.name) !== state) {
        this.#told.set(lane.name, state);
        this.#post({ type: 'loss', lane: lane.name, lastFailure: lane.lastFailure });
      }
    }
  }

  #post(message: ThreadMessage): void {
    this.#port.postMessage(message);
  }

  #diagLogger(): DiagLogger {
    const tell =
      (level: 'error' | 'warn' | 'info' | 'debug') =>
      (message: string, ...rest: unknown[]): void =>
        this.#post({ type: 'diag', level, text: [message, ...rest.map(String)].join(' ') });
    return { error: tell('error'), warn: tell('warn'), info: tell('info'), debug: tell('debug'), verbose: () => undefined };
  }
}

if (!isMainThread && (workerData as Partial<ThreadData> | null)?.isOtelLogQueue === true) {
  new ThreadMain(workerData as ThreadData);
}
