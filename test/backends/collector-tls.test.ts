import { CollectorServer } from '../../scripts/backends/collector';
import { otlp } from '../../src';
import { captureDiag } from '../support/capture-diag';
import { CertificateAuthority } from '../support/certificate-authority';
import { expectSettled } from '../support/conservation';
import { ScenarioRig } from '../support/fault-scenario';
import { FaultServer } from '../support/fault-server';
import { range } from '../support/records';
import { endRigs } from '../support/sdk';
import { until } from '../support/until';
import { sequencesAt } from './collector-rig';
import { describeBackend } from './real-backend';

jest.setTimeout(60_000);

describeBackend('collector', (path) => {
  const open: { close(): Promise<void> | void }[] = [];
  let authority: CertificateAuthority;
  let stranger: CertificateAuthority;
  let collector: CollectorServer;
  let sink: FaultServer;
  let diagnostics: ReturnType<typeof captureDiag>;

  beforeAll(async () => {
    authority = new CertificateAuthority();
    stranger = new CertificateAuthority();
    for (const each of [authority, stranger]) {
      each.issue('server');
      each.issue('client');
      open.push(each);
    }
    sink = await FaultServer.start();
    collector = await CollectorServer.start(path, { sinkUrl: sink.url, tlsFolder: authority.folder });
  });

  afterAll(async () => {
    await collector.stop();
    await sink.close();
    open.forEach((each) => void each.close());
  });

  beforeEach(() => {
    diagnostics = captureDiag();
    sink.requests.length = 0;
  });

  afterEach(async () => {
    await endRigs();
    diagnostics.restore();
  });

  const filesOf = (trusted: CertificateAuthority, own: CertificateAuthority): { ca: string; cert: string; key: string } => ({ ca: trusted.path('ca.pem'), cert: own.path('client.pem'), key: own.path('client.key') });

  describe.each(['event-loop', 'thread'] as const)('TLS, %s', (worker) => {
    it.each(['http/protobuf', 'http/json'] as const)('delivers by %s with a client certificate', async (protocol) => {
      const rig = new ScenarioRig(otlp({ url: `${collector.url}/v1/logs`, protocol, tls: filesOf(authority, authority) }), 'otlp', worker);
      rig.emit(500);
      await rig.settle();
      expect(rig.lane).toMatchObject({ delivered: 500, retries: 0, dropped: {} });
      expect(sequencesAt(sink)).toEqual(range(0, 500));
      expectSettled(rig.rig.processor.stats());
    });

    it.each([
      ['does not trust the Collector', (): ReturnType<typeof filesOf> => filesOf(stranger, authority), 'not signed by an authority that is trusted here'],
      ['has a certificate that the Collector does not trust', (): ReturnType<typeof filesOf> => filesOf(authority, stranger), 'client certificate'],
    ])('keeps the records where it %s, and says why', async (_name, files, words) => {
      const rig = new ScenarioRig(otlp({ url: `${collector.url}/v1/logs`, tls: files() }), 'otlp', worker);
      rig.emit(100);
      await until(() => rig.lane.retries >= 2 && diagnostics.lines.some((line) => line.includes(words)));
      expect(rig.lane).toMatchObject({ delivered: 0, dropped: {} });
      expect(sink.requests).toEqual([]);
    });

    it('a Collector with HTTPS, asked in the clear: nothing arrives, and the answer is said', async () => {
      const rig = new ScenarioRig(otlp({ url: `${collector.url.replace('https', 'http')}/v1/logs` }), 'otlp', worker);
      rig.emit(100);
      await rig.settle();
      expect(rig.lane).toMatchObject({ delivered: 0, dropped: { rejected: 100 } });
      await until(() => diagnostics.lines.some((line) => line.includes('HTTP request to an HTTPS server')));
      expect(sink.requests).toEqual([]);
    });
  });
});
