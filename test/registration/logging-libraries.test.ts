import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FaultServer, ok, status } from '../support/fault-server';
import type { UserFolder } from '../support/package-folder';
import { makeLoggingFolder, makeOwnScope, receivedRecords, runNode, sdkLines, type ProgramEnd, type ReceivedRecord } from '../support/preloaded-application';
import { range } from '../support/records';

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';
const SPAN_ID = 'b7ad6b7169203331';
const RECORDS = 100;

/** Logs inside a span; of OpenTelemetry it has only the context. */
const inSpan = (log: string): string => `
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
context.with(trace.setSpanContext(context.active(), { traceId: '${TRACE_ID}', spanId: '${SPAN_ID}', traceFlags: 1 }), () => {
  for (let seq = 0; seq < ${RECORDS}; seq++) {
    ${log}
  }
});
`;
const sources = (imports: readonly (readonly [string, string])[], body: string): [string, string] => {
  const all = [...imports, ['{ context, trace }', '@opentelemetry/api'], ['{ AsyncLocalStorageContextManager }', '@opentelemetry/context-async-hooks']];
  return [all.map(([names, from]) => `const ${names} = require('${from}');\n`).join('') + body, all.map(([names, from]) => `import ${names} from '${from}';\n`).join('') + body];
};
const [winstonCjs, winstonMjs] = sources(
  [['winston', 'winston']],
  `const logger = winston.createLogger({ transports: [new winston.transports.Console()] });\n${inSpan("logger.warn('order placed', { seq });")}`,
);
const [bunyanCjs] = sources([['bunyan', 'bunyan']], `const logger = bunyan.createLogger({ name: 'shop' });\n${inSpan("logger.info({ seq }, 'order placed');")}`);
const [consoleCjs] = sources([], inSpan("console.error('order %d', seq);"));

const AUTO = '@opentelemetry/auto-instrumentations-node/register';
const PINO_SERVER = `
const http = require('node:http');
const pino = require('pino');
const { trace } = require('@opentelemetry/api');
const says = (text) => require('node:fs').writeSync(2, text + '\\n');
const logger = pino();
const server = http.createServer((request, response) => {
  logger.info({ seq: Number(request.url.slice(1)) }, 'order placed');
  response.end(trace.getActiveSpan()?.spanContext().traceId ?? 'no span');
});
server.listen(0, '127.0.0.1', async () => {
  for (let seq = 0; seq < 20; seq++) {
    const answer = await new Promise((resolve) => http.get({ port: server.address().port, path: '/' + seq, agent: false }, (response) => {
      let text = '';
      response.on('data', (chunk) => (text += chunk)).on('end', () => resolve(text));
    }));
    says('trace ' + seq + ' ' + answer);
  }
  server.close();
});
`;

let server: FaultServer;

beforeEach(async () => {
  server = await FaultServer.start(ok);
});

afterEach(() => server.close());

jest.setTimeout(60_000);

