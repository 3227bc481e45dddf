import { diag } from '@opentelemetry/api';
import { MessageChannel, receiveMessageOnPort, type MessagePort, type Worker } from 'node:worker_threads';
import type { ExportObserver, Undelivered } from '../lane/lane-group';
import { VERSION } from '../version';
import type { DrainLink } from './drain-link';
import { createSharedStats, SharedStats, type ThreadFigures } from './shared-stats';
import { startThread, type ThreadCandidate } from './thread-process';
import type { RingData, ThreadCommand, ThreadMessage } from './thread-protocol';

export interface ThreadLinkObserver {
  readonly exports: ExportObserver | undefined;
  readonly onLoss: (lane: string, lastFailure: string | undefined) => void;
  /** The thread has ended by itself. What it had not settled is gone. */
  readonly onDeath: (link: ThreadLink) => void;
  /** The thread has ended before it had begun to run: it has taken nothing. */
  readonly onStartFailed: (link: ThreadLink, why: string) => void;
}

/** One worker thread, from its start to its end: commands, answers, and what it says through `diag`. */
export class ThreadLink implements DrainLink {
  readonly kind = 'thread';
  readonly #stats: SharedStats;
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #observer: ThreadLinkObserver;
  readonly #pending = new Map<number, (undelivered: Undelivered | undefined) => void>();
  #references = 0;
  #lastId = 0;
  #lastError = 'it ended at once';
  /** Told to end. */
  #isEnding = false;
  #isTerminated = false;
  #hasEnded = false;

  /** @throws Error if threads are not allowed */
  constructor(candidate: ThreadCandidate, data: RingData, observer: ThreadLinkObserver) {
    const { port1, port2 } = new MessageChannel();
    const stats = createSharedStats(data.lanes.length);
    this.#stats = new SharedStats(stats);
    this.#observer = observer;
    this.#port = port1;
    try {
      this.#worker = startThread(candidate, { ...data, isOtelLogQueue: true, version: VERSION, stats, port: port2 });
    } catch (error) {
      port1.close();
      throw error;
    }
    port1.on('message', (message: ThreadMessage) => this.#receive(message));
    // A listener references it again.
    port1.unref();
    this.#worker.on('error', (error) => this.#onError(error instanceof Error ? error.message : String(error)));
    this.#worker.on('exit', () => this.#onExit());
  }

  get figures(): ThreadFigures {
    return this.#stats.read();
  }

  get isReady(): boolean {
    return this.#stats.isReady;
  }

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

  isInsideExport(): boolean {
    return false;
  }

  onBeforeExit(): Promise<void> {
    return Promise.resolve();
  }

  commandExit(target: number, timeoutMillis: number): number {
    return this.#send('exit', target, timeoutMillis);
  }

  waitForExit(id: number, quietMillis: number, deadline: number): void {
    this.#stats.waitForFinish(id, quietMillis, deadline);
    this.#receiveNow();
  }

  async end(): Promise<void> {
    this.#isEnding = this.#isTerminated = true;
    if (!this.#hasEnded) {
      await this.#worker.terminate();
    }
    this.#receiveNow();
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
      case 'export-failed':
        this.#observer.exports?.onExportFailed(message.lane, message.errorType, message.count);
        break;
      case 'operation':
        this.#observer.exports?.onOperation(message.lane, message.operation);
        break;
    }
  }

  #onError(message: string): void {
    this.#lastError = message;
    if (this.isReady) {
      diag.error(`otel-log-queue: the worker thread failed: ${message}`);
    }
  }

  #onExit(): void {
    this.#hasEnded = true;
    this.#receiveNow();
    // Who waits goes on after this: then the next one is there already.
    for (const resolve of this.#pending.values()) {
      resolve(undefined);
    }
    if (this.#isTerminated) {
      return;
    }
    if (!this.isReady) {
      this.#port.close();
      this.#observer.onStartFailed(this, this.#lastError);
    } else if (!this.#isEnding) {
      this.#port.close();
      this.#observer.onDeath(this);
    }
  }

  /** Reads what the thread has sent while the main thread was blocked, or before it ended. */
  #receiveNow(): void {
    for (;;) {
      const received = receiveMessageOnPort(this.#port) as { message: ThreadMessage } | undefined;
      if (received === undefined) {
        return;
      }
      this.#receive(received.message);
    }
  }
}
