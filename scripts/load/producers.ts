import { setImmediate as nextTurn } from 'node:timers/promises';
import { LatencyHistogram } from './latency-histogram';

export interface Schedule {
  readonly concurrency: number;
  readonly recordsPerTask: number;
  /** Records per second of each task. */
  readonly rate: number;
}

/** So many records at most in one turn: in a real service, work that has piled up comes in several turns too. */
const MAX_RECORDS_PER_TURN = 1000;

/** Emits records and measures the calls. */
export class Producers {
  /** The producer's call alone, the wait for room included. */
  readonly calls = new LatencyHistogram();
  /** From the time the record was due to the end of the call. */
  readonly fromDue = new LatencyHistogram();
  #attempted = 0;
  readonly #emit: (sequence: number) => void;
  readonly #ready: (() => Promise<void>) | undefined;

  /** @param ready awaited before each emit; undefined: producers never wait */
  constructor(emit: (sequence: number) => void, ready: (() => Promise<void>) | undefined) {
    this.#emit = emit;
    this.#ready = ready;
  }

  get attempted(): number {
    return this.#attempted;
  }

  /** One loop, as synchronous as the wait for room lets it be. */
  async burst(count: number): Promise<void> {
    for (let index = 0; index < count; index += 1) {
      const begin = performance.now();
      if (this.#ready !== undefined) {
        await this.#ready();
      }
      this.#emitOne(begin, begin);
    }
  }

  /**
   * Every task's record number k is due at the start plus k / rate; the tasks start evenly spread over the first interval.
   * Settles when all are emitted.
   */
  async paced(schedule: Schedule, independentTasks: boolean): Promise<void> {
    const start = performance.now();
    if (independentTasks) {
      await Promise.all(Array.from({ length: schedule.concurrency }, (_, task) => this.#runTask(schedule, task, start)));
    } else {
      await this.#runAll(schedule, start);
    }
  }

  /** Tasks that never wait for room are together one stream with evenly spaced due times, and one timer serves them all. */
  async #runAll(schedule: Schedule, start: number): Promise<void> {
    const intervalMillis = 1000 / (schedule.rate * schedule.concurrency);
    const total = schedule.concurrency * schedule.recordsPerTask;
    let next = 0;
    while (next < total) {
      const now = performance.now();
      const due = Math.min(total, Math.floor((now - start) / intervalMillis) + 1);
      for (const end = Math.min(due, next + MAX_RECORDS_PER_TURN); next < end; next += 1) {
        this.#emitOne(performance.now(), start + next * intervalMillis);
      }
      if (next < due) {
        await nextTurn();
      } else if (next < total) {
        await sleepUntil(start + next * intervalMillis);
      }
    }
  }

  async #runTask(schedule: Schedule, task: number, start: number): Promise<void> {
    const intervalMillis = 1000 / schedule.rate;
    const first = start + (task * intervalMillis) / schedule.concurrency;
    for (let index = 0; index < schedule.recordsPerTask; index += 1) {
      const due = first + index * intervalMillis;
      if (due > performance.now()) {
        await sleepUntil(due);
      } else if (index % MAX_RECORDS_PER_TURN === MAX_RECORDS_PER_TURN - 1) {
        await nextTurn();
      }
      const begin = performance.now();
      if (this.#ready !== undefined) {
        await this.#ready();
      }
      this.#emitOne(begin, due);
    }
  }

  #emitOne(begin: number, due: number): void {
    this.#emit(this.#attempted);
    this.#attempted += 1;
    const end = performance.now();
    this.calls.record((end - begin) * 1000);
    this.fromDue.record((end - due) * 1000);
  }
}

/** Timers of 1 ms: a spinning loop would be more exact and would burn the core that the measured work needs. */
function sleepUntil(time: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(1, Math.floor(time - performance.now()))));
}
