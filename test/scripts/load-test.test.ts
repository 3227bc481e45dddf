import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { LoadResult, RunResult } from '../../scripts/load/run-result';

const ROOT = join(__dirname, '..', '..');
const FOUR_LINES = /^Total logs attempted: ([\d,]+)\nSuccessfully enqueued: ([\d,]+)\nDropped: ([\d,]+)\nAvg enqueue latency: [\d,]+ µs\n/;
const SMALL = ['--rate', '200', '--concurrency', '2', '--duration', '1'];
const QUEUE_FULL = 'queue_full';

jest.setTimeout(90_000);

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The temporary folder of all processes of these tests. */
const folder = mkdtempSync(join(tmpdir(), 'load-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What the script has left. (ts-node keeps a cache there.) */
const leftovers = (): string[] => readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.startsWith('otel-log-queue'));

function startScript(script: string, args: readonly string[], environment: Record<string, string> = {}): ChildProcessByStdio<null, Readable, Readable> {
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(LOAD_TEST|NODE_OPTIONS|NODE_ENV|JEST)/.test(name)));
  return spawn(process.execPath, ['-r', 'ts-node/register/transpile-only', join('scripts', script), ...args], {
    cwd: ROOT,
    env: { ...inherited, TMPDIR: folder, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function outcomeOf(child: ChildProcessByStdio<null, Readable, Readable>): Promise<Outcome> {
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  // Every process of the load shares these pipes: they close when the last of them has ended.
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

const load = (args: readonly string[], environment: Record<string, string> = {}): Promise<Outcome> => outcomeOf(startScript('load-test.ts', args, environment));

async function loadAsJson(args: readonly string[], environment: Record<string, string> = {}): Promise<Outcome & { readonly runs: readonly RunResult[] }> {
  const json = join(folder, 'result.json');
  const outcome = await load([...args, '--json', json], environment);
  if (!existsSync(json)) {
    throw new Error(`no result, exit code ${outcome.code}: ${outcome.stderr}`);
  }
  const result = JSON.parse(readFileSync(json, 'utf8')) as LoadResult;
  rmSync(json);
  const number = expect.any(Number) as number;
  const latency = { mean: number, p50: number, p90: number, p99: number, p999: number, max: number };
  const counts = { attempted: number, enqueued: number, dropped: number, delivered: number, received: number, duplicates: number, outOfOrder: number };
  const options = ['burst', 'concurrency', 'duration', 'exporter', 'latency', 'maxsize', 'outage', 'rate', 'spool', 'strategy', 'worker'];
  expect(result).toEqual({ machine: { node: process.version, cpu: expect.any(String) as string, cores: number }, runs: expect.any(Array) as RunResult[] });
  for (const run of result.runs) {
    expect(Object.keys(run.options).sort()).toEqual(options);
    expect(run).toEqual({
      name: expect.stringMatching(/^(queue|stock|noop)$/) as string,
      ...counts,
      ...{ options: run.options, droppedByReason: expect.any(Object) as object, latencyMicros: latency, emitMicros: latency },
      eventLoopDelayMillis: { p50: number, p99: number, max: number },
      cpuMicrosPerRecord: { mainThread: typeof Reflect.get(process, 'threadCpuUsage') === 'function' ? number : null, process: number },
      ...{ peakRssBytes: number, seconds: number, conserved: expect.any(Boolean) as boolean },
    });
  }
  return { ...outcome, runs: result.runs };
}

/** A module that every process of the load loads first. */
function preload(code: string): Record<string, string> {
  const path = join(folder, 'preload.cjs');
  writeFileSync(path, code);
  return { NODE_OPTIONS: `--require ${path}` };
}

const sum = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((total, count) => total + count, 0);

describe('npm run load', () => {
  // Without --worker the thread.
  it.each([
    ['null', 'drop', undefined],
    ['otlp', 'block', undefined],
    ['loki', 'sample', undefined],
    ['stdout', 'drop-oldest', undefined],
    ['file', 'priority', undefined],
    ['null', 'drop', 'event-loop'],
    ['otlp', 'block', 'event-loop'],
    ['loki', 'sample', 'event-loop'],
    ['stdout', 'drop-oldest', 'event-loop'],
    ['file', 'priority', 'event-loop'],
  ])('delivers every record of a small load: exporter %s, strategy %s, worker %s', async (exporter, strategy, worker) => {
    const { code, stdout, stderr, runs } = await loadAsJson([...SMALL, '--exporter', exporter, '--strategy', strategy, '--latency', '5', ...(worker === undefined ? [] : ['--worker', worker])]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(FOUR_LINES.exec(stdout)?.slice(1)).toEqual(['400', '400', '0']);
    expect(stdout).not.toContain('LOST');
    expect(runs).toHaveLength(1);
    expect(runs[0]).toMatchObject({
      ...{ name: 'queue', attempted: 400, enqueued: 400, dropped: 0, droppedByReason: {}, delivered: 400, received: 400, duplicates: 0, outOfOrder: 0 },
      ...{ conserved: true, options: { concurrency: 2, rate: 200, duration: 1, burst: null, strategy, exporter, latency: 5, maxsize: null, worker: worker ?? 'thread' } },
    });
    // 199 intervals of 5 ms lie between the first record of the second task and its last.
    expect(runs[0]!.seconds).toBeGreaterThan(0.99);
    expect(leftovers()).toEqual([]);
  });

  it.each([
    ['drop', { [QUEUE_FULL]: 4900 }],
    ['drop-oldest', { [QUEUE_FULL]: 4900 }],
    ['sample', { [QUEUE_FULL]: expect.any(Number) as number, sampled: expect.any(Number) as number }],
    ['priority', { [QUEUE_FULL]: 4920 }],
    ['block', {}],
  ])('says what a burst costs with strategy %s on the event loop', async (strategy, reasons) => {
    const { code, stdout, stderr, runs } = await loadAsJson(['--burst', '5000', '--maxsize', '100', '--strategy', strategy, '--worker', 'event-loop']);
    const run = runs[0]!;
    expect(code).toBe(0);
    expect(run.droppedByReason).toEqual(reasons);
    expect(run).toMatchObject({ attempted: 5000, dropped: sum(run.droppedByReason), enqueued: 5000 - run.dropped, delivered: run.enqueued, received: run.enqueued, conserved: true });
    const lines = FOUR_LINES.exec(stdout)!.slice(1).map((text) => Number(text.replace(',', '')));
    expect(lines).toEqual([5000, run.enqueued, run.dropped]);
    expect(stdout.includes('LOST')).toBe(run.dropped > 0);
    expect(stderr.includes(QUEUE_FULL)).toBe(run.dropped > 0);
  });

  it('compares with the stock and a no-op processor in interleaved runs, a column for each', async () => {
    const { code, stdout, runs } = await loadAsJson(['--burst=5000', '--compare', '--repeat=2', '--worker=event-loop']);
    expect(code).toBe(0);
    expect(runs.map((run) => run.name)).toEqual(['queue', 'stock', 'noop', 'queue', 'stock', 'noop']);
    for (const run of runs) {
      const received = { queue: 2048, stock: 2560, noop: 0 }[run.name];
      expect(run).toMatchObject({ attempted: 5000, received, delivered: received, dropped: run.name === 'noop' ? 0 : 5000 - received, duplicates: 0, conserved: true });
    }
    expect(FOUR_LINES.exec(stdout)?.slice(1)).toEqual(['10,000', '4,096', '5,904']);
    expect(stdout).toMatch(/^ +queue +stock +no-op +queue\/stock +queue\/no-op$/m);
    expect(stdout).toMatch(/^received +4,096 +5,120 +- +0\.80x$/m);
    expect(stdout).toMatch(/^emit mean( +[\d.,]+ µs){3}( +[\d.]+x){2}$/m);
    expect(stdout).toMatch(/^ {2}above no-op, process /m);
  });

  it('delivers a burst whole with a thread, where the stock processor keeps 2,560', async () => {
    const { code, stdout, runs } = await loadAsJson(['--burst=20000', '--compare']);
    expect(code).toBe(0);
    expect(runs.map(({ name, received, options: { worker } }) => [name, received, worker])).toEqual([['queue', 20_000, 'thread'], ['stock', 2560, null], ['noop', 0, null]]);
    expect(runs[0]).toMatchObject({ dropped: 0, duplicates: 0, outOfOrder: 0, conserved: true });
    expect(stdout).toContain('worker thread');
  });

  it('reads its options from the environment, and shows nothing of an OpenTelemetry set-up it finds there', async () => {
    const secret = 'hunter2-hunter2';
    const { code, stdout, stderr, runs } = await loadAsJson([], {
      ...{ LOAD_TEST_RATE: '100', LOAD_TEST_CONCURRENCY: '3', LOAD_TEST_DURATION: '0.5', LOAD_TEST_MAXSIZE: '50', LOAD_TEST_WORKER: 'event-loop' },
      ...{ OTEL_EXPORTER_OTLP_HEADERS: `authorization=${secret}`, OTEL_EXPORTER_OTLP_ENDPOINT: `http://${secret}@127.0.0.1:1`, OTEL_BLRP_MAX_QUEUE_SIZE: '1' },
    });
    expect(code).toBe(0);
    expect(runs[0]).toMatchObject({ attempted: 150, received: 150, options: { rate: 100, concurrency: 3, duration: 0.5, maxsize: 50, worker: 'event-loop' } });
    expect(`${stdout}${stderr}`).not.toContain(secret);
  });

  it.each([
    [['--rate', '0'], {}, 'load-test: --rate must be an integer from 1 to 1000000, received "0"\n'],
    [[], { LOAD_TEST_STRATEGY: 'newest' }, 'load-test: LOAD_TEST_STRATEGY must be one of drop, drop-oldest, sample, priority, block, received "newest"\n'],
    [['--worker', 'no-such-worker'], {}, /^load-test: .*worker.*'event-loop'.*"no-such-worker"\n$/],
  ])('ends with code 2 and one line for a wrong value: %j %j', async (args, environment, message) => {
    const outcome = await load(args, environment);
    expect(outcome).toEqual({ code: 2, stdout: '', stderr: typeof message === 'string' ? message : (expect.stringMatching(message) as string) });
  });

  it.each(['true', 'false'])('takes the receiver away in the middle of a run, with a spool: %s', async (spool) => {
    const { code, stdout, runs } = await loadAsJson(['--rate', '200', '--concurrency', '2', '--duration', '2.5', '--outage', '0.5:1.5', `--spool=${spool}`]);
    expect(code).toBe(0);
    expect(runs[0]).toMatchObject({ attempted: 1000, delivered: 1000, received: 1000, dropped: 0, conserved: true, options: { outage: '0.5:1.5', spool: Number(spool === 'true') } });
    // What was due during the outage could only arrive behind it.
    expect(runs[0]!.seconds).toBeGreaterThan(1.5);
    expect(stdout).toContain('down from 0.5 s to 1.5 s');
    expect(leftovers()).toEqual([]);
  });

  it('explains every option', async () => {
    const { code, stdout } = await load(['--help']);
    expect(code).toBe(0);
    for (const option of ['concurrency', 'rate', 'duration', 'strategy', 'maxsize', 'worker', 'exporter', 'latency', 'burst', 'outage', 'spool', 'compare', 'repeat', 'json', 'help']) {
      expect(stdout).toMatch(new RegExp(`^ {2}--${option} `, 'm'));
    }
  });

  it('fails when records were acknowledged that did not arrive', async () => {
    const liar = preload(`if (/receiver-process/.test(process.argv[1])) {
      const http = require('node:http');
      const createServer = http.createServer;
      http.createServer = (options) => createServer(options, (request, response) => { request.resume(); request.on('end', () => response.end()); });
    }`);
    const { code, stdout, runs } = await loadAsJson(SMALL, liar);
    expect(code).toBe(1);
    expect(runs[0]).toMatchObject({ attempted: 400, delivered: 400, received: 0, conserved: false });
    expect(stdout).toContain('NOT BALANCED');
  });

  it('fails when a run crashes, and says which', async () => {
    const outcome = await load(SMALL, preload(`if (/run-process/.test(process.argv[1])) process.exit(7);`));
    expect(outcome).toEqual({ code: 1, stdout: '', stderr: 'load-test: the queue process ended too early (exit code 7)\n' });
    expect(leftovers()).toEqual([]);
  });

  it('leaves neither process nor file behind when it is interrupted', async () => {
    const child = startScript('load-test.ts', ['--duration', '600', '--exporter', 'file']);
    const outcome = outcomeOf(child);
    while (!leftovers().some((name) => name.endsWith('load.log')) && child.exitCode === null) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    child.kill('SIGINT');
    expect(await outcome).toEqual({ code: 130, stdout: '', stderr: '' });
    expect(leftovers()).toEqual([]);
  });
});
