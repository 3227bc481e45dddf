import { createReadStream, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { recordCount, recordsPerTask, type LoadArguments } from './arguments';
import { PACKAGE_PATH } from './build';
import { Child, RunFailure } from './child';
import type { ReceiverCommand, ReceiverReply } from './receiver-process';
import type { RunOptions, RunReply, SubjectName } from './run-process';
import { runResult, type RunResult } from './run-result';
import { SequenceCounter, type ReceivedCounts } from './sequence-counter';
import { LineCounter } from './text-scan';

const START_MILLIS = 30_000;
const END_MILLIS = 10_000;
const COUNT_MILLIS = 60_000;

/** The processor does not take the options it was given. */
export class RefusedOptions extends Error {
  override readonly name = 'RefusedOptions';
}

/** The processes of one load test. Whatever happens, `close` ends them and deletes what they left. */
export class LoadRuns {
  readonly #load: LoadArguments;
  readonly #folder: string;
  readonly #children = new Set<Child<never>>();
  readonly #outputs = new Set<string>();
  #receiver: Child<ReceiverReply> | undefined;
  #port = 0;

  /** @param folder where the compiled scripts are; deleted by `close` */
  constructor(load: LoadArguments, folder: string) {
    this.#load = load;
    this.#folder = folder;
  }

  async start(): Promise<void> {
    this.#receiver = this.#spawn<ReceiverReply>('receiver', 'receiver-process.js', undefined);
    const reply = await this.#receiver.next(START_MILLIS);
    if (reply.type === 'listening') {
      this.#port = reply.port;
    }
  }

  /** @throws RunFailure or RefusedOptions */
  async run(name: SubjectName): Promise<RunResult> {
    const total = recordCount(this.#load);
    const output = mkdtempSync(join(tmpdir(), 'otel-log-queue-load-'));
    this.#outputs.add(output);
    await this.#tellReceiver({ type: 'begin', total, latencyMillis: this.#load.latencyMillis });

    const lines = new SequenceCounter(total);
    const lineCounter = new LineCounter(lines);
    const child = this.#spawn<RunReply>(name, 'run-process.js', name === 'queue' && this.#load.exporter === 'stdout' ? lineCounter : undefined);
    child.send(this.#runOptions(name, total, output));
    const reply = await child.next(this.#limitMillis());
    await child.ended(END_MILLIS);
    this.#children.delete(child as Child<never>);
    if (reply.type === 'refused') {
      throw new RefusedOptions(reply.message);
    }
    const counts = await this.#received(name, output, lines, lineCounter);
    rmSync(output, { recursive: true, force: true });
    this.#outputs.delete(output);
    return runResult(name, this.#load, reply.report, counts);
  }

  close(): void {
    for (const child of this.#children) {
      child.kill();
    }
    for (const folder of [...this.#outputs, this.#folder]) {
      // Again where a process that is just ending still writes.
      rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
    }
  }

  async #received(name: SubjectName, output: string, lines: SequenceCounter, lineCounter: LineCounter): Promise<ReceivedCounts | undefined> {
    const exporter = name === 'stock' && this.#load.exporter !== 'null' ? 'otlp' : this.#load.exporter;
    if (name === 'noop' || exporter === 'null') {
      return undefined;
    }
    if (exporter === 'otlp' || exporter === 'loki') {
      const reply = await this.#tellReceiver({ type: 'end' });
      return reply.type === 'counts' ? reply.counts : undefined;
    }
    if (exporter === 'file') {
      for (const file of readdirSync(output).filter((each) => each.startsWith('load.log')).sort()) {
        for await (const chunk of createReadStream(join(output, file))) {
          lineCounter.push(chunk as Buffer);
        }
      }
    }
    lineCounter.end();
    // Read after the run: when a line was written is not known, so the end of the flush stands for it.
    return exporter === 'file' ? { ...lines.counts(), lastMillis: 0 } : lines.counts();
  }

  #runOptions(name: SubjectName, total: number, output: string): RunOptions {
    const { strategy, maxsize, worker, exporter, latencyMillis, burst, outage, concurrency, rate } = this.#load;
    const base = `http://127.0.0.1:${this.#port}`;
    return {
      ...{ name, strategy, maxsize, worker, exporter, latencyMillis, burst, outage, concurrency, rate, total },
      filePath: join(output, 'load.log'),
      spoolPath: this.#load.spool ? join(output, 'spool') : undefined,
      recordsPerTask: recordsPerTask(this.#load),
      packagePath: PACKAGE_PATH,
      otlpUrl: `${base}/v1/logs`,
      lokiUrl: base,
    };
  }

  /** Twice its length and two minutes: for the slowest start, the warm-up, and a final flush that takes all its time. */
  #limitMillis(): number {
    return 120_000 + 2000 * Math.max(this.#load.burst === undefined ? this.#load.durationSeconds : 0, this.#load.outage?.toSeconds ?? 0);
  }

  async #tellReceiver(command: ReceiverCommand): Promise<ReceiverReply> {
    if (this.#receiver === undefined) {
      throw new RunFailure('there is no receiver');
    }
    this.#receiver.send(command);
    return this.#receiver.next(COUNT_MILLIS);
  }

  #spawn<Reply extends { readonly type: string }>(name: string, script: string, stdout: LineCounter | undefined): Child<Reply> {
    const child = new Child<Reply>(name, join(this.#folder, script), {
      pipeStdout: stdout !== undefined,
      onStdout: (chunk) => stdout?.push(chunk),
    });
    this.#children.add(child as Child<never>);
    return child;
  }
}
