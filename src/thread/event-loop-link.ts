import type { Context } from '@opentelemetry/api';
import { flushBeforeExit } from '../lane/flush-before-exit';
import type { ExportObserver, Undelivered } from '../lane/lane-group';
import type { DrainLink } from './drain-link';
import { RingDrain } from './ring-drain';
import type { ThreadFigures } from './shared-stats';
import type { RingData } from './thread-protocol';

export interface EventLoopLinkOptions {
  readonly shutdownTimeoutMillis: number;
  readonly exitTimeoutMillis: number;
}

/** Drains the ring on the event loop, where there can be no thread. What is queued when the process exits abruptly is lost. */
export class EventLoopLink implements DrainLink {
  readonly kind = 'event-loop';
  readonly isReady = true;
  readonly #drain: RingDrain;
  readonly #options: EventLoopLinkOptions;
  #references = 0;
  #keepAlive: NodeJS.Timeout | undefined = undefined;
  #targetBeforeExit: number | undefined = undefined;

  /** @throws TypeError or RangeError if an exporter cannot be made */
  constructor(data: RingData, options: EventLoopLinkOptions, onLoss: (lane: string, lastFailure: string | undefined) => void, exports: ExportObserver | undefined) {
    this.#options = options;
    this.#drain = new RingDrain(data, 'event-loop', { onChange: () => undefined, onLoss, exports });
    this.#drain.start();
  }

  get figures(): ThreadFigures {
    return this.#drain.figures;
  }

  reference(): void {
    if (this.#references++ === 0) {
      // It need not do anything.
      this.#keepAlive = setInterval(() => undefined, 1000);
    }
  }

  unreference(): void {
    if (--this.#references === 0) {
      clearInterval(this.#keepAlive);
    }
  }

  async command(type: 'flush' | 'shutdown', target: number, timeoutMillis: number): Promise<Undelivered> {
    this.reference();
    try {
      return await this.#drain.obey({ type, id: 0, target, timeoutMillis });
    } finally {
      this.unreference();
    }
  }

  isInsideExport(context: Context | undefined): boolean {
    return this.#drain.scope.isInside(context);
  }

  async onBeforeExit(target: number): Promise<void> {
    // What an earlier round could not deliver has had its attempt.
    if (target === this.#targetBeforeExit) {
      return;
    }
    this.#targetBeforeExit = target;
    await flushBeforeExit(this.#drain.lanes, this.#options.exitTimeoutMillis, () => this.command('flush', target, this.#options.shutdownTimeoutMillis));
  }

  commandExit(): number {
    return 0;
  }

  waitForExit(): void {
    // Nothing can run any more that would deliver.
  }

  end(): Promise<void> {
    this.#drain.lanes.end();
    return Promise.resolve();
  }
}
