import { LossReporter, type Loss } from '../src/loss-reporter';
import { LossCounter } from '../src/stats';
import { captureDiag } from './support/capture-diag';

let diagnostics: ReturnType<typeof captureDiag>;

beforeEach(() => {
  diagnostics = captureDiag();
  jest.useFakeTimers();
});

afterEach(() => {
  jest.useRealTimers();
  diagnostics.restore();
});

function makeReporter(onLoss?: (losses: readonly Loss[]) => void, lastFailure?: string) {
  const note = (): void => reporter.note();
  const front = new LossCounter(note);
  const lane = new LossCounter(note);
  const reporter = new LossReporter([{ lane: undefined, losses: front }, { lane: 'otlp', losses: lane, lastFailure }], onLoss);
  return { reporter, front, lane };
}

const turn = (): Promise<void> => jest.advanceTimersByTimeAsync(0);

it('warns of the first loss, then at most every 30 s with the count, then that it is over, and tells the total at the end', async () => {
  const { reporter, front, lane } = makeReporter();
  lane.add('queue_full', 3);
  lane.add('queue_full', 2);
  await turn();
  expect(diagnostics.lines).toEqual(['warn otel-log-queue: losing log records: 5 queue_full in lane otlp']);
  lane.add('queue_full', 10);
  await turn();
  front.add('suppressed', 1);
  await jest.advanceTimersByTimeAsync(29_000);
  expect(diagnostics.lines).toHaveLength(1);
  await jest.advanceTimersByTimeAsync(1000);
  expect(diagnostics.lines[1]).toBe('warn otel-log-queue: losing log records, in the last 30 s: 1 suppressed, 10 queue_full in lane otlp');
  await jest.advanceTimersByTimeAsync(30_000);
  expect(diagnostics.lines[2]).toBe('warn otel-log-queue: no log record lost for 30 s; lost so far: 1 suppressed, 15 queue_full in lane otlp');
  await jest.advanceTimersByTimeAsync(300_000);
  expect(diagnostics.lines).toHaveLength(3);
  lane.add('rejected', 1);
  await turn();
  expect(diagnostics.lines[3]).toBe('warn otel-log-queue: losing log records: 1 rejected in lane otlp');
  reporter.end();
  expect(diagnostics.lines[4]).toBe('warn otel-log-queue: lost in all: 1 suppressed, 15 queue_full in lane otlp, 1 rejected in lane otlp');
  expect(jest.getTimerCount()).toBe(0);
});

it('adds what the backend said', async () => {
  const { lane } = makeReporter(undefined, 'POST http://localhost:4318/v1/logs failed: 401 no token');
  lane.add('export_failed', 1);
  await turn();
  expect(diagnostics.lines[0]).toContain('1 export_failed in lane otlp; last failure of otlp: POST http://localhost:4318/v1/logs failed: 401 no token');
});

it('says nothing where nothing was lost', () => {
  makeReporter().reporter.end();
  expect(diagnostics.lines).toEqual([]);
});

it('tells the callback every loss exactly once, soon after it and never during it', async () => {
  const told: Loss[] = [];
  const { reporter, front, lane } = makeReporter((losses) => void told.push(...losses));
  lane.add('queue_full', 1);
  lane.add('queue_full', 1);
  expect(told).toEqual([]);
  await turn();
  expect(told).toEqual([{ lane: 'otlp', reason: 'queue_full', count: 2 }]);
  front.add('invalid', 1);
  lane.add('queue_full', 5);
  reporter.end();
  expect(told.slice(1)).toEqual([{ lane: undefined, reason: 'invalid', count: 1 }, { lane: 'otlp', reason: 'queue_full', count: 5 }]);
});

it('survives a callback that throws', async () => {
  const { lane } = makeReporter(() => {
    throw new Error('callback');
  });
  lane.add('queue_full', 1);
  await turn();
  lane.add('queue_full', 1);
  await turn();
  expect(diagnostics.lines.filter((line) => line.includes('onLoss threw'))).toHaveLength(2);
});

it('does not run for ever when the callback itself causes losses: they wait for the next one', async () => {
  let calls = 0;
  let counted = 0;
  const { front } = makeReporter((losses) => {
    calls++;
    counted += losses.reduce((sum, { count }) => sum + count, 0);
    front.add('suppressed', 1);
  });
  front.add('invalid', 1);
  await jest.advanceTimersByTimeAsync(1000);
  expect({ calls, counted }).toEqual({ calls: 1, counted: 1 });
  front.add('invalid', 1);
  await turn();
  expect({ calls, counted }).toEqual({ calls: 2, counted: 3 });
});
