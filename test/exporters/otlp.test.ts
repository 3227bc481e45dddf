import { inspect } from 'node:util';
import { JsonLogsSerializer } from '@opentelemetry/otlp-transformer';
import { BatchLogRecordProcessor, LoggerProvider } from '@opentelemetry/sdk-logs';
import { ExportError } from '../../src/exporters/export-error';
import type { ExportOutcome } from '../../src/exporters/built-in-exporter';
import { OtlpLogRecordExporter } from '../../src/exporters/otlp';
import type { OtlpExporterOptions } from '../../src/exporters/otlp';
import { LogsEncoder } from '../../src/otlp/encode';
import type { LogRecord } from '../../src/record';
import { VERSION } from '../../src/version';
import { captureDiag } from '../support/capture-diag';
import * as faults from '../support/fault-server';
import { FaultServer } from '../support/fault-server';
import type { RecordedRequest } from '../support/fault-server';
import { makeRecord, range } from '../support/records';
import { until } from '../support/until';

const never = new AbortController().signal;
const SECRET = 'hunter2-token';

let server: FaultServer;
let exporter: OtlpLogRecordExporter;
let diagLines: ReturnType<typeof captureDiag>;

beforeEach(async () => {
  diagLines = captureDiag();
  server = await FaultServer.start();
});

afterEach(async () => {
  await exporter.shutdown();
  server.resumeReading();
  await until(() => server.openSockets() === 0);
  await server.close();
  diagLines.restore();
});

function newExporter(options: OtlpExporterOptions = {}): OtlpLogRecordExporter {
  exporter = new OtlpLogRecordExporter({ url: `${server.url}/v1/logs`, ...options }, {});
  return exporter;
}

const records = (count: number, overrides: Partial<LogRecord> = {}): LogRecord[] => range(0, count).map((seq) => makeRecord(seq, overrides));

/** The outcome, or the error if it rejects. */
async function settled(promise: Promise<ExportOutcome>): Promise<ExportOutcome | ExportError> {
  return promise.catch((error: unknown) => {
    expect(error).toBeInstanceOf(ExportError);
    return error as ExportError;
  });
}

/** The bodies of the records of a request, in order. */
function bodiesOf({ headers, body }: RecordedRequest): string[] {
  if (headers['content-type'] === 'application/json') {
    const { resourceLogs } = JSON.parse(body.toString()) as { resourceLogs: { scopeLogs: { logRecords: { body: { stringValue: string } }[] }[] }[] };
    return resourceLogs.flatMap((each) => each.scopeLogs.flatMap((scope) => scope.logRecords.map((record) => record.body.stringValue)));
  }
  // resource_logs 1, scope_logs 2, log_records 2, body 5, string_value 1
  return [1, 2, 2, 5, 1].reduce((messages, field) => messages.flatMap((message) => fieldsOf(message, field)), [body]).map((text) => text.toString());
}

function fieldsOf(message: Buffer, wanted: number): Buffer[] {
  const found: Buffer[] = [];
  let position = 0;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = message[position++] as number;
      value += (byte % 128) * factor;
      if (byte < 128) {
        return value;
      }
    }
  };
  while (position < message.length) {
    const tag = varint();
    const wireType = tag % 8;
    const length = wireType === 2 ? varint() : wireType === 1 ? 8 : wireType === 5 ? 4 : 0;
    if (wireType === 0) {
      varint();
    } else if (Math.floor(tag / 8) === wanted) {
      found.push(message.subarray(position, position + length));
    }
    position += length;
  }
  return found;
}

const variants = [
  { protocol: 'http/protobuf', compression: 'none' },
  { protocol: 'http/protobuf', compression: 'gzip' },
  { protocol: 'http/json', compression: 'none' },
  { protocol: 'http/json', compression: 'gzip' },
] as const;

