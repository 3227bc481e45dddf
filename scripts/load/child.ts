import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';

/** A run that cannot be counted: a process crashed or did not end in time. */
export class RunFailure extends Error {
  override readonly name = 'RunFailure';
}

export interface ChildOptions {
  readonly pipeStdout: boolean;
  readonly onStdout?: (chunk: Buffer) => void;
}

/** One process of the load test, its messages, and its end. */
export class Child<Reply extends { readonly type: string }> {
  readonly #process: ChildProcess;
  readonly #name: string;
  readonly #replies: Reply[] = [];
  #wake: () => void = () => undefined;
  #hasEnded = false;

  constructor(name: string, script: string, options: ChildOptions) {
    this.#name = name;
    this.#process = fork(script, {
      // Not ts-node: the children are compiled already.
      execArgv: [],
      env: environmentOfChildren(),
      stdio: ['ignore', options.pipeStdout ? 'pipe' : 'ignore', 'inherit', 'ipc'],
    });
    this.#process.stdout?.on('data', options.onStdout ?? (() => undefined));
    this.#process.on('message', (reply) => {
      this.#replies.push(reply as Reply);
      this.#wake();
    });
    // `close` and not `exit`: then standard output has been read to its end.
    this.#process.on('close', () => {
      this.#hasEnded = true;
      this.#wake();
    });
    this.#process.on('error', () => this.#wake());
  }

  get stdout(): Readable | null {
    return this.#process.stdout;
  }

  send(message: object): void {
    this.#process.send(message, () => undefined);
  }

  /**
   * The next message.
   * @throws RunFailure if the process ends without one, or if none comes in time
   */
  async next(timeoutMillis: number): Promise<Reply> {
    const deadline = performance.now() + timeoutMillis;
    for (;;) {
      const reply = this.#replies.shift();
      if (reply !== undefined) {
        return reply;
      }
      if (this.#hasEnded) {
        throw new RunFailure(`the ${this.#name} process ended too early (${this.#process.signalCode ?? `exit code ${this.#process.exitCode}`})`);
      }
      if (performance.now() >= deadline) {
        this.kill();
        throw new RunFailure(`the ${this.#name} process did not answer within ${Math.round(timeoutMillis / 1000)} s and was ended`);
      }
      await this.#turn(deadline - performance.now());
    }
  }

  /** Waits for the end of the process. */
  async ended(timeoutMillis: number): Promise<void> {
    if (!this.#hasEnded) {
      const timer = setTimeout(() => this.kill(), timeoutMillis);
      await once(this.#process, 'close');
      clearTimeout(timer);
    }
  }

  kill(): void {
    this.#process.kill('SIGKILL');
  }

  #turn(timeoutMillis: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeoutMillis);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** Settings and credentials of some other OpenTelemetry set-up would change what is measured. */
function environmentOfChildren(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('OTEL_')));
}
