import { diag, DiagLogLevel, type DiagLogger } from '@opentelemetry/api';
import { isMainThread, workerData, type MessagePort } from 'node:worker_threads';
import { VERSION } from '../version';
import { RingDrain } from './ring-drain';
import { writeOutputDirectly } from './thread-console';
import { SharedStats } from './shared-stats';
import { isOwnThreadData, type ThreadCommand, type ThreadData, type ThreadMessage } from './thread-protocol';

/** The worker thread: drains the ring and does as the main thread says. */
class ThreadMain {
  readonly #port: MessagePort;
  readonly #stats: SharedStats;
  readonly #drain: RingDrain;

  constructor(data: ThreadData) {
    const { port } = data;
    this.#port = port;
    this.#stats = new SharedStats(data.stats);
    // Before any exporter is made: one that ends this thread would end the event loop's, too, and is no reason to try that.
    this.#stats.markReady();
    diag.setLogger(this.#diagLogger(), { logLevel: DiagLogLevel.DEBUG, suppressOverrideMessage: true });
    this.#drain = new RingDrain(data, 'thread', {
      onChange: () => {
        const { offered, unreadable, lanes } = this.#drain.figures;
        this.#stats.write(offered, unreadable, lanes);
      },
      onLoss: (lane, lastFailure) => this.#post({ type: 'loss', lane, lastFailure }),
      exports: data.tellsExports
        ? {
            onExportFailed: (lane, errorType, count) => this.#post({ type: 'export-failed', lane, errorType, count }),
            onOperation: (lane, operation) => this.#post({ type: 'operation', lane, operation }),
          }
        : undefined,
    });
    // Referenced, since a pending `Atomics.waitAsync` does not keep the loop of this thread alive.
    port.on('message', (command: ThreadCommand) => void this.#obey(command));
    this.#drain.start();
  }

  async #obey(command: ThreadCommand): Promise<void> {
    const undelivered = await this.#drain.obey(command);
    this.#post({ type: 'done', id: command.id, undelivered });
    if (command.type === 'exit') {
      this.#stats.finish(command.id);
    } else if (command.type === 'shutdown') {
      this.#port.close();
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

if (!isMainThread && isOwnThreadData(workerData)) {
  if (workerData.version !== VERSION) {
    // The layout of the shared memory may be another one. The main thread goes on to the next way to start.
    throw new Error(`this file is of otel-log-queue ${VERSION}, the application uses ${workerData.version}`);
  }
  writeOutputDirectly();
  new ThreadMain(workerData);
}
