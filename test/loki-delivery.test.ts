import { LoggerProvider } from '@opentelemetry/sdk-logs';
import { loki, QueueLogRecordProcessor } from '../src';
import { captureDiag } from './support/capture-diag';
import { expectConserved, expectSettled } from './support/conservation';
import { FakeLoki } from './support/fake-loki';
import { range } from './support/records';
import { until } from './support/until';

// The traps of Loki's push API, from the application's logger to what is stored: research/loki.md 1.2 and 1.3.

let fake: FakeLoki;
let diagnostics: ReturnType<typeof captureDiag>;
let processor: QueueLogRecordProcessor;

beforeEach(async () => {
  diagnostics = captureDiag();
  fake = await FakeLoki.start({ checksTime: true });
});

afterEach(async () => {
  expectConserved(processor.stats());
  await processor.shutdown({ timeoutMillis: 0 }).catch(() => undefined);
  expectConserved(processor.stats());
  await fake.close();
  diagnostics.restore();
});

const cells = (['event-loop', 'thread'] as const).flatMap((worker) => (['json', 'protobuf'] as const).map((encoding) => ({ worker, encoding })));

describe.each(cells)('$worker, $encoding', ({ worker, encoding }) => {
  function start({ maxQueueSize = 2048, compression = 'gzip' }: { maxQueueSize?: number; compression?: 'gzip' | 'none' } = {}): ReturnType<LoggerProvider['getLogger']> {
    // Only a flush makes a batch, so that all records of a test are in one.
    processor = new QueueLogRecordProcessor({
      exporter: loki({ url: fake.url, encoding, compression }),
      worker,
      scheduledDelayMillis: 1_000_000,
      retry: { initialDelayMillis: 1, maxDelayMillis: 5 },
      maxQueueSize,
    });
    return new LoggerProvider({ processors: [processor] }).getLogger('test');
  }

  const lane = () => processor.stats().lanes['loki'];
  const storedSeqs = (): number[] => fake.entries.map(({ metadata }) => Number(metadata['seq'])).sort((a, b) => a - b);

  /** Flushes until nothing is left, and holds what Loki has stored against what is said to be delivered. */
  async function settle(total: number): Promise<void> {
    void processor.forceFlush().catch(() => undefined);
    await until(() => lane()?.offered === total && lane()?.queued === 0 && lane()?.inFlight === 0);
    expectSettled(processor.stats());
    expect(lane()?.delivered).toBe(fake.entries.length);
  }

  it('names, text and values that would cost a whole request are stored, each record once', async () => {
    const logger = start();
    const hostile: Record<string, unknown>[] = [
      { _: 1, $: 2, 日本: 3, 'é': 4 },
      { 'half \ud800': 'half \udc00', list: ['\ud83d'] },
      { number: 5, flag: false, nothing: null, deep: { er: { still: [1, { a: 'b' }] } }, nan: NaN },
      { 'a.b': 1, a_b: 2, severity_number: 'mine', service_name: 'mine', __proto__x: 'y' },
      { 'exception.stacktrace': 'Error: "x"\n\tat file:///a\\b.js:1:2\u2028\u0000\u001b[31m' },
    ];
    hostile.forEach((attributes, seq) => logger.emit({ body: '\ud800 "quoted"\n', attributes: { ...attributes, seq } }));
    await settle(hostile.length);
    expect(storedSeqs()).toEqual(range(0, hostile.length));
    expect(fake.requests.map(({ status }) => status)).toEqual([204]);
    expect(fake.entries[4]?.metadata['exception_stacktrace']).toBe(hostile[4]?.['exception.stacktrace']);
  });

  it('what is larger than Loki takes is cut and stored', async () => {
    const logger = start();
    const many = Object.fromEntries(range(0, 200).map((index) => [`k${index}`, index]));
    logger.emit({ body: '€'.repeat(200_000), attributes: { seq: 0 } });
    logger.emit({ body: 'x', attributes: { seq: 1, stack: '€'.repeat(50_000) } });
    logger.emit({ body: 'x', attributes: { seq: 2, ...many } });
    await settle(3);
    expect(storedSeqs()).toEqual([0, 1, 2]);
    expect(fake.requests.every(({ status }) => status === 204)).toBe(true);
  });

  it('records that are too old or too new are lost, counted, and no others', async () => {
    const logger = start();
    const hours = 3_600_000;
    const offsets = [0, -8 * 24 * hours, 0, 2 * hours, 0, 0, -30 * 24 * hours, 0];
    offsets.forEach((offset, seq) => logger.emit({ body: `record ${seq}`, timestamp: Date.now() + offset, attributes: { seq } }));
    await settle(offsets.length);
    expect(storedSeqs()).toEqual([0, 2, 4, 5, 7]);
    expect(processor.stats()).toMatchObject({ lost: 3, lanes: { loki: { delivered: 5, dropped: { rejected: 3 } } } });
    await until(() => diagnostics.lines.some((line) => /timestamp too (old|new)/.test(line)));
  });

  it('records that are too far behind their stream are lost, counted, and no others', async () => {
    const logger = start();
    [0, 0, -2, 0, -3, 0].forEach((hours, seq) => logger.emit({ body: `record ${seq}`, timestamp: Date.now() + hours * 3_600_000, attributes: { seq } }));
    await settle(6);
    expect(storedSeqs()).toEqual([0, 1, 3, 5]);
    expect(lane()).toMatchObject({ delivered: 4, dropped: { rejected: 2 } });
  });

  it('a push that is answered with 429 and 500 at first is stored once, although Loki had taken it by then', async () => {
    const logger = start();
    fake.script({ status: 429, body: 'ingestion rate limit exceeded' }, { status: 500, body: 'at least 2 live replicas required', isStored: true });
    range(0, 100).forEach((seq) => logger.emit({ body: `record ${seq}`, attributes: { seq } }));
    await settle(100);
    expect(storedSeqs()).toEqual(range(0, 100));
    expect(lane()).toMatchObject({ delivered: 100, retries: 2 });
    expect(fake.requests.map(({ status }) => status)).toEqual([429, 500, 204]);
    expect(fake.duplicates).toBe(100);
  });

  it('a tenant that is blocked (260) loses what is sent, counted, by one request', async () => {
    const logger = start();
    fake.script({ status: 260, body: 'ingestion blocked for user fake' });
    range(0, 10).forEach((seq) => logger.emit({ body: `record ${seq}`, attributes: { seq } }));
    await settle(10);
    expect(fake.requests).toHaveLength(1);
    expect(lane()).toMatchObject({ delivered: 0, dropped: { rejected: 10 } });
    await until(() => diagnostics.lines.some((line) => line.includes('ingestion is blocked for this tenant')));
  });

  it('batches of a burst stay below a mebibyte and all of it arrives', async () => {
    const logger = start({ maxQueueSize: 100_000, compression: 'none' });
    range(0, 4000).forEach((seq) => logger.emit({ body: 'x'.repeat(1000), attributes: { seq } }));
    await settle(4000);
    expect(storedSeqs()).toEqual(range(0, 4000));
    expect(fake.requests.length).toBeGreaterThan(3);
    for (const { headers } of fake.requests) {
      expect(Number(headers['content-length'])).toBeLessThan(1.2 * 1024 * 1024);
    }
  });
});
