import { spawn, type ChildProcess } from 'node:child_process';
import { FakeLoki } from '../support/fake-loki';
import { FaultServer, ok } from '../support/fault-server';
import { LOGS_API } from '../support/logs-api';
import { decodeLogsRequest } from '../support/otlp-decode';
import { makeUserFolder, type UserFolder } from '../support/package-folder';
import { range } from '../support/records';
import { until } from '../support/until';

// What a user writes: an SDK, three exporters, a thousand records.
const application = `
const { NodeSDK } = require('@opentelemetry/sdk-node');
const { logs } = require('${LOGS_API}');
const { QueueLogRecordProcessor, otlp, loki, stdout } = require('otel-log-queue');

const processor = new QueueLogRecordProcessor({
  exporters: [otlp({ url: process.env.OTLP_URL }), loki({ url: process.env.LOKI_URL }), stdout()],
  scheduledDelayMillis: 50,
  retry: { initialDelayMillis: 50, maxDelayMillis: 100 },
  ...(process.env.WORKER && { worker: process.env.WORKER }),
});
const sdk = new NodeSDK({ logRecordProcessors: [processor], traceExporter: undefined, spanProcessors: [], metricReaders: [] });
sdk.start();
const logger = logs.getLogger('shop');
for (let seq = 0; seq < 1000; seq++) {
  logger.emit({ severityNumber: 9, severityText: 'INFO', body: 'order placed', attributes: { seq } });
}
process.on('message', () => void sdk.shutdown().then(() => process.send(processor.stats(), () => process.disconnect())));
setInterval(() => process.connected || process.exit(), 100);
`;

let folder: UserFolder;
let otlpServer: FaultServer;
let lokiServer: FakeLoki;
let child: ChildProcess;

beforeAll(() => {
  folder = makeUserFolder({ 'app.cjs': application });
});

afterAll(() => folder.remove());

beforeEach(async () => {
  otlpServer = await FaultServer.start(ok);
  lokiServer = await FakeLoki.start();
});

afterEach(async () => {
  await Promise.all([otlpServer.close(), lokiServer.close()]);
});

jest.setTimeout(60_000);

const otlpSeqs = (): number[] =>
  otlpServer.requests
    .flatMap((request) => decodeLogsRequest(request.body).resourceLogs)
    .flatMap((resource) => resource.scopeLogs.flatMap((scope) => scope.logRecords))
    .map((record) => Number((record.attributes[0]?.value as { intValue: bigint }).intValue));
const lokiSeqs = (): number[] => lokiServer.entries.map((entry) => Number(entry.metadata['seq']));

function start(otlpUrl: string, worker = ''): { stdoutSeqs: () => number[]; ended: Promise<unknown> } {
  let output = '';
  child = spawn(process.execPath, ['app.cjs'], {
    cwd: folder.path,
    env: { ...process.env, OTLP_URL: otlpUrl, WORKER: worker, LOKI_URL: lokiServer.url, OTEL_SERVICE_NAME: 'shop', OTEL_TRACES_EXPORTER: 'none', OTEL_METRICS_EXPORTER: 'none' },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (output += text));
  const stdoutSeqs = (): number[] =>
    output
      .split('\n')
      .slice(0, -1)
      .map((line) => (JSON.parse(line) as { attributes: { seq: number } }).attributes.seq);
  return { stdoutSeqs, ended: new Promise((resolve) => child.on('close', resolve)) };
}

// What is asked for, and what there is then.
const workers = [
  ['', 'thread'],
  ['event-loop', 'event-loop'],
] as const;

it.each(workers)('sends a thousand records to three exporters at once, each exactly once and in order: worker %s', async (worker, used) => {
  const { stdoutSeqs, ended } = start(`${otlpServer.url}/v1/logs`, worker);
  const stats = new Promise((resolve) => child.once('message', resolve));
  child.send('stop');
  expect(await stats).toMatchObject({ worker: used, emitted: 1000, lost: 0, lanes: { otlp: { delivered: 1000 }, loki: { delivered: 1000 }, stdout: { delivered: 1000 } } });
  await ended;
  expect(otlpSeqs()).toEqual(range(0, 1000));
  expect(lokiSeqs()).toEqual(range(0, 1000));
  expect(stdoutSeqs()).toEqual(range(0, 1000));
  expect(lokiServer.entries[0]).toMatchObject({ labels: { service_name: 'shop' }, line: 'order placed' });
});

it.each(workers)('a receiver that is down delays its own lane only, and gets everything when it is back: worker %s', async (worker, used) => {
  const { port } = otlpServer;
  await otlpServer.close();
  const { stdoutSeqs, ended } = start(`http://127.0.0.1:${port}/v1/logs`, worker);
  await until(() => lokiSeqs().length === 1000 && stdoutSeqs().length === 1000);
  otlpServer = await FaultServer.startAt(port, ok);
  await until(() => otlpSeqs().length === 1000);
  expect(otlpSeqs()).toEqual(range(0, 1000));
  const stats = new Promise((resolve) => child.once('message', resolve));
  child.send('stop');
  expect(await stats).toMatchObject({ worker: used, lost: 0, lanes: { otlp: { delivered: 1000 }, loki: { delivered: 1000, retries: 0 }, stdout: { delivered: 1000, retries: 0 } } });
  await ended;
});
