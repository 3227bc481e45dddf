import { diag, DiagLogLevel } from '@opentelemetry/api';
import { BatchLogRecordProcessor, LoggerProvider } from '@opentelemetry/sdk-logs';
import fc from 'fast-check';
import { ExportError } from '../../src/exporters/export-error';
import { loki, LokiLogRecordExporter, resolveLokiOptions, type LokiExporterOptions } from '../../src/exporters/loki';
import type { LogRecord } from '../../src/record';
import { FakeLoki } from '../support/fake-loki';
import { lokiRecord } from '../support/loki-arbitraries';
import { FaultServer, garbage, hang, redirect, reset, status } from '../support/fault-server';
import { makeRecord, range } from '../support/records';
import { until } from '../support/until';

const NEVER = new AbortController().signal;
const lines: string[] = [];
const open: { close(): Promise<void> | void }[] = [];

beforeEach(() => {
  const note = (...words: unknown[]): void => void lines.push(words.map(String).join(' '));
  diag.setLogger({ error: note, warn: note, info: note, debug: note, verbose: note }, { logLevel: DiagLogLevel.ALL, suppressOverrideMessage: true });
  lines.length = 0;
});

afterEach(async () => {
  await Promise.all(open.splice(0).map(async (each) => each.close()));
  diag.disable();
});

async function startLoki(...args: Parameters<typeof FakeLoki.start>): Promise<FakeLoki> {
  const fake = await FakeLoki.start(...args);
  open.push(fake);
  return fake;
}

async function startFaults(...steps: Parameters<typeof FaultServer.start>): Promise<FaultServer> {
  const server = await FaultServer.start(...steps);
  open.push(server);
  return server;
}

function exporterFor(options: LokiExporterOptions): LokiLogRecordExporter {
  const exporter = new LokiLogRecordExporter({ timeoutMillis: 5000, ...options }, {});
  open.unshift({ close: () => exporter.shutdown() });
  return exporter;
}