describe.each(variants)('with $protocol and compression $compression', (variant) => {
  test('a request holds the records that were given', async () => {
    const batch = records(1000);
    expect(await newExporter(variant).exportOnce(batch, never)).not.toHaveProperty('lost');
    const [request] = server.requests as [RecordedRequest];
    expect(server.requests).toHaveLength(1);
    expect(request).toMatchObject({ method: 'POST', url: '/v1/logs' });
    expect(request.headers['content-type']).toBe(variant.protocol === 'http/json' ? 'application/json' : 'application/x-protobuf');
    expect(request.headers['content-encoding']).toBe(variant.compression === 'gzip' ? 'gzip' : undefined);
    expect(request.headers['user-agent']).toBe(`otel-log-queue/${VERSION}`);
    expect(request.headers['content-length']).toMatch(/^\d+$/);
    expect(bodiesOf(request)).toEqual(batch.map((record) => record.body));
    if (variant.protocol === 'http/protobuf') {
      const encoder = new LogsEncoder();
      encoder.begin();
      batch.forEach((record) => encoder.add(record));
      expect(request.body.equals(encoder.finish())).toBe(true);
    } else {
      const stock = JSON.parse(Buffer.from(JsonLogsSerializer.serializeRequest(batch) ?? []).toString()) as { resourceLogs: object[] };
      expect((JSON.parse(request.body.toString()) as { resourceLogs: object[] }).resourceLogs).toHaveLength(stock.resourceLogs.length);
    }
  });

  test('requests that overlap do not mix', async () => {
    newExporter(variant);
    const batches = [records(3000, { severityText: 'one' }), records(3000, { severityText: 'two' }), records(10)];
    await Promise.all(batches.map((batch) => exporter.exportOnce(batch, never)));
    expect(server.requests.map((request) => bodiesOf(request).length).sort((a, b) => a - b)).toEqual([10, 3000, 3000]);
    for (const request of server.requests) {
      expect(bodiesOf(request)).toEqual(range(0, bodiesOf(request).length).map((seq) => `record ${seq}`));
      expect(request.body.includes('one') && request.body.includes('two')).toBe(false);
    }
  });

  test('a partial success counts what was rejected', async () => {
    server.script(faults.partialSuccess(3, 'too old'));
    expect(await newExporter(variant).exportOnce(records(10), never)).toMatchObject({ lost: { rejected: 3 }, message: 'too old' });
    expect(diagLines.lines).toEqual([]);
  });

  test('a partial success never rejects more than was sent', async () => {
    server.script(faults.partialSuccess(300, ''));
    expect(await newExporter(variant).exportOnce(records(10), never)).toMatchObject({ lost: { rejected: 10 }, message: 'the receiver gave no reason' });
  });

  test('a warning with nothing rejected is a success, and said once in a while', async () => {
    server.script(faults.partialSuccess(0, 'use the new endpoint'));
    newExporter(variant);
    for (let count = 0; count < 3; count++) {
      expect(await exporter.exportOnce(records(1), never)).not.toHaveProperty('lost');
    }
    expect(diagLines.lines).toEqual([`warn otel-log-queue: ${server.url}/v1/logs has taken all records and says: use the new endpoint`]);
  });

  test('a success with a body that cannot be read is a success', async () => {
    newExporter(variant);
    for (const body of ['<html>thanks</html>', 'null', Buffer.from('0a0908', 'hex'), Buffer.alloc(100, 0xff)]) {
      server.script(faults.status(202, { body }));
      expect(await exporter.exportOnce(records(1), never)).not.toHaveProperty('lost');
    }
  });

  test('a record without a valid form is lost alone', async () => {
    const poison = Object.defineProperty(makeRecord(0), 'body', { get: () => { throw new Error('getter'); } });
    const batch = [makeRecord(1), poison, makeRecord(2)];
    expect(await newExporter(variant).exportOnce(batch, never)).toMatchObject({ lost: { invalid: 1 } });
    expect(bodiesOf(server.requests[0] as RecordedRequest)).toEqual(['record 1', 'record 2']);
    server.script(faults.partialSuccess(5, 'no'));
    expect(await exporter.exportOnce(batch, never)).toMatchObject({ lost: { invalid: 1, rejected: 2 }, message: 'no' });
    expect(await exporter.exportOnce([poison, poison], never)).toMatchObject({ lost: { invalid: 2 } });
    expect(await exporter.exportOnce([], never)).toEqual({});
    expect(server.requests).toHaveLength(2);
  });
});

test('records of one resource and scope stand together', async () => {
  const scope = { name: 'other' };
  const batch = records(6).map((record, index) => (index % 2 === 0 ? record : { ...record, instrumentationScope: scope }));
  await newExporter().exportOnce(batch, never);
  expect(bodiesOf(server.requests[0] as RecordedRequest)).toEqual(['record 0', 'record 2', 'record 4', 'record 1', 'record 3', 'record 5']);
});

