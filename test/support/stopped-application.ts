import { spawn, type ChildProcess } from 'node:child_process';
import type { QueueStats } from '../../src/stats';
import { totalOf } from './conservation';
import type { FaultServer } from './fault-server';
import { runLoad } from './load-client';
import { decodeLogsRequest, plainAttributes, plainValue, type DecodedLogRecord } from './otlp-decode';
import { until } from './until';

export interface StoppedApplication {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
  /** As `tell-stats` told them at the end. */
  readonly stats: QueueStats;
  /** The numbers of the requests that were answered. */
  readonly answered: readonly number[];
}

export interface Stop {
  readonly cwd: string;
  /** Arguments of Node. */
  readonly argv: readonly string[];
  readonly receiver: FaultServer;
  readonly requests: number;
  /** SIGTERM comes after so many answers. */
  readonly stopAfter: number;
  readonly keepAlive: boolean;
}

/** Code that an application loads in front of its own: it tells `stats()` when the processor has been shut down. */
export function tellStats(importPackage: string): string {
  return `${importPackage}
const { shutdown } = QueueLogRecordProcessor.prototype;
let isTold = false;
QueueLogRecordProcessor.prototype.shutdown = async function (options) {
  try {
    await shutdown.call(this, options);
  } finally {
    if (!isTold) {
      isTold = true;
      fs.writeSync(1, 'stats ' + JSON.stringify(this.stats()) + '\\n');
    }
  }
};
`;
}

/** Starts an application that says `listening on <url>`, puts it under load, and stops it in the middle. */
export async function stopUnderLoad({ cwd, argv, receiver, requests, stopAfter, keepAlive }: Stop): Promise<StoppedApplication> {
  const child: ChildProcess = spawn(process.execPath, argv, { cwd, env: { ...process.env, PORT: '0', OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url }, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = new Promise<[number | null, NodeJS.Signals | null]>((resolve) => child.on('close', (code, signal) => resolve([code, signal])));
  try {
    await until(() => stdout.includes('listening on ') || child.exitCode !== null);
    const [, url] = /listening on (\S+)/.exec(stdout) ?? [];
    if (url === undefined) {
      throw new Error(`the application did not start: ${stdout}${stderr}`);
    }
    const answered = await runLoad(url, { requests, concurrency: 20, keepAlive, onAnswer: (count) => count === stopAfter && child.kill('SIGTERM') });
    const [code, signal] = await ended;
    const [, stats = '{}'] = /^stats (.*)$/m.exec(stdout) ?? [];
    return { code, signal, stderr, stats: JSON.parse(stats) as QueueStats, answered };
  } finally {
    child.kill('SIGKILL');
  }
}

/** The scope and record of everything that the receiver has got. */
export function receivedRecords(receiver: FaultServer): { scope: string; record: DecodedLogRecord }[] {
  return receiver.requests
    .flatMap(({ body }) => decodeLogsRequest(body).resourceLogs)
    .flatMap(({ scopeLogs }) => scopeLogs)
    .flatMap(({ scope, logRecords }) => logRecords.map((record) => ({ scope: scope.name, record })));
}

/** Every answer has its record, once; no request has two; and the receiver has got what `stats()` says. */
export function expectEveryAnswerLogged({ stats, answered }: StoppedApplication, receiver: FaultServer): void {
  const received = receivedRecords(receiver);
  const requests = received.map(({ record }) => plainAttributes(record.attributes)).filter((attributes) => 'url.path' in attributes);
  const numbers = requests.map((attributes) => Number(String(attributes['url.path']).replace('/orders/', '')));
  expect(numbers).toHaveLength(new Set(numbers).size);
  const completed = requests.filter((attributes) => attributes['http.response.status_code'] === 200 && attributes['error.type'] === undefined);
  expect(completed.map((attributes) => Number(String(attributes['url.path']).replace('/orders/', '')))).toEqual(expect.arrayContaining([...answered]));
  // What the handler said, too: for every request that got so far, once.
  const said = received.filter(({ record }) => record.body !== undefined && plainValue(record.body) === 'order read').map(({ record }) => Number(plainAttributes(record.attributes)['order']));
  expect(said).toHaveLength(new Set(said).size);
  expect(said).toEqual(expect.arrayContaining([...answered]));
  expect({ emitted: stats.emitted, lost: stats.lost, dropped: totalOf(stats.dropped) }).toEqual({ emitted: received.length, lost: 0, dropped: 0 });
}
