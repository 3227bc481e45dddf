import { loki, otlp, type ExporterDescription } from '../src';
import { captureDiag } from './support/capture-diag';
import { expectSettled, totalOf } from './support/conservation';
import { closeAfterResponse, cutBody, FaultServer, garbage, hang, oversize, redirect, reset, slowBody, status, type FaultStep, type RecordedRequest } from './support/fault-server';
import { decodeLogsRequest } from './support/otlp-decode';
import { range } from './support/records';
import { endRigs, makeRig } from './support/sdk';
import { until } from './support/until';

interface Backend {
  readonly success: FaultStep;
  readonly exporter: (url: string) => ExporterDescription;
  readonly seqsOf: (request: RecordedRequest) => number[];
}

const TOKEN = 'very-secret-token';
const headers = { authorization: `Bearer ${TOKEN}` };

const backends: Record<string, Backend> = {
  otlp: {
    success: status(200),
    exporter: (url) => otlp({ url: `${url}/v1/logs`, timeoutMillis: 150, headers }),
    seqsOf: ({ body }) =>
      decodeLogsRequest(body)
        .resourceLogs.flatMap((resource) => resource.scopeLogs.flatMap((scope) => scope.logRecords))
        .map((record) => Number((record.attributes[0]?.value as { intValue: bigint }).intValue)),
  },
  loki: {
    success: status(204),
    exporter: (url) => loki({ url, timeoutMillis: 150, headers }),
    seqsOf: ({ body }) => (JSON.parse(String(body)) as { streams: { values: [string, string, { seq: string }][] }[] }).streams.flatMap(({ values }) => values.map(([, , metadata]) => Number(metadata.seq))),
  },
};

type Outcome = 'delivered' | 'delivered in halves' | 'lost' | 'lost by OTLP, delivered by Loki';

const echo = (code: number): FaultStep => ({
  answer: (response, request) => {
    response.writeHead(code);
    response.end(`refused: authorization=${request.headers.authorization}`);
  },
});

// What becomes of the records of a batch that meets the fault once, with a backend that works afterwards.
const faults: [string, FaultStep, Outcome][] = [
  ['status 503', status(503), 'delivered'],
  ['status 429 with Retry-After', status(429, { retryAfter: '0' }), 'delivered'],
  ['status 429 with Retry-After as a date', status(429, { retryAfter: new Date(0).toUTCString() }), 'delivered'],
  ['status 500', status(500), 'lost by OTLP, delivered by Loki'],
  ['status 400', status(400), 'delivered in halves'],
  ['status 401 that echoes the credential', echo(401), 'lost'],
  ['status 404', status(404), 'lost'],
  ['status 413', status(413), 'delivered in halves'],
  ['a hang', hang, 'delivered'],
  ['a reset', reset, 'delivered'],
  ['a body that drips for ever', slowBody, 'delivered'],
  ['a body that is cut', cutBody, 'delivered'],
  ['garbage instead of HTTP', garbage, 'delivered'],
  ['an answer of 5 MiB', oversize, 'lost'],
  ['a redirect', redirect('http://127.0.0.1:9/elsewhere'), 'lost'],
  ['a connection that closes after the answer', closeAfterResponse, 'delivered'],
];

let server: FaultServer;
let diagnostics: ReturnType<typeof captureDiag>;

beforeEach(async () => {
  diagnostics = captureDiag();
  server = await FaultServer.start();
});

afterEach(async () => {
  await endRigs();
  await until(() => server.openSockets() === 0);
  await server.close();
  diagnostics.restore();
});

const workers = ['event-loop', 'thread'] as const;

describe.each(Object.entries(backends).flatMap(([name, backend]) => workers.map((worker) => ({ name, worker, ...backend }))))('$name, $worker', ({ name, worker, success, exporter, seqsOf }) => {
  const delivers = (outcome: Outcome): boolean => outcome.startsWith('delivered') || (outcome.includes('Loki') && name === 'loki');
  // Only a flush makes a batch, so that all records of a test are in one whatever the speed of a thread.
  const options = { worker, scheduledDelayMillis: 1_000_000, exportTimeoutMillis: 5000, retry: { initialDelayMillis: 1, maxDelayMillis: 5 } };
  const uniqueSeqs = (from: number): number[] => [...new Set(server.requests.slice(from).flatMap(seqsOf))].sort((a, b) => a - b);

  it.each(faults)('%s costs what it must and no more, and the lane goes on', async (_, fault, outcome) => {
    server.script(fault, success);
    const { processor, emit } = makeRig({ exporters: [exporter(server.url)], ...options });
    const stats = () => processor.stats().lanes[name];
    emit(0, 100);
    void processor.forceFlush().catch(() => undefined);
    await until(() => stats()?.offered === 100 && stats()?.queued === 0 && stats()?.inFlight === 0);
    expect(stats()).toMatchObject({ offered: 100, delivered: delivers(outcome) ? 100 : 0 });
    expect(processor.stats().lost).toBe(delivers(outcome) ? 0 : 100);
    if (delivers(outcome)) {
      // The request that met the fault may have been read; what was answered with success has all.
      expect(uniqueSeqs(outcome === 'delivered in halves' ? -2 : -1)).toEqual(range(0, 100));
    }
    emit(100, 120);
    await processor.forceFlush();
    expect(uniqueSeqs(-1)).toEqual(range(100, 120));
    expectSettled(processor.stats());
    expect([...diagnostics.lines, JSON.stringify(processor.stats())].filter((line) => line.includes(TOKEN))).toEqual([]);
  });

  it.each(faults.filter(([, , outcome]) => outcome === 'delivered').filter(([what]) => !what.includes('closes after')))('%s for ever: shutdown ends in time and counts what is left', async (_, fault) => {
    server.script(fault);
    const { processor, emit } = makeRig({ exporters: [exporter(server.url)], ...options });
    emit(0, 50);
    // A thread that is still starting would not get as far as the lane.
    void processor.forceFlush().catch(() => undefined);
    await until(() => processor.stats().lanes[name]?.offered === 50);
    await expect(processor.shutdown({ timeoutMillis: 100 })).rejects.toThrow('50 shutdown_timeout');
    expectSettled(processor.stats());
    expect(totalOf(processor.stats().lanes[name]?.dropped ?? {})).toBe(50);
  });

  it('an outage in the middle loses nothing that the queue can hold', async () => {
    const { port } = server;
    server.script(success);
    const { processor, emit } = makeRig({ exporters: [exporter(server.url)], ...options });
    const received = new Set<number>();
    emit(0, 100);
    await processor.forceFlush();
    server.requests.flatMap(seqsOf).forEach((seq) => received.add(seq));
    await server.close();
    emit(100, 1000);
    await processor.forceFlush().catch(() => undefined);
    emit(1000, 2000);
    server = await FaultServer.startAt(port, success);
    await processor.forceFlush().catch(() => undefined);
    await until(() => processor.stats().lanes[name]?.delivered === 2000);
    server.requests.flatMap(seqsOf).forEach((seq) => received.add(seq));
    expect([...received].sort((a, b) => a - b)).toEqual(range(0, 2000));
    expect(processor.stats().lost).toBe(0);
  });
});