test.each(['http/protobuf', 'http/json'] as const)('with %s a request over 64 MiB is not sent', async (protocol) => {
  const batch = records(3, { body: 'x'.repeat(25 * 1024 * 1024) });
  const error = await settled(newExporter({ protocol, compression: 'gzip' }).exportOnce(batch, never));
  expect(error).toMatchObject({ retryable: false, reason: 'too_large' });
  expect((error as ExportError).message).toMatch(/^a request of \d+ bytes is not sent: the limit is 67108864$/);
  expect(server.connections).toBe(0);
  expect(await exporter.exportOnce(records(2), never)).not.toHaveProperty('lost');
  expect(bodiesOf(server.requests[0] as RecordedRequest)).toEqual(['record 0', 'record 1']);
});

test('the event loop turns while a large batch is encoded', async () => {
  newExporter();
  let turns = 0;
  let encoding = true;
  const turn = (): void => {
    turns++;
    if (encoding) {
      setImmediate(turn);
    }
  };
  const controller = new AbortController();
  // Long enough for many slices on any machine; the abort ends it.
  const run = settled(exporter.exportOnce(records(200_000), controller.signal));
  setImmediate(turn);
  await until(() => turns > 5);
  controller.abort();
  expect(await run).toMatchObject({ retryable: true });
  encoding = false;
  expect(server.connections).toBe(0);
  expect(await exporter.exportOnce(records(1), never)).not.toHaveProperty('lost');
  expect(bodiesOf(server.requests[0] as RecordedRequest)).toEqual(['record 0']);
});

describe('the status', () => {
  test.each([
    [400, { retryable: false, reason: 'rejected' }],
    [401, { retryable: false, reason: 'export_failed' }],
    [403, { retryable: false, reason: 'export_failed' }],
    [404, { retryable: false, reason: 'export_failed' }],
    [408, { retryable: false, reason: 'export_failed' }],
    [413, { retryable: false, reason: 'too_large' }],
    [429, { retryable: true, reason: 'export_failed' }],
    [500, { retryable: false, reason: 'export_failed' }],
    [501, { retryable: false, reason: 'export_failed' }],
    [502, { retryable: true, reason: 'export_failed' }],
    [503, { retryable: true, reason: 'export_failed' }],
    [504, { retryable: true, reason: 'export_failed' }],
    [304, { retryable: false, reason: 'export_failed' }],
  ])('%i is judged as the specification says', async (code, expected) => {
    server.script(faults.status(code, { retryAfter: '7', body: code === 304 ? '' : 'some words' }), faults.ok);
    const error = await settled(newExporter().exportOnce(records(5), never));
    expect(error).toMatchObject({ ...expected, status: code, retryAfterMillis: 7000 });
    expect((error as ExportError).message).toBe(`POST ${server.url}/v1/logs answered ${code}${code === 304 ? ', redirects are not followed' : ': some words'}`);
    expect(await exporter.exportOnce(records(5), never)).not.toHaveProperty('lost');
    expect(server.connections).toBe(1);
  });

  test.each([200, 202, 204])('%i is a success', async (code) => {
    server.script(faults.status(code));
    expect(await newExporter().exportOnce(records(5), never)).not.toHaveProperty('lost');
  });

  test('comes with the message of a protobuf Status', async () => {
    const body = Buffer.concat([Buffer.from([0x08, 0x03, 0x12, 0x07]), Buffer.from('too old')]);
    server.script(faults.status(400, { body, headers: { 'content-type': 'application/x-protobuf' } }));
    expect(((await settled(newExporter().exportOnce(records(1), never))) as ExportError).message).toBe(`POST ${server.url}/v1/logs answered 400: too old`);
  });
});

