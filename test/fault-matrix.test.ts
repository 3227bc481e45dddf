import { loki, otlp, type ExporterDescription } from '../src';
import { captureDiag } from './support/capture-diag';
import { expectSettled, totalOf } from './support/conservation';
import { after, closeAfterResponse, cutBody, FaultServer, garbage, hang, ok, oversize, partialSuccess, redirect, reset, slowBody, status, type FaultStep, type RecordedRequest } from './support/fault-server';
import { lokiSequences, otlpSequences } from './support/received-sequences';
import { range } from './support/records';
import { endRigs, makeRig } from './support/sdk';
import { selfSignedCertificate } from './support/self-signed-certificate';
import { TcpProxy, type NetworkFault } from './support/tcp-proxy';
import { until } from './support/until';

interface Backend {
  /** Of the lane. */
  readonly name: string;
  readonly success: FaultStep;
  readonly exporter: (url: string) => ExporterDescription;
  readonly seqsOf: (request: RecordedRequest) => number[];
}

const TOKEN = 'very-secret-token';
const headers = { authorization: `Bearer ${TOKEN}` };

const backends: Record<string, Backend> = {
  otlp: {
    name: 'otlp',
    success: status(200),
    exporter: (url) => otlp({ url: `${url}/v1/logs`, timeoutMillis: 150, headers }),
    seqsOf: otlpSequences,
  },
  loki: {
    name: 'loki',
    success: status(204),
    exporter: (url) => loki({ url, timeoutMillis: 150, headers }),
    seqsOf: lokiSequences,
  },
  'loki in protobuf': {
    name: 'loki',
    success: status(204),
    exporter: (url) => loki({ url, timeoutMillis: 150, headers, encoding: 'protobuf' }),
    seqsOf: lokiSequences,
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

describe.each(Object.entries(backends).flatMap(([title, backend]) => workers.map((worker) => ({ title, worker, ...backend }))))('$title, $worker', ({ name, worker, success, exporter, seqsOf }) => {
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

const networkFaults: [string, NetworkFault | 'refuse'][] = [
  ['connections that are refused', 'refuse'],
  ['connections that are reset', 'reset'],
  ['half-open connections', 'half-open'],
  ['garbage instead of a protocol', 'garbage'],
  ['connections that break in the middle of a request', { cutAfterBytes: 2000 }],
];

describe.each(workers)('otlp, %s, through a faulty network', (worker) => {
  const options = { worker, scheduledDelayMillis: 10, retry: { initialDelayMillis: 1, maxDelayMillis: 20 } };
  let proxy: TcpProxy;

  beforeEach(async () => {
    proxy = await TcpProxy.start(server.port);
  });

  afterEach(() => proxy.goDown());

  const received = (): number[] => [...new Set(server.requests.flatMap(otlpSequences))].sort((a, b) => a - b);

  it.each(networkFaults)('%s cost retries and no record', async (_, fault) => {
    const { processor, emit } = makeRig({ exporters: [otlp({ url: proxy.url, timeoutMillis: 150 })], ...options });
    const lane = () => processor.stats().lanes['otlp'];
    if (fault === 'refuse') {
      await proxy.goDown();
    } else {
      proxy.setFault(fault);
    }
    emit(0, 500);
    await until(() => (lane()?.retries ?? 0) >= 2);
    expect(received()).toEqual([]);
    emit(500, 1000);
    if (fault === 'refuse') {
      await proxy.goUp();
    } else {
      proxy.setFault('none');
    }
    await until(() => lane()?.delivered === 1000);
    expect(received()).toEqual(range(0, 1000));
    expectSettled(processor.stats());
    expect(processor.stats().lost).toBe(0);
  });

  it.each<[string, NetworkFault, FaultStep]>([
    ['latency in the network', { latencyMillis: 30 }, ok],
    ['a thin line', { bytesPerSecond: 500_000 }, ok],
    ['latency in the server', 'none', after(60, ok)],
  ])('%s below the time-out costs nothing', async (_, fault, step) => {
    server.script(step);
    proxy.setFault(fault);
    const { processor, emit } = makeRig({ exporters: [otlp({ url: proxy.url, timeoutMillis: 5000 })], ...options });
    emit(0, 1000);
    await processor.forceFlush();
    expect(server.requests.flatMap(otlpSequences)).toEqual(range(0, 1000));
    expect(processor.stats().lanes['otlp']).toMatchObject({ delivered: 1000, retries: 0 });
    expectSettled(processor.stats());
  });

  it('a partial success loses what the receiver says that it has refused, and nothing else', async () => {
    server.script(partialSuccess(30, 'thirty too old'));
    const { processor, emit } = makeRig({ exporters: [otlp({ url: server.url })], ...options, scheduledDelayMillis: 1_000_000 });
    emit(0, 100);
    await expect(processor.forceFlush()).rejects.toThrow('30 rejected');
    expect(server.requests).toHaveLength(1);
    expect(processor.stats().lanes['otlp']).toMatchObject({ delivered: 70, retries: 0, dropped: { rejected: 30 } });
    expectSettled(processor.stats());
  });

  it('a certificate that nobody has signed: nothing is sent, and shutdown counts what is left', async () => {
    const secure = await FaultServer.startTls(selfSignedCertificate());
    const { processor, emit } = makeRig({ exporters: [otlp({ url: secure.url })], ...options });
    emit(0, 50);
    await until(() => (processor.stats().lanes['otlp']?.retries ?? 0) >= 2);
    await expect(processor.shutdown({ timeoutMillis: 5000 })).rejects.toThrow('50 shutdown_timeout');
    expect(secure.requests).toHaveLength(0);
    expectSettled(processor.stats());
    expect(diagnostics.lines.some((line) => line.includes('DEPTH_ZERO_SELF_SIGNED_CERT'))).toBe(true);
    await secure.close();
  });
});
