import { diag } from '@opentelemetry/api';
import { MessageChannel, receiveMessageOnPort, type MessagePort, type Worker } from 'node:worker_threads';
import type { Undelivered } from '../lane/lane-group';
import { createSharedStats, SharedStats } from './shared-stats';
import { startThread } from './thread-process';
import type { ThreadCommand, ThreadData, ThreadMessage } from './thread-protocol';

export interface ThreadLinkObserver {
  readonly onLoss: (lane: string, lastFailure: string | undefined) => void;
  /** The thread has ended by itself. What it had not settled is gone. */
  readonly onDeath: (link: ThreadLink) => void;
}

/** One worker thread, from its start to its end: commands, answers, and what it says through `diag`. */
export class ThreadLink {
  readonly stats: SharedStats;
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #observer: ThreadLinkObserver;
  readonly #pending = new Map<number, (undelivered: Undelivered | undefined) => void>();
  #references = 0;
  #lastId = 0;
  #isEnding = false;
  #hasEnded = false;

  /** @throws Error if there can be no thread */
  constructor(data: Omit<ThreadData, 'port' | 'stats'>, observer: ThreadLinkObserver) {
    const { port1, port2 } = new MessageChannel();
    const stats = createSharedStats(data.lanes.length);
    this.stats = new SharedStats(stats);
    this.#observer = observer;
    this.#port = port1;
    this.#worker = startThread({ ...data, stats, port: port2 });
    port1.on('message', (message: ThreadMessage) => this.#receive(message));
    // A listener references it again.
    port1.unref();
    this.#worker.on('error', (error) => diag.error(`otel-log-queue: the worker thread failed: ${error instanceof Error ? error.message : String(error)}`));
    this.#worker.on('exit', () => this.#onExit());
  }

  /** Keeps the process alive: somebody waits for this thread. */
  reference(): void {
    if (this.#references++ === 0) {
      this.#worker.ref();
    }
  }

  unreference(): void {
    if (--this.#references === 0) {
      this.#worker.unref();
    }
  }

  /** @returns undefined if there was no answer within the time-out, or the thread has ended */
  async command(type: 'flush' | 'shutdown', target: number, timeoutMillis: number): Promise<Undelivered | undefined> {
    if (this.#hasEnded) {
      return undefined;
    }
    this.#isEnding ||= type === 'shutdown';
    this.reference();
    const id = this.#send(type, target, timeoutMillis);
    const answer = await new Promise<Undelivered | undefined>((resolve) => {
      // A little later than the thread's own time-out, whose answer says more.
      const timer = setTimeout(resolve, timeoutMillis + Math.min(100, timeoutMillis / 10), undefined);
      this.#pending.set(id, (undelivered) => {
        clearTimeout(timer);
        resolve(undelivered);
      });
    });
    this.#pending.delete(id);
    this.unreference();
    return answer;
  }

  /** The main thread is about to block: `stats.waitForFinish` with the returned number. */
  commandExit(target: number, timeoutMillis: number): number {
    return this.#send('exit', target, timeoutMillis);
  }

  /** Reads what the thread has sent while the main thread was blocked. */
  receiveNow(): void {
    for (;;) {
      const received = receiveMessageOnPort(this.#port) as { message: ThreadMessage } | undefined;
      if (received === undefined) {
        return;
      }
      this.#receive(received.message);
    }
  }

  /** Ends the thread if it has not ended by itself. */
  async end(): Promise<void> {
    this.#isEnding = true;
    if (!this.#hasEnded) {
      await this.#worker.terminate();
    }
    this.receiveNow();
    this.#port.close();
  }

  #send(type: ThreadCommand['type'], target: number, timeoutMillis: number): number {
    const command: ThreadCommand = { type, id: ++this.#lastId, target, timeoutMillis };
    this.#port.postMessage(command);
    return command.id;
  }

  #receive(message: ThreadMessage): void {
    switch (message.type) {
      case 'done':
        this.#pending.get(message.id)?.(message.undelivered);
        break;
      case 'diag':
        diag[message.level](message.text);
        break;
      case 'loss':
        this.#observer.onLoss(message.lane, message.lastFailure);
        break;
    }
  }

  #onExit(): void {
    this.#hasEnded = true;
    this.receiveNow();
    for (const resolve of this.#pending.values()) {
      resolve(undefined);
    }
    if (!this.#isEnding) {
      this.#port.close();
      this.#observer.onDeath(this);
    }
  }
}
