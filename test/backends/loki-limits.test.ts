import type { LokiServer } from '../../scripts/backends/loki';
import { LokiQuery } from '../../scripts/backends/loki-query';
import { loki } from '../../src';
import { captureDiag } from '../support/capture-diag';
import { range } from '../support/records';
import { emitToLoki, entriesOf, LOKI_WAYS, nowNanos } from './loki-rig';
import { describeBackend, startLoki } from './real-backend';

// The tenants of scripts/backends/loki-overrides.yaml. What is stored there from other runs of the same Loki is told apart by a label.
jest.setTimeout(60_000);

describeBackend('loki', (path) => {
  let server: LokiServer;
  let diagnostics: ReturnType<typeof captureDiag>;

  beforeAll(async () => {
    server = await startLoki(path);
  });

  afterAll(() => server.stop());

  beforeEach(() => {
    diagnostics = captureDiag();
  });

  afterEach(() => diagnostics.restore());

  const lines = range(0, 100).map((seq) => ({ body: `record ${seq} ${'x'.repeat(100)}`, attributes: { seq } }));

  describe.each(LOKI_WAYS)('limits, by $way', ({ way, options }) => {
    const run = `${Date.now()}-${way.replace(/\W+/g, '-')}`;
    const describeFor = (tenantId: string): Parameters<typeof loki>[0] & object => ({ url: server.url, tenantId, labels: { run }, ...options });
    const stored = (tenant: string, count: number): Promise<number> =>
      entriesOf(new LokiQuery(server.url, { 'x-scope-orgid': tenant }), `{run="${run}"}`, nowNanos(-60_000), count).then(({ length }) => length);

    it.each([
      ['rate-limited', 429],
      ['blocked-429', 429],
      ['blocked-503', 503],
    ])('%s: is tried again as long as it may be, then counted', async (tenant, status) => {
      const { lane } = await emitToLoki(describeFor(tenant), [lines]);
      expect(lane).toMatchObject({ delivered: 0, dropped: { retry_exhausted: 100 } });
      expect(lane.retries).toBeGreaterThanOrEqual(1);
      expect(diagnostics.lines.join('\n')).toContain(`answered ${status}`);
      expect(await stored(tenant, 0)).toBe(0);
    });

    it('blocked-403: is not tried again', async () => {
      const { lane } = await emitToLoki(describeFor('blocked-403'), [lines]);
      expect(lane).toMatchObject({ delivered: 0, retries: 0, dropped: { export_failed: 100 } });
    });

    it('blocked-260: a 2xx, and yet everything was discarded', async () => {
      const { lane } = await emitToLoki(describeFor('blocked-260'), [lines]);
      expect(lane).toMatchObject({ delivered: 0, retries: 0, dropped: { rejected: 100 } });
      expect(diagnostics.lines.join('\n')).toContain('ingestion is blocked for this tenant');
    });

    it('short-lines: the lines that this tenant may not send are counted, the others are stored', async () => {
      const mixed = lines.map((record, index) => (index % 25 === 3 ? { ...record, body: 'y'.repeat(2000) } : record));
      const { lane } = await emitToLoki(describeFor('short-lines'), [mixed]);
      expect(lane).toMatchObject({ delivered: 96, dropped: { rejected: 4 } });
      expect(await stored('short-lines', 96)).toBe(96);
    });

    it('one-stream: a second stream is refused', async () => {
      const other = { ...describeFor('one-stream'), labels: { run: 'first' } };
      await emitToLoki(other, [[{ body: 'the only stream' }]]);
      const { lane } = await emitToLoki(describeFor('one-stream'), [lines]);
      expect(lane).toMatchObject({ delivered: 0, dropped: { retry_exhausted: 100 } });
      expect(diagnostics.lines.join('\n')).toContain('maximum active stream limit exceeded');
    });
  });
});