async function failureOf(promise: Promise<unknown>): Promise<ExportError> {
  const error: unknown = await promise.then(
    () => new Error('did not fail'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ExportError);
  return error as ExportError;
}

describe('options', () => {
  it('have defaults', () => {
    const { indexAttributes, ...others } = resolveLokiOptions({}, {});
    expect(others).toEqual({ url: 'http://localhost:3100/loki/api/v1/push', labels: {}, headers: {}, timeoutMillis: 10_000, encoding: 'json', compression: 'gzip', maxLineBytes: 262_144, detectedLevel: true });
    expect(indexAttributes).toContain('service.name');
    expect(indexAttributes).toContain('deployment.environment.name');
    expect(indexAttributes).toHaveLength(16);
    expect(indexAttributes).not.toContain('service.instance.id');
    expect(indexAttributes).not.toContain('k8s.pod.name');
  });

  it.each([
    ['http://loki:3100', 'http://loki:3100/loki/api/v1/push'],
    ['http://loki:3100/', 'http://loki:3100/loki/api/v1/push'],
    ['https://host/prefix', 'https://host/prefix/loki/api/v1/push'],
    ['https://host/insert/', 'https://host/insert/loki/api/v1/push'],
    ['http://loki:3100/loki/api/v1/push', 'http://loki:3100/loki/api/v1/push'],
    ['http://loki:3100/p/loki/api/v1/push/', 'http://loki:3100/p/loki/api/v1/push'],
    ['http://loki:3100?key=value', 'http://loki:3100/loki/api/v1/push?key=value'],
  ])('make of the url %s %s', (url, pushUrl) => {
    expect(resolveLokiOptions({ url }, {}).url).toBe(pushUrl);
  });

  it('take the url from the environment unless the code has one', () => {
    const environment = { OTEL_LOG_QUEUE_LOKI_URL: ' http://from-env:1/x ' };
    expect(resolveLokiOptions({}, environment).url).toBe('http://from-env:1/x/loki/api/v1/push');
    expect(resolveLokiOptions({ url: 'http://code' }, environment).url).toBe('http://code/loki/api/v1/push');
    expect(resolveLokiOptions({}, { OTEL_LOG_QUEUE_LOKI_URL: '' }).url).toBe('http://localhost:3100/loki/api/v1/push');
    expect(lines).toEqual([]);
    expect(resolveLokiOptions({}, { OTEL_LOG_QUEUE_LOKI_URL: 'ftp://user:secret-word@x' }).url).toBe('http://localhost:3100/loki/api/v1/push');
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('OTEL_LOG_QUEUE_LOKI_URL');
    expect(lines[0]).not.toContain('secret-word');
  });

  it('put credentials and tenant into headers, the dedicated options over the others', () => {
    const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;
    expect(resolveLokiOptions({ basicAuth: { username: '12', password: 'p:ä' } }, {}).headers).toEqual({ authorization: basic('12:p:ä') });
    expect(resolveLokiOptions({ bearerToken: 'tok', tenantId: 'a', headers: { 'X-Scope-OrgID': 'b', Authorization: 'x', 'X-Other': '1' } }, {}).headers).toEqual({
      authorization: 'Bearer tok',
      'x-scope-orgid': 'a',
      'x-other': '1',
    });
    const fromUrl = resolveLokiOptions({ url: 'http://u:p@host' }, {});
    expect([fromUrl.url, fromUrl.headers]).toEqual(['http://host/loki/api/v1/push', { authorization: basic('u:p') }]);
  });

  it('make a description that is plain, can be cloned and resolves to itself', () => {
    const description = loki({ url: 'http://u:p@host/x', labels: { env: 'prod' }, tenantId: 't', encoding: 'protobuf', compression: 'none', maxLineBytes: 5, detectedLevel: false, indexAttributes: ['a'], timeoutMillis: 0 });
    expect(description.type).toBe('loki');
    expect(structuredClone(description)).toEqual(description);
    expect(resolveLokiOptions(description.options, { OTEL_LOG_QUEUE_LOKI_URL: 'http://other' })).toEqual(description.options);
    expect(lines).toEqual([]);
  });

  it('warn about a key that is none', () => {
    resolveLokiOptions({ lables: {} } as LokiExporterOptions, {});
    expect(lines.join()).toContain("'lables'");
  });

  it.each([
    ['url', { url: 5 }, TypeError],
    ['url', { url: 'loki:3100' }, RangeError],
    ['labels', { labels: { 'a.b': 'x' } }, TypeError],
    ['labels', { labels: { '1a': 'x' } }, TypeError],
    ['labels', { labels: { 'a:b': 'x' } }, TypeError],
    ['labels', { labels: { '': 'x' } }, TypeError],
    ['labels', { labels: { a: 5 } }, TypeError],
    ['labels', { labels: [] }, TypeError],
    ['labels', { labels: { a: 'x'.repeat(2049) } }, RangeError],
    ['tenantId', { tenantId: 'a|b' }, RangeError],
    ['tenantId', { tenantId: 'x'.repeat(151) }, RangeError],
    ['tenantId', { tenantId: '' }, TypeError],
    ['tenantId', { tenantId: 'a\nb' }, RangeError],
    ['basicAuth', { basicAuth: { username: 'secret-word', password: 'x' }, bearerToken: 'secret-word' }, TypeError],
    ['basicAuth.password', { basicAuth: { username: 'u', password: 12345 } }, TypeError],
    ['basicAuth.username', { basicAuth: { username: 'secret-word:x', password: 'p' } }, RangeError],
    ['basicAuth', { basicAuth: 'secret-word' }, TypeError],
    ['headers', { headers: 'authorization=secret-word' }, TypeError],
    ['options', 'http://user:secret-word@loki', TypeError],
    ['bearerToken', { bearerToken: '' }, TypeError],
    ['credentials', { bearerToken: 'secret-word\n' }, RangeError],
    ['headers', { headers: { 'content-length': '1' } }, RangeError],
    ['timeoutMillis', { timeoutMillis: -1 }, RangeError],
    ['encoding', { encoding: 'snappy' }, RangeError],
    ['encoding', { encoding: 5 }, TypeError],
    ['compression', { compression: 'snappy' }, RangeError],
    ['indexAttributes', { indexAttributes: 'service.name' }, TypeError],
    ['indexAttributes[1]', { indexAttributes: ['a', 5] }, TypeError],
    ['maxLineBytes', { maxLineBytes: 0 }, RangeError],
    ['detectedLevel', { detectedLevel: 'yes' }, TypeError],
  ])('name a wrong %s, and never a credential', (name, options, type) => {
    const make = (): unknown => new LokiLogRecordExporter(options as unknown as LokiExporterOptions, {});
    expect(make).toThrow(type);
    expect(make).toThrow(name);
    expect(make).not.toThrow(/secret-word|12345/);
  });
});

describe('a push', () => {
  it('stores records, once and in order', async () => {
    const fake = await startLoki();
    const exporter = exporterFor({ url: fake.url, labels: { env: 'test' }, tenantId: 'team', basicAuth: { username: 'u', password: 'p' }, headers: { 'X-Custom': 'c' } });
    const records = range(0, 1000).map((seq) => makeRecord(seq));
    expect(await exporter.exportOnce(records, NEVER)).not.toHaveProperty('lost');
    expect(fake.entries.map(({ line }) => line)).toEqual(records.map(({ body }) => body));
    expect(fake.entries[7]).toEqual({
      labels: { env: 'test', service_name: 'test' },
      timestamp: '1700000000000000007',
      line: 'record 7',
      metadata: { seq: '7', severity_number: '9', severity_text: 'INFO', detected_level: 'info', observed_timestamp: '1700000000000000007', scope_name: 'test-scope' },
    });
    expect(fake.requests).toHaveLength(1);
    expect(fake.requests[0]).toMatchObject({
      url: '/loki/api/v1/push',
      headers: {
        'content-type': 'application/json',
        'content-encoding': 'gzip',
        'x-scope-orgid': 'team',
        authorization: 'Basic dTpw',
        'x-custom': 'c',
        'user-agent': expect.stringMatching(/^otel-log-queue\//) as string,
      },
    });
    // A repeated attempt is harmless.
    await exporter.exportOnce(records, NEVER);
    expect([fake.entries.length, fake.duplicates]).toEqual([1000, 1000]);
  });

  it('is not compressed on demand', async () => {
    const fake = await startLoki();
    await exporterFor({ url: `${fake.url}/prefix/`, compression: 'none' }).exportOnce([makeRecord(1)], NEVER);
    expect(fake.requests[0]?.url).toBe('/prefix/loki/api/v1/push');
    expect(fake.requests[0]?.headers['content-encoding']).toBeUndefined();
    expect(fake.entries).toHaveLength(1);
  });

  it.each([
    ['gzip', 'gzip'],
    ['none', undefined],
  ] as const)('of protobuf stores the same as one of JSON (compression %s)', async (compression, contentEncoding) => {
    const [json, protobuf] = [await startLoki(), await startLoki()];
    const options = { labels: { env: 'a "b" \\ c\n' }, tenantId: 'team', compression };
    const records = range(0, 1000).map((seq) => makeRecord(seq, { attributes: { seq, stack: `Error: "${seq}"\n\tat x` } }));
    expect(await exporterFor({ ...options, url: json.url }).exportOnce(records, NEVER)).not.toHaveProperty('lost');
    const exporter = exporterFor({ ...options, url: protobuf.url, encoding: 'protobuf' });
    expect(await exporter.exportOnce(records, NEVER)).not.toHaveProperty('lost');
    expect(protobuf.entries).toHaveLength(1000);
    expect(protobuf.entries).toEqual(json.entries);
    expect(protobuf.requests).toMatchObject([{ url: '/loki/api/v1/push', status: 204, headers: { 'content-type': 'application/x-protobuf', 'x-scope-orgid': 'team' } }]);
    expect(protobuf.requests[0]?.headers['content-encoding']).toBe(contentEncoding);
    // A repeated attempt is harmless.
    await exporter.exportOnce(records, NEVER);
    expect([protobuf.entries.length, protobuf.duplicates]).toEqual([1000, 1000]);
  });

  it('of protobuf keeps a stack trace as it is, also where Loki before 3.6 keeps the escapes of JSON', async () => {
    const stack = new Error('with "quotes"').stack as string;
    const stored: Record<string, string | undefined> = {};
    for (const encoding of ['json', 'protobuf'] as const) {
      const old = await startLoki({ keepsJsonEscapes: true });
      expect(await exporterFor({ url: old.url, encoding }).exportOnce([makeRecord(1, { attributes: { 'exception.stacktrace': stack } })], NEVER)).not.toHaveProperty('lost');
      stored[encoding] = old.entries[0]?.metadata['exception_stacktrace'];
    }
    expect(stored['protobuf']).toBe(stack);
    expect(stored['json']).toContain('\\n    at ');
  });

  it('is not made of nothing', async () => {
    const fake = await startLoki();
    const exporter = exporterFor({ url: fake.url });
    const bad = { ...makeRecord(1), get body(): string { throw new Error('body'); } };
    expect(await exporter.exportOnce([], NEVER)).toEqual({});
    expect(await exporter.exportOnce([bad, bad], NEVER)).toEqual({ lost: { invalid: 2 }, message: 'the records have no valid form' });
    expect(fake.requests).toEqual([]);
  });

  it('loses a record that cannot be read, and its neighbours arrive', async () => {
    const fake = await startLoki();
    const throwing = { get getter(): string { throw new Error('getter'); } };
    const records = [makeRecord(1), makeRecord(2, { attributes: throwing }), makeRecord(3, { body: { throwing } }), null as unknown as LogRecord, makeRecord(5)];
    expect(await exporterFor({ url: fake.url }).exportOnce(records, NEVER)).toMatchObject({ lost: { invalid: 3 } });
    expect(fake.entries.map(({ line }) => line)).toEqual(['record 1', 'record 5']);
  });

  it('has names that Loki takes: one that it does not would cost the whole request, for ever', async () => {
    const fake = await startLoki();
    const attributes = { _: 1, $: 2, 日本: 3, '': 4, 'ok.k': 5 };
    expect(await exporterFor({ url: fake.url }).exportOnce([makeRecord(0, { attributes })], NEVER)).not.toHaveProperty('lost');
    expect(fake.entries[0]?.metadata).toMatchObject({ key_5f: '1', key_24: '2', key_65e5_672c: '3', key_: '4', ok_k: '5' });
  });

  it('delivers what is beyond the limits of Loki cut, and says so once', async () => {
    const fake = await startLoki();
    const exporter = exporterFor({ url: fake.url });
    const many = Object.fromEntries(range(0, 300).map((index) => [`k${index}`, 'x'.repeat(1000)]));
    const records = range(0, 5).map((seq) => makeRecord(seq, { body: 'ä'.repeat(300_000), attributes: many }));
    expect(await exporter.exportOnce(records, NEVER)).not.toHaveProperty('lost');
    expect(fake.entries).toHaveLength(5);
    expect(lines.filter((line) => line.includes('some lines'))).toHaveLength(1);
    expect(lines.filter((line) => line.includes('some attributes'))).toHaveLength(1);
    expect(lines).toHaveLength(2);
  });

  it.each(['json', 'protobuf'] as const)('is split where Loki could never take it, and all of it arrives (%s)', async (encoding) => {
    const fake = await startLoki();
    const records = range(0, 60).map((seq) => makeRecord(seq, { body: `${seq} ${'€'.repeat(80_000)}` }));
    expect(await exporterFor({ url: fake.url, encoding }).exportOnce(records, NEVER)).not.toHaveProperty('lost');
    expect(fake.entries.map(({ line }) => Number(line.split(' ')[0]))).toEqual(range(0, 60));
    expect(fake.requests.length).toBeGreaterThan(3);
  });

  it('is one for each resource', async () => {
    const fake = await startLoki();
    const resources = ['a', 'b'].map((name) => ({ attributes: { 'service.name': name }, getRawAttributes: () => [] }) as unknown as LogRecord['resource']);
    const records = range(0, 10).map((seq) => makeRecord(seq, { resource: resources[seq % 2] as LogRecord['resource'] }));
    await exporterFor({ url: fake.url }).exportOnce(records, NEVER);
    expect(fake.requests).toHaveLength(2);
    expect(fake.entries.filter(({ labels }) => labels['service_name'] === 'a').map(({ metadata }) => metadata['seq'])).toEqual(['0', '2', '4', '6', '8']);
  });

  // Loki hides what one stream of a push has met behind the success of a later one.
  it.each([
    ['first', ['a', 'b']],
    ['last', ['b', 'a']],
  ])('tells what was refused although another resource fares well, be it the %s one', async (_, order) => {
    const fake = await startLoki({ checksTime: true });
    const exporter = exporterFor({ url: fake.url });
    const now = Math.floor(Date.now() / 1000);
    const resources = Object.fromEntries(order.map((name) => [name, { attributes: { 'service.name': name }, getRawAttributes: () => [] } as unknown as LogRecord['resource']]));
    const recordOf = (seq: number, name: string, secondsAgo: number): LogRecord => makeRecord(seq, { hrTime: [now - secondsAgo, seq], resource: resources[name] as LogRecord['resource'] });
    const behind = [recordOf(1, 'a', 0), recordOf(2, 'a', 7200), recordOf(3, 'a', 0)];
    const records = order.flatMap((name) => (name === 'a' ? behind : [recordOf(4, name, 0)]));
    const outcome = await exporter.exportOnce(records, NEVER);
    expect(outcome.lost).toEqual({ rejected: 1 });
    expect(outcome.message).toContain('too far behind');
    expect(fake.entries.map(({ metadata }) => metadata['seq']).sort()).toEqual(['1', '3', '4']);
  });

  it('lets the event loop turn while it is encoded', async () => {
    const fake = await startLoki();
    let read = 0;
    const total = 20_000;
    const records = range(0, total).map((seq) => ({ ...makeRecord(seq), get body(): string { read++; return 'x'; } }));
    const exported = exporterFor({ url: fake.url }).exportOnce(records, NEVER);
    const readAtTurns = new Set<number>();
    while (read < total) {
      readAtTurns.add(read);
      await new Promise(setImmediate);
    }
    expect(await exported).not.toHaveProperty('lost');
    expect(readAtTurns.size).toBeGreaterThan(5);
  });

  it.each(['json', 'protobuf'] as const)('is accepted whole, whatever the records are (%s)', async (encoding) => {
    const fake = await startLoki();
    const exporter = exporterFor({ url: fake.url, encoding });
    await fc.assert(
      fc.asyncProperty(fc.array(lokiRecord, { minLength: 1, maxLength: 8 }), async (records) => {
        const requests = fake.requests.length;
        const stored = fake.entries.length + fake.duplicates;
        const outcome = await exporter.exportOnce(records, NEVER);
        const invalid = outcome.lost?.invalid ?? 0;
        expect(outcome.lost?.rejected).toBeUndefined();
        expect(fake.entries.length + fake.duplicates - stored).toBe(records.length - invalid);
        for (const request of fake.requests.slice(requests)) {
          expect([request.status, request.body]).toEqual([204, request.body]);
        }
      }),
      { numRuns: 150 },
    );
  }, 60_000);
});

describe('the answer', () => {
  const retryable = { retryable: true, reason: 'export_failed' };
  const permanent = { retryable: false, reason: 'export_failed' };

  it.each([
    [260, { retryable: false, reason: 'rejected' }],
    [201, permanent],
    [202, permanent],
    [307, permanent],
    [400, { retryable: false, reason: 'rejected' }],
    [401, permanent],
    [403, permanent],
    [404, permanent],
    [405, permanent],
    [408, permanent],
    [413, { retryable: false, reason: 'too_large' }],
    [415, permanent],
    [422, permanent],
    [429, retryable],
    [500, retryable],
    [501, retryable],
    [502, retryable],
    [503, retryable],
    [504, retryable],
  ])('%d is %j', async (code, expected) => {
    const fake = await startLoki();
    fake.script({ status: code, body: 'first words of the backend' });
    const error = await failureOf(exporterFor({ url: fake.url }).exportOnce([makeRecord(1)], NEVER));
    expect(error).toMatchObject({ status: code, ...expected });
    expect(error.message).toMatch(new RegExp(`answered ${code}\\b.*first words of the backend`));
    expect(error.message).toContain(`${fake.url}/loki/api/v1/push`);
  });

  it.each([204, 200])('%d is success', async (code) => {
    const fake = await startLoki();
    fake.script({ status: code });
    expect(await exporterFor({ url: fake.url }).exportOnce([makeRecord(1)], NEVER)).not.toHaveProperty('lost');
  });

  it('may ask to be left alone', async () => {
    const server = await startFaults(status(429, { retryAfter: '7' }), status(503, { retryAfter: 'soon' }));
    const exporter = exporterFor({ url: server.url });
    expect((await failureOf(exporter.exportOnce([makeRecord(1)], NEVER))).retryAfterMillis).toBe(7000);
    expect((await failureOf(exporter.exportOnce([makeRecord(1)], NEVER))).retryAfterMillis).toBeUndefined();
  });

  it('may say how many entries were too old for their stream', async () => {
    const fake = await startLoki();
    const exporter = exporterFor({ url: fake.url });
    const words = (ignored: number, all: number): string =>
      `entry with timestamp 2026-01-01 00:00:00 +0000 UTC ignored, reason: 'entry too far behind, entry timestamp is: 2026',\nuser 'fake', total ignored: ${ignored} out of ${all} for stream: {service_name="test"}`;
    fake.script({ status: 400, body: words(2, 3) });
    const outcome = await exporter.exportOnce([1, 2, 3].map((seq) => makeRecord(seq)), NEVER);
    expect(outcome.lost).toEqual({ rejected: 2 });
    expect(outcome.message).toContain('too far behind');
    // Not about this push as a whole: every record counts as rejected.
    for (const body of [words(2, 4), words(4, 3), words(0, 3), `${words(1, 3)} ${words(1, 3)}`]) {
      fake.script({ status: 400, body });
      await expect(exporter.exportOnce([1, 2, 3].map((seq) => makeRecord(seq)), NEVER)).rejects.toMatchObject({ reason: 'rejected', retryable: false, status: 400 });
    }
  });

  it('about old records costs the batch and stores the others', async () => {
    const fake = await startLoki({ checksTime: true });
    const now = Math.floor(Date.now() / 1000);
    const records = [makeRecord(1), makeRecord(2, { hrTime: [now, 0] }), makeRecord(3, { hrTime: [now + 3600, 0] })];
    expect(await failureOf(exporterFor({ url: fake.url }).exportOnce(records, NEVER))).toMatchObject({ reason: 'rejected', retryable: false });
    expect(fake.entries.map(({ line }) => line)).toEqual(['record 2']);
  });

  it.each([
    ['a reset', reset],
    ['garbage', garbage],
  ])('that is %s can be tried again', async (_name, step) => {
    const server = await startFaults(step);
    expect((await failureOf(exporterFor({ url: server.url }).exportOnce([makeRecord(1)], NEVER))).retryable).toBe(true);
  });

  it('that does not come in time can be tried again', async () => {
    const server = await startFaults(hang);
    const error = await failureOf(exporterFor({ url: server.url, timeoutMillis: 20 }).exportOnce([makeRecord(1)], NEVER));
    expect(error).toMatchObject({ retryable: true });
  });

  it('of a server that is not there can be tried again', async () => {
    const server = await FaultServer.start();
    const { url } = server;
    await server.close();
    expect((await failureOf(exporterFor({ url }).exportOnce([makeRecord(1)], NEVER))).retryable).toBe(true);
  });

  it('that redirects is not followed', async () => {
    const other = await startFaults();
    const server = await startFaults(redirect(other.url));
    const error = await failureOf(exporterFor({ url: server.url, bearerToken: 'secret-word' }).exportOnce([makeRecord(1)], NEVER));
    expect(error.message).toContain('redirects are not followed');
    expect(other.requests).toEqual([]);
  });
});

describe('credentials', () => {
  it('are in no message, even if the server repeats its headers', async () => {
    const echo = { answer: (response: import('node:http').ServerResponse, request: import('node:http').IncomingMessage) => {
      response.writeHead(400);
      response.end(`${JSON.stringify(request.headers)} decoded: ${Buffer.from(String(request.headers.authorization).slice(6), 'base64').toString()}`);
    } };
    const server = await startFaults(echo);
    const messages: string[] = [];
    const variants: LokiExporterOptions[] = [
      { basicAuth: { username: 'user', password: 'secret-word' } },
      { bearerToken: 'secret-word' },
      { headers: { 'X-Api-Key': 'secret-word' } },
      { url: server.url.replace('http://', 'http://user:secret-word@') },
      { url: `${server.url}?token=secret-word` },
    ];
    for (const options of variants) {
      const exporter = exporterFor({ url: server.url, tenantId: 'visible-tenant', ...options });
      const error = await failureOf(exporter.exportOnce([makeRecord(1)], NEVER));
      messages.push(error.message, error.stack ?? '', JSON.stringify(error));
      await new Promise<void>((resolve) => exporter.export([makeRecord(1)], (result) => {
        messages.push(String(result.error?.message));
        resolve();
      }));
    }
    expect(messages.join()).toContain('visible-tenant');
    for (const secret of ['secret-word', Buffer.from('user:secret-word').toString('base64')]) {
      expect([...messages, ...lines].join()).not.toContain(secret);
    }
  });

  it('leave room for no more than 1 KB of what the server says', async () => {
    const server = await startFaults(status(400, { body: 'x'.repeat(100_000) }));
    const { message } = await failureOf(exporterFor({ url: server.url }).exportOnce([makeRecord(1)], NEVER));
    expect(Buffer.byteLength(message)).toBeLessThan(1200);
  });
});

describe('the end', () => {
  it('comes soon after the signal', async () => {
    const server = await startFaults(hang);
    const abort = new AbortController();
    const exported = failureOf(exporterFor({ url: server.url }).exportOnce([makeRecord(1)], abort.signal));
    await until(() => server.requests.length === 1);
    abort.abort();
    expect((await exported).retryable).toBe(true);
    await until(() => server.openSockets() === 0);
  });

  it('comes between two slices too', async () => {
    const server = await startFaults();
    const abort = new AbortController();
    const exported = failureOf(exporterFor({ url: server.url }).exportOnce(range(0, 50_000).map((seq) => makeRecord(seq)), abort.signal));
    abort.abort();
    expect(await exported).toMatchObject({ retryable: true });
    expect(server.requests).toEqual([]);
  });

  it('leaves no socket', async () => {
    const server = await startFaults(status(204));
    const exporter = exporterFor({ url: server.url });
    await exporter.exportOnce([makeRecord(1)], NEVER);
    await exporter.exportOnce([makeRecord(2)], NEVER);
    expect([server.connections, server.openSockets()]).toEqual([1, 1]);
    await exporter.shutdown();
    await until(() => server.openSockets() === 0);
  });
});

it('works with the stock processor, and with records of the SDK', async () => {
  const fake = await startLoki({ checksTime: true });
  const exporter = exporterFor({ url: fake.url });
  const provider = new LoggerProvider({ processors: [new BatchLogRecordProcessor({ exporter })] });
  fake.script({ status: 500, body: 'try again' });
  const logger = provider.getLogger('sdk-scope', '2.0');
  logger.emit({ body: 'hello', severityNumber: 13, severityText: 'WARN', attributes: { 'a.b': 1 }, eventName: 'greeting' });
  logger.emit({ body: { b: 1, a: ['x'] } });
  await provider.forceFlush();
  expect(fake.requests.map(({ status }) => status)).toEqual([500, 204]);
  expect(fake.entries.map(({ line }) => line)).toEqual(['hello', '{"a":["x"],"b":1}']);
  expect(fake.entries[0]).toMatchObject({
    labels: { service_name: expect.stringContaining('unknown_service') as string },
    metadata: { a_b: '1', severity_number: '13', detected_level: 'warn', event_name: 'greeting', scope_name: 'sdk-scope', scope_version: '2.0', telemetry_sdk_language: 'nodejs' },
  });
  await provider.shutdown();
});
