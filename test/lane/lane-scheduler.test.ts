import fc from 'fast-check';
import { ExportScope } from '../../src/lane/export-scope';
import type { LaneFlushResult } from '../../src/lane/flush-waiters';
import { Lane } from '../../src/lane/lane';
import { resolveLaneOptions, type LaneOptions } from '../../src/lane/lane-options';
import { totalOf } from '../support/conservation';
import { makeRecord, range } from '../support/records';
import { ScriptedExporter } from '../support/scripted-exporter';

type Step =
  | { kind: 'emit'; count: number }
  | { kind: 'flush' }
  | { kind: 'answer'; how: 'succeed' | 'fail' | 'refuse' }
  | { kind: 'turn' }
  | { kind: 'shutdown' };

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('emit' as const), count: fc.integer({ min: 1, max: 5 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('flush' as const) }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('answer' as const), how: fc.constantFrom('succeed', 'succeed', 'fail', 'refuse') }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('turn' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('shutdown' as const) }) },
);

const optionSets: LaneOptions[] = [
  { maxQueueSize: 5, maxExportBatchSize: 2 },
  { maxQueueSize: 3, maxExportBatchSize: 3, onQueueFull: 'drop-oldest' },
  { maxQueueSize: 100, maxExportBatchSize: 1, retry: false },
];

/** A lane driven step by step, beside what must be true of it at every moment. */
class Scenario {
  readonly exporter = new ScriptedExporter();
  readonly lane: Lane;
  readonly flushes: { until: number; result: LaneFlushResult | undefined }[] = [];
  shutdown: Promise<void> | undefined;
  #emitted = 0;

  constructor(
    options: LaneOptions,
    readonly maxQueueSize: number,
  ) {
    const noop = (): void => undefined;
    const resolved = resolveLaneOptions('', { scheduledDelayMillis: 1, retry: { initialDelayMillis: 1, maxDelayMillis: 1 }, ...options });
    this.lane = new Lane('test', this.exporter, resolved, new ExportScope(), { onLoss: noop, onFailing: noop, onRecovered: noop, onRoom: noop, onStateChange: noop }, 'owner');
  }

  async apply(step: Step): Promise<void> {
    switch (step.kind) {
      case 'emit':
        if (this.shutdown === undefined) {
          range(this.#emitted, (this.#emitted += step.count)).forEach((seq) => {
            this.lane.offer(makeRecord(seq), 9, 0);
            this.check();
          });
        }
        break;
      case 'flush': {
        const flush: { until: number; result: LaneFlushResult | undefined } = { until: this.#emitted, result: undefined };
        this.flushes.push(flush);
        void this.lane.flush(100_000).then((result) => {
          flush.result = result;
          this.#checkFlush(flush.until, result);
        });
        break;
      }
      case 'answer': {
        const call = this.exporter.calls.find((each) => !each.isAnswered);
        if (step.how === 'succeed') {
          call?.succeed();
        } else {
          call?.fail(step.how === 'refuse' ? 400 : undefined);
        }
        break;
      }
      case 'turn':
        await new Promise((resolve) => setTimeout(resolve, 1));
        break;
      case 'shutdown':
        this.shutdown ??= this.lane.shutdown(100_000);
        break;
    }
    this.check();
  }

  check(): void {
    const stats = this.lane.stats();
    expect(stats.offered).toBe(stats.delivered + stats.queued + stats.inFlight + totalOf(stats.dropped));
    expect(stats.queued + stats.inFlight).toBeLessThanOrEqual(this.maxQueueSize);
    expect(this.exporter.maxInFlight).toBeLessThanOrEqual(1);
  }

  /** No flush ends well before every record that came before it is settled. */
  #checkFlush(until: number, result: LaneFlushResult): void {
    const inFlight = this.exporter.calls.filter((call) => !call.isAnswered).flatMap((call) => call.seqs);
    if (result.remaining === 0) {
      expect(inFlight.filter((seq) => seq < until)).toEqual([]);
    }
  }

  firstAttempts(): number[] {
    const seen = new Set<number>();
    return this.exporter.calls.flatMap((call) => call.seqs).filter((seq) => !seen.has(seq) && seen.add(seq));
  }
}

describe('Lane, whatever happens in whatever order', () => {
  it.each(optionSets)('conserves records, keeps their order, flushes honestly and exports one batch at a time: %j', async (options) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const scenario = new Scenario(options, options.maxQueueSize as number);
        for (const each of steps) {
          await scenario.apply(each);
        }
        const shutdown = (scenario.shutdown ??= scenario.lane.shutdown(100_000));
        let isDown = false;
        void shutdown.then(() => (isDown = true));
        while (!isDown) {
          await scenario.apply({ kind: 'answer', how: 'succeed' });
          await scenario.apply({ kind: 'turn' });
        }
        const stats = scenario.lane.stats();
        expect(stats).toMatchObject({ queued: 0, inFlight: 0, state: 'shutdown' });
        const firstAttempts = scenario.firstAttempts();
        expect(firstAttempts).toEqual([...firstAttempts].sort((a, b) => a - b));
        expect(new Set(scenario.exporter.delivered).size).toBe(scenario.exporter.delivered.length);
        expect(stats.delivered).toBe(scenario.exporter.delivered.length);
        expect(scenario.flushes.filter(({ result }) => result === undefined)).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });
});