describe.each(sdkLines)('with otel-log-queue/register, $name', (line) => {
  let folder: UserFolder;

  beforeAll(() => {
    folder = makeLoggingFolder(line, {
      'winston.cjs': winstonCjs,
      'winston.mjs': winstonMjs,
      'bunyan.cjs': bunyanCjs,
      'console.cjs': consoleCjs,
      'transport.cjs': `
        const logger = require('pino')({}, require('pino').transport({ target: 'pino/file', options: { destination: 1 } }));
        logger.info({ seq: 0 }, 'order placed');`,
      'server.cjs': PINO_SERVER,
      'emit.cjs': `require('@opentelemetry/api-logs').logs.getLogger('app').emit({ body: 'an event' }); console.log('done');`,
    });
  }, 300_000);

  afterAll(() => folder.remove());

  const run = (argv: readonly string[], env: Record<string, string> = {}): Promise<ProgramEnd> =>
    runNode(line, folder, argv, { OTEL_EXPORTER_OTLP_ENDPOINT: server.url, OTEL_SERVICE_NAME: 'x', OTEL_METRICS_EXPORTER: 'none', ...env });
  const register = ['--import', 'otel-log-queue/register'];

  const expectInSpan = (received: readonly ReceivedRecord[]): void => {
    for (const { record, resource } of received) {
      expect(record).toMatchObject({ traceId: TRACE_ID, spanId: SPAN_ID });
      expect(resource).toMatchObject({ 'service.name': 'x' });
    }
  };

  it.each(['winston.cjs', 'winston.mjs'])('%s: every record arrives once, with trace context', async (app) => {
    const { code, stderr } = await run([...register, app]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const received = receivedRecords(server.requests);
    expect(received.map(({ attributes }) => attributes['seq'])).toEqual(range(0, RECORDS));
    expect(received[0]).toMatchObject({ scope: '@opentelemetry/winston-transport', body: 'order placed', record: { severityNumber: 13, severityText: 'warn' } });
    expectInSpan(received);
  });

  it('bunyan: every record arrives once, with trace context', async () => {
    expect(await run([...register, 'bunyan.cjs'])).toMatchObject({ code: 0, stderr: '' });
    const received = receivedRecords(server.requests);
    expect(received.map(({ attributes }) => attributes['seq'])).toEqual(range(0, RECORDS));
    expectInSpan(received);
  });

  it('pino with a transport in a thread of its own, in which the preload runs again: the record arrives once, and the process ends', async () => {
    const { code, stdout, stderr } = await run([...register, 'transport.cjs']);
    expect({ code, lines: stdout.match(/order placed/g), stderr }).toEqual({ code: 0, lines: ['order placed'], stderr: '' });
    expect(receivedRecords(server.requests).map(({ attributes }) => attributes['seq'])).toEqual([0]);
  });

  it('with the loader hook of OpenTelemetry already there, it is not installed twice', async () => {
    const { code, stderr } = await run([...register, 'winston.mjs'], { NODE_OPTIONS: '--experimental-loader=@opentelemetry/instrumentation/hook.mjs --no-warnings' });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(receivedRecords(server.requests).map(({ attributes }) => attributes['seq'])).toEqual(range(0, RECORDS));
  });

  it('console, which has to be named: every line is one record, also while the console exporter writes them again', async () => {
    const { code, stdout, stderr } = await run([...register, 'console.cjs'], { OTEL_LOG_QUEUE_INSTRUMENTATIONS: 'console', OTEL_LOGS_EXPORTER: 'otlp,console' });
    expect({ code, stderr }).toEqual({ code: 0, stderr: range(0, RECORDS).map((seq) => `order ${seq}\n`).join('') });
    const received = receivedRecords(server.requests);
    expect(received.map(({ body }) => body)).toEqual(range(0, RECORDS).map((seq) => `order ${seq}`));
    expect(received[0]).toMatchObject({ scope: '@opentelemetry/instrumentation-console', record: { severityNumber: 17 } });
    expectInSpan(received);
    expect(stdout.trim().split('\n')).toHaveLength(RECORDS);
  });

  it('console: what diag says of failures becomes no record', async () => {
    server.script(status(503), ok);
    const env = { OTEL_LOG_QUEUE_INSTRUMENTATIONS: 'console', OTEL_LOG_QUEUE_RETRY_INITIAL_DELAY_MILLIS: '1', OTEL_LOGS_EXPORTER: 'otlp,zipkin' };
    const { stderr } = await run([...register, 'console.cjs'], env);
    expect(stderr).toContain('lane otlp cannot deliver and tries again');
    expect(stderr).toContain('zipkin');
    expect(receivedRecords(server.requests.slice(1)).map(({ body }) => body)).toEqual(range(0, RECORDS).map((seq) => `order ${seq}`));
  });

  it('console alone is not instrumented, nor is anything with none', async () => {
    await run([...register, 'console.cjs']);
    await run([...register, 'winston.cjs'], { OTEL_LOG_QUEUE_INSTRUMENTATIONS: 'none' });
    expect(receivedRecords(server.requests)).toEqual([]);
  });

  it('an instrumentation that is not there is one warning, but only where it was named', async () => {
    const { stderr } = await run([...register, 'emit.cjs'], { OTEL_LOG_QUEUE_INSTRUMENTATIONS: 'log4js,console' });
    expect(stderr).toBe('otel-log-queue: OTEL_LOG_QUEUE_INSTRUMENTATIONS does not know "log4js", but pino, winston, bunyan, console, none; ignored\n');
    expect(receivedRecords(server.requests).map(({ body }) => body)).toEqual(['an event', 'done']);
  });

  it.each([['--import'], ['--require']])('%s, before auto-instrumentations-node/register: each record once, by this package, in the trace that the other one makes', async (flag) => {
    const { code, stderr } = await run([flag, 'otel-log-queue/register', flag, AUTO, 'server.cjs'], { OTEL_NODE_RESOURCE_DETECTORS: 'env', OTEL_LOGS_EXPORTER: 'otlp,loki', OTEL_LOG_QUEUE_LOKI_URL: server.url });
    expect(code).toBe(0);
    const traces = stderr.split('\n').flatMap((text) => text.match(/^trace \d+ ([0-9a-f]{32})$/)?.[1] ?? []);
    expect(new Set(traces).size).toBe(20);
    const received = receivedRecords(server.requests);
    expect(received.map(({ attributes, record }) => [attributes['seq'], record.traceId])).toEqual(traces.map((trace, seq) => [seq, trace]));
    expect(received[0]?.resource).toMatchObject({ 'service.name': 'x' });
    expect(server.requests.filter(({ url }) => url === '/v1/logs').every(({ headers }) => headers['user-agent']?.startsWith('otel-log-queue'))).toBe(true);
    expect(server.requests.filter(({ url }) => url === '/v1/traces').length).toBeGreaterThan(0);
    expect(server.requests.filter(({ url }) => url.startsWith('/loki')).length).toBeGreaterThan(0);
    // The other one does not know loki, and on the 3.x line tries to register a provider of its own, which nobody has to be told.
    expect(stderr.split('\n').filter((text) => text !== '' && !text.startsWith('trace '))).toEqual(['Unsupported OTEL_LOGS_EXPORTER value: "loki". Supported values are: otlp, console, none.']);
  });

  it('after auto-instrumentations-node/register: a warning that names the order, and the other one keeps the logs', async () => {
    const { code, stderr } = await run(['--import', AUTO, ...register, 'server.cjs'], { OTEL_NODE_RESOURCE_DETECTORS: 'env' });
    expect(code).toBe(0);
    expect(stderr).toContain('otel-log-queue: a LoggerProvider is registered already, and keeps its place: load otel-log-queue/register before what registers it\n');
    expect(receivedRecords(server.requests)).toHaveLength(20);
    expect(server.requests.filter(({ url }) => url === '/v1/logs').some(({ headers }) => headers['user-agent']?.startsWith('otel-log-queue'))).toBe(false);
  });

  it('an application without the SDK starts all the same, and is told what is missing', async () => {
    const poor = makeLoggingFolder(line, { 'app.cjs': `console.log('works');` });
    try {
      makeOwnScope(poor, line, (name) => name === 'api');
      const { code, stdout, stderr } = await runNode(line, poor, [...register, 'app.cjs']);
      expect({ code, stdout }).toEqual({ code: 0, stdout: 'works\n' });
      expect(stderr).toContain('otel-log-queue/register needs @opentelemetry/sdk-logs, which the application does not have');
    } finally {
      poor.remove();
    }
  });

  it('an instrumentation that fails is one warning; the others and the API work', async () => {
    const broken = makeLoggingFolder(line, { 'winston.cjs': winstonCjs, 'winston.mjs': winstonMjs });
    try {
      const scope = makeOwnScope(broken, line, (name) => name !== 'instrumentation-pino');
      mkdirSync(join(scope, 'instrumentation-pino'));
      writeFileSync(join(scope, 'instrumentation-pino', 'index.js'), "throw new Error('too old');");
      const { code, stderr } = await runNode(line, broken, [...register, 'winston.mjs'], { OTEL_EXPORTER_OTLP_ENDPOINT: server.url, OTEL_LOG_LEVEL: 'loud' });
      expect(code).toBe(0);
      expect(stderr).toBe('otel-log-queue: OTEL_LOG_LEVEL must be one of none, error, warn, info, debug, verbose, all; ignored\notel-log-queue: pino is not instrumented: too old\n');
      expect(receivedRecords(server.requests)).toHaveLength(RECORDS);
    } finally {
      broken.remove();
    }
  });
});
