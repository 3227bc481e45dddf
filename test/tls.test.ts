import { inspect } from 'node:util';
import { loki, otlp, type ExporterDescription, type TlsOptions } from '../src';
import { captureDiag } from './support/capture-diag';
import { CertificateAuthority } from './support/certificate-authority';
import { expectSettled } from './support/conservation';
import { FaultServer, status, type RecordedRequest, type TlsServerOptions } from './support/fault-server';
import { lokiSequences, otlpSequences } from './support/received-sequences';
import { range } from './support/records';
import { endRigs, makeRig } from './support/sdk';
import { until } from './support/until';

const authority = new CertificateAuthority();
const stranger = new CertificateAuthority();
const server = authority.issue('server');
const client = authority.issue('client');
const mutual: TlsServerOptions = { ...server, ca: authority.pem, requestCert: true };
const tls: TlsOptions = { ca: authority.path('ca.pem'), cert: client.cert, key: client.key };

let diagnostics: ReturnType<typeof captureDiag>;
let backend: FaultServer;

beforeEach(() => {
  diagnostics = captureDiag();
});

afterEach(async () => {
  await endRigs();
  await until(() => backend.openSockets() === 0);
  await backend.close();
  diagnostics.restore();
});

afterAll(() => {
  authority.close();
  stranger.close();
});

interface Subject {
  readonly name: string;
  readonly worker: 'thread' | 'event-loop';
  readonly exporter: (url: string) => ExporterDescription;
  readonly sequencesOf: (request: RecordedRequest) => number[];
}

const subjects: Subject[] = (['event-loop', 'thread'] as const).flatMap((worker) => [
  { name: 'otlp', worker, exporter: (url) => otlp({ url: `${url}/v1/logs`, tls }), sequencesOf: otlpSequences },
  { name: 'loki', worker, exporter: (url) => loki({ url, tls }), sequencesOf: lokiSequences },
]);

// What is not trusted now may be put right while the records wait: a certificate is renewed, an authority is added.
const wrongs: [string, TlsServerOptions, RegExp][] = [
  ['a server certificate of another authority', stranger.issue('server'), /not signed by an authority that is trusted here/],
  ['a server certificate that has expired', authority.issue('expired', { days: -1 }), /the certificate of the server has expired/],
  ['a server that does not trust the client certificate', { ...mutual, ca: stranger.pem }, /perhaps (because of )?the client certificate/],
];

describe.each(subjects)('$name, $worker', ({ name, worker, exporter, sequencesOf }) => {
  const options = { worker, scheduledDelayMillis: 10, retry: { initialDelayMillis: 1, maxDelayMillis: 20 } };

  it('delivers to a server that demands a client certificate', async () => {
    backend = await FaultServer.startTls(mutual, status(200));
    const { processor, emit } = makeRig({ exporters: [exporter(backend.url)], ...options });
    expect(processor.stats().worker).toBe(worker);
    emit(0, 1000);
    await processor.forceFlush();
    expect(backend.requests.flatMap(sequencesOf)).toEqual(range(0, 1000));
    expectSettled(processor.stats());
    expect(processor.stats()).toMatchObject({ lost: 0, lanes: { [name]: { delivered: 1000, retries: 0 } } });
  });

  it.each(wrongs)('%s costs retries and no record', async (_, wrong, words) => {
    backend = await FaultServer.startTls(wrong, status(200));
    const { port } = backend;
    const { processor, emit } = makeRig({ exporters: [exporter(backend.url)], ...options });
    const lane = () => processor.stats().lanes[name];
    emit(0, 500);
    await until(() => (lane()?.retries ?? 0) >= 2);
    await until(() => diagnostics.lines.some((line) => words.test(line)));
    expect(backend.requests).toEqual([]);
    await backend.close();
    backend = await FaultServer.startTlsAt(port, mutual, status(200));
    await until(() => lane()?.delivered === 500);
    expect(backend.requests.flatMap(sequencesOf)).toEqual(range(0, 500));
    expectSettled(processor.stats());
    expect(processor.stats().lost).toBe(0);
    const shown = [...diagnostics.lines, inspect(processor.stats(), { depth: 10 })].join();
    expect(shown).not.toContain(client.key.toString().split('\n')[1]);
    expect(shown).not.toContain('-----BEGIN');
  });
});
