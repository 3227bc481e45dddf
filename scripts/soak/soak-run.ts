import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { QueueStats } from '../../src/stats';
import { PACKAGE_PATH } from '../load/build';
import { median } from '../load/median-run';
import type { AppOptions, AppReply } from './app-process';
import { FaultyReceiver } from './faulty-receiver';
import { poisonBelow } from './poison';
import { Random } from './random';

export interface SoakResult {
  readonly worker: string;
  readonly emitted: number;
  /** By lane: different records the receiver has taken, and those it was sent again. */
  readonly taken: Readonly<Record<string, number>>;
  readonly duplicates: Readonly<Record<string, number>>;
  readonly phases: Readonly<Record<string, number>>;
  /** Median of the second half of the run over that of the first, the start left out. */
  readonly rssGrowth: number;
  readonly rssMebibytes: number;
  /** What went wrong; empty if all is well. */
  readonly problems: readonly string[];
}

const MAX_RSS_GROWTH = 1.1;
/** Of the samples: code is compiled and pools fill. */
const START_PART = 0.25;
const END_MILLIS = 90_000;

/** One application with this worker under random faults for the given time. */
export async function soak(worker: AppOptions['worker'], seed: number, durationMillis: number): Promise<SoakResult> {
  const receivers = { otlp: new FaultyReceiver(new Random(seed + 1)), loki: new FaultyReceiver(new Random(seed + 2)) };
  await Promise.all(Object.values(receivers).map((receiver) => receiver.listen()));
  const spoolPath = mkdtempSync(join(tmpdir(), 'otel-log-queue-soak-'));
  const child = fork(join(__dirname, 'app-process.ts'), { execArgv: ['-r', 'ts-node/register/transpile-only'] });
  try {
    const rss: number[] = [];
    let report: Extract<AppReply, { type: 'report' }> | undefined;
    child.on('message', (message) => {
      const reply = message as AppReply;
      if (reply.type === 'rss') {
        rss.push(reply.bytes);
      } else {
        report = reply;
      }
    });
    const url = (receiver: FaultyReceiver): string => `http://127.0.0.1:${receiver.port}`;
    const options: AppOptions = { worker, seed, packagePath: PACKAGE_PATH, otlpUrl: `${url(receivers.otlp)}/v1/logs`, lokiUrl: url(receivers.loki), spoolPath };
    child.send(options);
    Object.values(receivers).forEach((receiver) => receiver.begin());
    await Promise.race([sleep(durationMillis), once(child, 'exit')]);
    Object.values(receivers).forEach((receiver) => receiver.heal());
    if (child.connected) {
      child.send({ type: 'stop' });
    }
    const hasEnded = await endOf(child);
    const problems = hasEnded ? [] : [`the process had not ended ${END_MILLIS / 1000} s after the last record`];
    if (report === undefined) {
      problems.push('the process gave no report');
    } else {
      problems.push(...problemsOf(report.stats, receivers), ...report.resources.map((each) => `left open after shutdown: ${each}`));
    }
    const left = readdirSync(spoolPath, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile() && entry.name.endsWith('.jsonl'));
    problems.push(...left.map((entry) => `left in the spool: ${entry.name}`));
    const steady = rss.slice(Math.floor(rss.length * START_PART));
    const half = steady.length >> 1;
    const rssGrowth = median(steady.slice(half)) / median(steady.slice(0, half));
    if (!(rssGrowth <= MAX_RSS_GROWTH)) {
      problems.push(`RSS has grown by ${((rssGrowth - 1) * 100).toFixed(1)} % from the first half to the second`);
    }
    const phases: Record<string, number> = {};
    for (const receiver of Object.values(receivers)) {
      for (const [fault, count] of Object.entries(receiver.phases)) {
        phases[fault] = (phases[fault] ?? 0) + count;
      }
    }
    return {
      worker,
      emitted: report?.stats.emitted ?? 0,
      taken: { otlp: receivers.otlp.taken.size, loki: receivers.loki.taken.size },
      duplicates: { otlp: receivers.otlp.duplicates, loki: receivers.loki.duplicates },
      phases,
      rssGrowth,
      rssMebibytes: median(steady) / 1024 / 1024,
      problems,
    };
  } finally {
    child.kill('SIGKILL');
    Object.values(receivers).forEach((receiver) => receiver.close());
    rmSync(spoolPath, { recursive: true, force: true });
  }
}

/** @returns whether it ended by itself */
async function endOf(child: ChildProcess): Promise<boolean> {
  const limit = setTimeout(() => child.kill('SIGKILL'), END_MILLIS);
  if (child.exitCode === null && child.signalCode === null) {
    await once(child, 'exit');
  }
  clearTimeout(limit);
  return child.exitCode === 0;
}

/** Conservation by the counters, and by what each receiver has. */
function problemsOf(stats: QueueStats, receivers: Readonly<Record<string, FaultyReceiver>>): string[] {
  const problems: string[] = [];
  const expect = (what: string, actual: number, wanted: number): void => {
    if (actual !== wanted) {
      problems.push(`${what}: ${actual} instead of ${wanted}`);
    }
  };
  expect('accepted + dropped', stats.accepted + sum(stats.dropped), stats.emitted);
  // What the ring of a thread had no room for is lost in front, and no lane has seen it.
  const inFront = sum(stats.dropped);
  for (const [name, receiver] of Object.entries(receivers)) {
    const lane = stats.lanes[name];
    if (lane === undefined) {
      problems.push(`there is no lane ${name}`);
      continue;
    }
    expect(`${name}: offered`, lane.offered, stats.emitted - inFront);
    expect(`${name}: delivered + lost`, lane.delivered + sum(lane.dropped), lane.offered);
    expect(`${name}: delivered by its receiver's count`, lane.delivered, receiver.taken.size);
    expect(`${name}: rejected`, lane.dropped.rejected ?? 0, inFront === 0 ? poisonBelow(stats.emitted) : (lane.dropped.rejected ?? 0));
    expect(`${name}: lost for other reasons`, sum(lane.dropped) - (lane.dropped.rejected ?? 0), 0);
    expect(`${name}: unreadable requests`, receiver.unreadable, 0);
  }
  return problems;
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}
