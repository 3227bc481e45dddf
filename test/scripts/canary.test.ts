import { compareEntries } from '../../scripts/canary/findings';
import { parseCanaryArguments } from '../../scripts/canary/arguments';
import { runCanary } from '../../scripts/canary/canary-run';
import { expectSettled } from '../support/conservation';
import { FakeLoki } from '../support/fake-loki';

const entry = (seq: number, line = `canary ${seq}`): { line: string; metadata: Record<string, string> } => ({ line, metadata: { seq: String(seq) } });

jest.setTimeout(60_000);

describe('the canary', () => {
  let loki: FakeLoki;

  beforeEach(async () => {
    loki = await FakeLoki.start({ checksTime: true });
  });

  afterEach(() => loki.close());

  const run = (overrides = {}): ReturnType<typeof runCanary> =>
    runCanary({ loki: { url: loki.url }, queryHeaders: {}, durationMillis: 1000, rate: 6000, patienceMillis: 1000, ...overrides });

  it('finds all that it has emitted, over more than one page', async () => {
    const { stats, selector, ...findings } = await run({ patienceMillis: 20_000 });
    expect(findings).toEqual({ emitted: 6000, found: 6000, missing: 0, duplicates: 0, outOfOrder: 0, unexpected: 0 });
    // Loki gives entries back in the order of their times.
    expect(new Set(loki.entries.map(({ timestamp }) => timestamp)).size).toBe(6000);
    expect(selector).toContain('{service_name="otel-log-queue-canary"} | run="');
    expectSettled(stats);
  });

  it('sees what Loki has taken and lost', async () => {
    loki.script({ status: 204 });
    const { stats, missing, found, emitted } = await run({ rate: 100 });
    expect(stats.lanes['loki']).toMatchObject({ delivered: 100, dropped: {} });
    expect(missing).toBeGreaterThan(0);
    expect(found + missing).toBe(emitted);
  });

  it('sees nothing of another run', async () => {
    await run({ rate: 50 });
    expect(await run({ rate: 70 })).toMatchObject({ emitted: 70, found: 70, missing: 0, unexpected: 0 });
  });

  it('fails if Loki cannot be asked', async () => {
    const { url } = loki;
    await loki.close();
    await expect(runCanary({ loki: { url }, queryHeaders: {}, durationMillis: 1000, rate: 10, patienceMillis: 1000 })).rejects.toThrow('ECONNREFUSED');
    loki = await FakeLoki.start();
  });
});

it.each([
  ['nothing', [], { found: 0, missing: 3, duplicates: 0, outOfOrder: 0, unexpected: 0 }],
  ['all', [entry(0), entry(1), entry(2)], { found: 3, missing: 0, duplicates: 0, outOfOrder: 0, unexpected: 0 }],
  ['one twice', [entry(0), entry(1), entry(1), entry(2)], { found: 4, missing: 0, duplicates: 1, outOfOrder: 0, unexpected: 0 }],
  ['another order', [entry(0), entry(2), entry(1)], { found: 3, missing: 0, duplicates: 0, outOfOrder: 1, unexpected: 0 }],
  ['another text', [entry(0), entry(1, 'canary 7'), entry(2)], { found: 3, missing: 1, duplicates: 0, outOfOrder: 0, unexpected: 1 }],
  ['a number of nobody', [entry(0), entry(1), entry(2), entry(3)], { found: 4, missing: 0, duplicates: 0, outOfOrder: 0, unexpected: 1 }],
])('the comparison of %s', (_name, entries, findings) => {
  expect(compareEntries(entries, 3)).toEqual(findings);
});

describe('the options', () => {
  it('have defaults', () => {
    expect(parseCanaryArguments([], {})).toEqual({ loki: { url: 'http://localhost:3100/' }, queryHeaders: {}, durationMillis: 10_000, rate: 100, patienceMillis: 30_000 });
  });

  it('send tenant and credentials with pushes and queries', () => {
    const authorization = `Basic ${Buffer.from('u:p').toString('base64')}`;
    const expected = { loki: { tenantId: 't', headers: { authorization } }, queryHeaders: { 'x-scope-orgid': 't', authorization } };
    expect(parseCanaryArguments(['--tenant', 't'], { CANARY_USERNAME: 'u', CANARY_PASSWORD: 'p' })).toMatchObject(expected);
    expect(parseCanaryArguments(['--tenant', 't', '--url', 'http://u:p@host'], {})).toMatchObject({ ...expected, loki: { ...expected.loki, url: 'http://host/' } });
    expect(parseCanaryArguments([], { CANARY_TOKEN: 'tok' })).toMatchObject({ queryHeaders: { authorization: 'Bearer tok' } });
  });

  it.each([
    [['--rate', '0'], '--rate must be an integer from 1 to 10000, received "0"'],
    [['--duration', '1e3'], '--duration must be an integer from 1 to 86400, received "1e3"'],
    [['--url', 'loki'], '--url'],
    [['--nothing'], '--nothing'],
  ])('refuse %p', (argv, message) => {
    expect(() => parseCanaryArguments(argv, {})).toThrow(message);
  });
});