const failures: [name: string, step: faults.FaultStep, expected: { retryable: boolean; status: number | undefined }][] = [
  ['a reset', faults.reset, { retryable: true, status: undefined }],
  ['no answer', faults.hang, { retryable: true, status: undefined }],
  ['an answer that drips for ever', faults.slowBody, { retryable: true, status: undefined }],
  ['a cut answer', faults.cutBody, { retryable: true, status: undefined }],
  ['an answer that is not HTTP', faults.garbage, { retryable: true, status: undefined }],
  ['an answer that is too large', faults.oversize, { retryable: false, status: 200 }],
  ['an upload that stalls', faults.stopReading, { retryable: true, status: undefined }],
  ['a redirect', faults.redirect('http://127.0.0.1:9/'), { retryable: false, status: 307 }],
  ['a 503', faults.status(503), { retryable: true, status: 503 }],
  ['a 400', faults.status(400), { retryable: false, status: 400 }],
];

// More than the buffers of two sockets on loopback take.
const batchFor = (step: faults.FaultStep): LogRecord[] => (step === faults.stopReading ? records(16, { body: 'x'.repeat(1024 * 1024) }) : records(5));

describe.each(['http/protobuf', 'http/json'] as const)('%s', (protocol) => {
  describe.each(failures)('after %s', (_name, step, expected) => {
    test('the batch fails as it should, and the exporter works again', async () => {
      server.script(faults.ok, step);
      newExporter({ protocol, timeoutMillis: 200 });
      await exporter.exportOnce(records(1), never);
      expect(await settled(exporter.exportOnce(batchFor(step), never))).toMatchObject({ ...expected, name: 'ExportError' });
      server.script(faults.ok);
      server.resumeReading();
      expect(await exporter.exportOnce(records(3), never)).not.toHaveProperty('lost');
      expect(bodiesOf(server.requests.at(-1) as RecordedRequest)).toEqual(['record 0', 'record 1', 'record 2']);
    });

    test('or before it, an abort ends the batch at once, and the exporter works again', async () => {
      server.script(step);
      newExporter({ protocol, timeoutMillis: 0 });
      const controller = new AbortController();
      const run = settled(exporter.exportOnce(batchFor(step), controller.signal));
      if (step === faults.hang || step === faults.slowBody || step === faults.stopReading) {
        await until(() => server.requests.length === 1);
      }
      controller.abort();
      expect(await run).toBeInstanceOf(ExportError);
      server.script(faults.ok);
      server.resumeReading();
      expect(await exporter.exportOnce(records(3), never)).not.toHaveProperty('lost');
    });

    test('shutdown ends a batch that would be sent again, and leaves no socket', async () => {
      server.script(step);
      newExporter({ protocol, timeoutMillis: 0 });
      const result = new Promise<{ code: number }>((resolve) => exporter.export(batchFor(step), resolve));
      await until(() => server.requests.length > 0);
      await exporter.shutdown();
      expect((await result).code).toBe(1);
      server.resumeReading();
      await until(() => server.openSockets() === 0);
    });
  });
});

