import { join } from 'node:path';
import { CollectorServer } from '../../scripts/backends/collector';
import { VictoriaLogsServer } from '../../scripts/backends/victoria-logs';
import { runApplication } from '../support/application';
import { FaultServer } from '../support/fault-server';
import { range } from '../support/records';
import { sequencesAt } from './collector-rig';
import { describeBackend } from './real-backend';

// A burst in one synchronous loop, and the end of the process right behind it: all of it is there, as the server itself counts.
const RECORDS = 20_000;
const APP = join(__dirname, '..', 'process', 'fixtures', 'app.cjs');

const ends = [
  { end: 'natural', worker: 'thread', code: 0 },
  { end: 'exit', worker: 'thread', code: 0 },
  { end: 'throw', worker: 'thread', code: 1 },
  { end: 'reject', worker: 'thread', code: 1 },
  { end: 'shutdown', worker: 'thread', code: 0 },
  { end: 'natural', worker: 'event-loop', code: 0 },
  { end: 'shutdown', worker: 'event-loop', code: 0 },
] as const;

jest.setTimeout(60_000);

// The servers answer from other processes, but the sink is in this one: it has to be able to, also beside other load.
const optionsFor = (worker: string): object => ({ worker, exitTimeoutMillis: 20_000, shutdownTimeoutMillis: 20_000, ...(worker === 'event-loop' && { maxQueueSize: RECORDS }) });

describeBackend('collector', (path) => {
  let sink: FaultServer;
  let collector: CollectorServer;

  beforeAll(async () => {
    sink = await FaultServer.start();
    collector = await CollectorServer.start(path, { sinkUrl: sink.url });
  });

  afterAll(async () => {
    await collector.stop();
    await sink.close();
  });

  it.each(ends)('takes a burst before the end by $end, $worker', async ({ end, worker, code }) => {
    sink.requests.length = 0;
    const ended = await runApplication({ script: APP, settings: { url: `${collector.url}/v1/logs`, records: RECORDS, end, options: optionsFor(worker) } });
    expect(ended).toMatchObject({ code, signal: null });
    expect(sequencesAt(sink)).toEqual(range(0, RECORDS));
  });
});

describeBackend('victorialogs', (path) => {
  it.each(ends)('has a burst before the end by $end, $worker', async ({ end, worker, code }) => {
    const server = await VictoriaLogsServer.start(path);
    try {
      const ended = await runApplication({ script: APP, settings: { url: `${server.url}/insert/opentelemetry/v1/logs`, records: RECORDS, end, options: optionsFor(worker) } });
      expect(ended).toMatchObject({ code, signal: null });
      const count = async (): Promise<Record<string, string> | undefined> => (await server.query('* | stats count() as rows, count_uniq(seq) as numbers'))[0];
      const giveUp = Date.now() + 15_000;
      while ((await count())?.['numbers'] !== String(RECORDS) && Date.now() < giveUp) {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      expect(await count()).toEqual({ rows: String(RECORDS), numbers: String(RECORDS) });
    } finally {
      await server.stop();
    }
  });
});