describe('authentication', () => {
  test('takes the userinfo of the URL, and the URL is sent without it', async () => {
    newExporter({ url: server.url.replace('//', `//us%40er:${SECRET}@`) + '/v1/logs?tenant=a', userAgent: 'my-app/2.0', headers: { 'X-Own': 'yes' } });
    await exporter.exportOnce(records(1), never);
    const [request] = server.requests as [RecordedRequest];
    expect(request.url).toBe('/v1/logs?tenant=a');
    expect(request.headers).toMatchObject({
      authorization: `Basic ${Buffer.from(`us@er:${SECRET}`).toString('base64')}`,
      'user-agent': `my-app/2.0 otel-log-queue/${VERSION}`,
      'x-own': 'yes',
    });
  });

  test('is not sent to where a redirect points', async () => {
    const other = await FaultServer.start();
    server.script(faults.redirect(`${other.url}/v1/logs?from=${SECRET}`));
    newExporter({ headers: { authorization: `Bearer ${SECRET}` } });
    const error = await settled(exporter.exportOnce(records(1), never));
    expect(inspect(error, { depth: 20, showHidden: true })).not.toContain(SECRET);
    expect(other.connections).toBe(0);
    await other.close();
  });

  const basic = Buffer.from(`user:${SECRET}`).toString('base64');
  const echo = (code: number): faults.FaultStep => ({
    answer: (response, request) => {
      response.writeHead(code, { 'content-type': 'text/plain', location: `http://127.0.0.1:9/${SECRET}`, 'x-echo': SECRET });
      response.end(`${inspect(request.headers)} ${request.url} ${JSON.stringify(request.headers)} ${SECRET} ${encodeURIComponent(SECRET)}`);
    },
  });
  const echoWarning = (rejected: number): faults.FaultStep => ({
    answer: (response, request, recorded) => faults.partialSuccess(rejected, `bad: ${request.headers.authorization} ${request.url}`).answer(response, request, recorded),
  });

  test.each<[string, faults.FaultStep]>([
    ['301', echo(301)],
    ['400', echo(400)],
    ['401', echo(401)],
    ['413', echo(413)],
    ['500', echo(500)],
    ['a partial success', echoWarning(1)],
    ['a warning', echoWarning(0)],
    ...failures.map(([name, step]): [string, faults.FaultStep] => [name, step]),
  ])('stands in no error, no outcome and no line of diag after %s', async (_name, step) => {
    for (const credentials of [
      { url: `${server.url.replace('//', `//user:${SECRET}@`)}/v1/logs?key=${SECRET}` },
      { headers: { authorization: `Bearer ${SECRET}`, 'x-api-key': SECRET } },
    ]) {
      server.script(step);
      newExporter({ ...credentials, timeoutMillis: 200 });
      const result = inspect(await settled(exporter.exportOnce(batchFor(step), never)), { depth: 20, showHidden: true });
      const shown = `${result}\n${diagLines.lines.join('\n')}\n${inspect(exporter, { depth: 20, showHidden: true })}`;
      expect(shown).not.toContain(SECRET);
      expect(shown).not.toContain(basic);
      server.resumeReading();
      await exporter.shutdown();
    }
  });

  test('is replaced by *** in the words of the backend', async () => {
    server.script(echo(401));
    newExporter({ headers: { authorization: `Bearer ${SECRET}` } });
    expect(((await settled(exporter.exportOnce(records(1), never))) as ExportError).message).toMatch(/answered 401: .*authorization: '\*\*\*'/);
  });
});

describe('connections', () => {
  test('are kept between requests and closed by shutdown', async () => {
    newExporter();
    for (let count = 0; count < 5; count++) {
      await exporter.exportOnce(records(10), never);
    }
    expect(server.connections).toBe(1);
    await exporter.shutdown();
    await until(() => server.openSockets() === 0);
    const result = await new Promise<{ code: number; error?: Error }>((resolve) => exporter.export(records(1), resolve));
    expect(result).toMatchObject({ code: 1, error: { retryable: false } });
    expect(server.requests).toHaveLength(5);
  });

  test('that the server closed between two requests cost nothing', async () => {
    server.script(faults.closeAfterResponse);
    newExporter();
    for (let count = 0; count < 3; count++) {
      expect(await exporter.exportOnce(records(1), never)).not.toHaveProperty('lost');
      await until(() => server.openSockets() === 0);
    }
    server.script(faults.ok, faults.reset, faults.ok);
    await exporter.exportOnce(records(1), never);
    expect(await exporter.exportOnce(records(1), never)).not.toHaveProperty('lost');
  });
});

test('the estimate of a batch bounds the batches of a lane at 4 MiB', () => {
  newExporter();
  expect(exporter.maxBatchBytes).toBe(4 * 1024 * 1024);
  expect(exporter.sizeOf(makeRecord(1, { body: 'x'.repeat(1000) }))).toBeGreaterThan(1000);
});

describe('in the stock BatchLogRecordProcessor', () => {
  test('a batch that was refused for now is sent again and arrives once', async () => {
    server.script(faults.status(503), faults.reset, faults.ok);
    newExporter();
    const provider = new LoggerProvider({ processors: [new BatchLogRecordProcessor({ exporter })] });
    const logger = provider.getLogger('test');
    for (const seq of range(0, 10)) {
      logger.emit({ body: `record ${seq}` });
    }
    await provider.forceFlush();
    await provider.shutdown();
    // The reset comes on a connection that was used before: it is repeated at once.
    expect(server.requests).toHaveLength(3);
    expect(new Set(server.requests.map((request) => request.body.toString('hex'))).size).toBe(1);
    expect(bodiesOf(server.requests[2] as RecordedRequest)).toEqual(range(0, 10).map((seq) => `record ${seq}`));
    expect(diagLines.lines).toEqual([]);
  });
});
