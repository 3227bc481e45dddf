import { readFileSync } from 'node:fs';
import { FaultServer, ok, status } from '../support/fault-server';
import type { UserFolder } from '../support/package-folder';
import { makeLoggingFolder, receivedRecords, runNode, sdkLines } from '../support/preloaded-application';
import { range } from '../support/records';

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';
const SPAN_ID = 'b7ad6b7169203331';
const RECORDS = 100;

// The application has its own tracing; of logs it knows nothing but its library.
const body = `
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
const span = trace.setSpanContext(context.active(), { traceId: '${TRACE_ID}', spanId: '${SPAN_ID}', traceFlags: 1 });
const logger = pino();
context.with(span, () => {
  for (let seq = 0; seq < ${RECORDS}; seq++) {
    logger.info({ seq }, 'order placed');
  }
});
if (process.env.END === 'exit') {
  process.exit(3);
}
`;
const imports = [
  ['pino', 'pino'],
  ['{ context, trace }', '@opentelemetry/api'],
  ['{ AsyncLocalStorageContextManager }', '@opentelemetry/context-async-hooks'],
];

const NODE_SDK = `
const { NodeSDK } = require('@opentelemetry/sdk-node');
const { QueueLogRecordProcessor } = require('otel-log-queue');
const processor = QueueLogRecordProcessor.fromEnv();
const sdk = new NodeSDK({ logRecordProcessors: [processor], spanProcessors: [], metricReaders: [] });
sdk.start();
require('otel-log-queue/bridge').bridgeLogsApis();
require('@opentelemetry/api-logs').logs.getLogger('app').emit({ body: 'an event' });
`;

const REPORT = `
const { logs } = require('@opentelemetry/api-logs');
const says = (text) => require('node:fs').writeSync(1, text + '\\n');
`;

let server: FaultServer;

beforeEach(async () => {
  server = await FaultServer.start(ok);
});

afterEach(() => server.close());

jest.setTimeout(60_000);

describe.each(sdkLines)('otel-log-queue/register, $name', (line) => {
  let folder: UserFolder;

  beforeAll(() => {
    folder = makeLoggingFolder(line, {
      'pino.cjs': imports.map(([names, from]) => `const ${names} = require('${from}');\n`).join('') + body,
      'pino.mjs': imports.map(([names, from]) => `import ${names} from '${from}';\n`).join('') + body,
      'emit.cjs': `require('@opentelemetry/api-logs').logs.getLogger('app').emit({ body: 'an event', attributes: { long: 'abcdef', second: 1, third: 2 } });`,
      'signal.cjs': `require('./emit.cjs'); setInterval(() => {}, 1000); process.kill(process.pid, 'SIGTERM');`,
      'main.cjs': `
        require('otel-log-queue');
        import('otel-log-queue').then(() => {
          const loaded = Object.keys(require.cache).filter((path) => /otel-log-queue.(dist.(register|bridge)|node_modules)|sdk-logs|api-logs|instrumentation/.test(path));
          require('node:fs').writeSync(1, JSON.stringify({ loaded, handles: process.getActiveResourcesInfo().filter((each) => each === 'Worker'), listeners: process.listenerCount('exit'), registered: Symbol.for('io.opentelemetry.js.api.logs') in globalThis }));
        });`,
      'node-sdk.cjs': NODE_SDK,
      'count-runs.cjs': `
        const { isMainThread, parentPort } = require('node:worker_threads');
        require('node:fs').appendFileSync(process.env.RUNS, (isMainThread ? 'main' : parentPort === null ? 'hooks of Node' : 'thread') + '\\n');`,
      'hooks.cjs': `
        require('node:module').register('data:text/javascript,export const resolve = (name, context, next) => next(name, context)');
        import('node:fs').then(() => require('./emit.cjs'));`,
      'threads.cjs': `${REPORT}
        const { Worker } = require('node:worker_threads');
        const code = "require('otel-log-queue/register'); const { getLoggerProvider } = require('@opentelemetry/api-logs').logs; require('node:worker_threads').parentPort.postMessage(Symbol.for('io.opentelemetry.js.api.logs') in globalThis)";
        const run = (workerData) => new Promise((resolve) => new Worker(code, { eval: true, execArgv: [], env: { ...process.env, NODE_OPTIONS: '' }, workerData }).on('message', resolve));
        run({ isOtelLogQueue: true }).then(async (own) => says(JSON.stringify({ own, other: await run({}) })));`,
    });
  }, 300_000);

  afterAll(() => folder.remove());

  const environment = (more: Record<string, string> = {}): Record<string, string> => ({ OTEL_EXPORTER_OTLP_ENDPOINT: server.url, ...more });

  it.each([
    ['--import', 'pino.cjs', 'natural', 0],
    ['--import', 'pino.mjs', 'natural', 0],
    ['--import', 'pino.mjs', 'exit', 3],
    ['--require', 'pino.cjs', 'exit', 3],
    ['--require', 'pino.mjs', 'natural', 0],
  ])('%s, %s, %s end: every record of pino arrives once, with trace context and service name, also on the console', async (flag, app, end, code) => {
    const outcome = await runNode(line, folder, [flag, 'otel-log-queue/register', app], environment({ OTEL_SERVICE_NAME: 'x', OTEL_LOGS_EXPORTER: 'otlp,console', END: end }));
    expect({ code: outcome.code, stderr: outcome.stderr }).toEqual({ code, stderr: '' });
    const received = receivedRecords(server.requests);
    expect(received.map(({ attributes }) => attributes['seq'])).toEqual(range(0, RECORDS));
    for (const { resource, record, ...rest } of received) {
      expect(resource).toMatchObject({ 'service.name': 'x', 'process.pid': expect.any(Number) as number });
      expect(record).toMatchObject({ traceId: TRACE_ID, spanId: SPAN_ID, flags: 1, severityNumber: 9, severityText: 'info' });
      expect(rest).toMatchObject({ scope: '@opentelemetry/instrumentation-pino', body: 'order placed' });
    }
    // pino writes its own lines, and the exporter one more for each.
    const lines = outcome.stdout.trim().split('\n').map((text) => JSON.parse(text) as { msg?: string; body?: string; trace_id?: string });
    expect(lines.filter(({ msg }) => msg === 'order placed')).toHaveLength(RECORDS);
    expect(lines.filter((each) => each.body === 'order placed' && each.trace_id === TRACE_ID)).toHaveLength(RECORDS);
    expect(lines).toHaveLength(2 * RECORDS);
  });

  it.each([
    ['OTEL_SDK_DISABLED', 'True'],
    ['OTEL_LOGS_EXPORTER', 'none'],
  ])('%s=%s: does nothing', async (name, value) => {
    expect(await runNode(line, folder, ['--import', 'otel-log-queue/register', 'emit.cjs'], environment({ [name]: value }))).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
    expect(server.requests).toEqual([]);
  });

  it('an exporter that nobody knows is one warning, and the rest works', async () => {
    const outcome = await runNode(line, folder, ['--import', 'otel-log-queue/register', 'emit.cjs'], environment({ OTEL_LOGS_EXPORTER: 'zipkin,otlp' }));
    expect(outcome).toMatchObject({ code: 0, stdout: '', stderr: 'otel-log-queue: OTEL_LOGS_EXPORTER does not know "zipkin", but otlp, loki, console, file, otlp/stdout, none; ignored\n' });
    expect(receivedRecords(server.requests)).toHaveLength(1);
  });

  it('limits attributes as the environment says', async () => {
    await runNode(line, folder, ['--import', 'otel-log-queue/register', 'emit.cjs'], environment({ OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT: '3', OTEL_ATTRIBUTE_COUNT_LIMIT: '2' }));
    expect(receivedRecords(server.requests)).toMatchObject([{ attributes: { long: 'abc', second: 1 }, record: { droppedAttributesCount: 1 } }]);
  });

  it.each([{}, { OTEL_NODE_RESOURCE_DETECTORS: 'env,os' }, { OTEL_NODE_RESOURCE_DETECTORS: 'all' }, { OTEL_NODE_RESOURCE_DETECTORS: 'none' }])('detects the same resource as NodeSDK: %j', async (detectors) => {
    const env = environment({ OTEL_RESOURCE_ATTRIBUTES: 'team=a%20b,service.name=hidden', OTEL_SERVICE_NAME: 'shop', ...detectors });
    await runNode(line, folder, ['--import', 'otel-log-queue/register', 'emit.cjs'], env);
    await runNode(line, folder, ['node-sdk.cjs'], env);
    const [mine, its] = receivedRecords(server.requests).map(({ resource }) => {
      const { 'process.pid': pid, 'service.instance.id': id, 'process.command': command, 'process.command_args': args, 'telemetry.sdk.version': version, ...same } = resource;
      return { ...same, has: [pid, id, command, args, version].map((each) => typeof each) };
    });
    expect(mine).toEqual(its);
    expect(mine).toMatchObject(detectors.OTEL_NODE_RESOURCE_DETECTORS === 'none' ? {} : { 'service.name': 'shop', team: 'a b' });
  });

  it('the main entry alone loads nothing of this, starts nothing and registers nothing', async () => {
    const { stdout, stderr } = await runNode(line, folder, ['main.cjs'], environment());
    expect({ ...(JSON.parse(stdout) as object), stderr }).toEqual({ loaded: [], handles: [], listeners: 0, registered: false, stderr: '' });
  });

  it('a spool by the environment holds what a backend that is down does not take, and the next process delivers it', async () => {
    const env = environment({ OTEL_LOG_QUEUE_SPOOL_DIRECTORY: `${folder.path}/spool`, OTEL_LOG_QUEUE_RETRY_INITIAL_DELAY_MILLIS: '10' });
    const preload = ['--import', 'otel-log-queue/register', 'emit.cjs'];
    server.script(status(503));
    expect((await runNode(line, folder, preload, env)).code).toBe(0);
    const before = server.requests.length;
    server.script(ok);
    await runNode(line, folder, preload, env);
    expect(receivedRecords(server.requests.slice(before))).toHaveLength(2);
  });

  it('a signal ends the process as ever; named in OTEL_LOG_QUEUE_SHUTDOWN_SIGNALS it is a shutdown first', async () => {
    const ended = { code: null, signal: 'SIGTERM', stderr: '' };
    const preload = ['--import', 'otel-log-queue/register', 'signal.cjs'];
    expect(await runNode(line, folder, preload, environment({ OTEL_BLRP_SCHEDULE_DELAY: '100000' }))).toMatchObject(ended);
    expect(receivedRecords(server.requests)).toEqual([]);
    expect(await runNode(line, folder, preload, environment({ OTEL_BLRP_SCHEDULE_DELAY: '100000', OTEL_LOG_QUEUE_SHUTDOWN_SIGNALS: 'SIGTERM,SIGINT' }))).toMatchObject(ended);
    expect(receivedRecords(server.requests)).toHaveLength(1);
    const { stderr } = await runNode(line, folder, preload, environment({ OTEL_LOG_QUEUE_SHUTDOWN_SIGNALS: 'SIGKILL' }));
    expect(stderr).toMatch(/^otel-log-queue: OTEL_LOG_QUEUE_SHUTDOWN_SIGNALS: signals\[0\] must be one of .*; ignored\n$/);
  });

  it('names what it cannot detect', async () => {
    const outcome = await runNode(line, folder, ['--import', 'otel-log-queue/register', 'emit.cjs'], environment({ OTEL_NODE_RESOURCE_DETECTORS: 'env,moon,container' }));
    expect(outcome.stderr).toBe('otel-log-queue: OTEL_NODE_RESOURCE_DETECTORS does not know "moon"; ignored\n');
    expect(receivedRecords(server.requests)).toHaveLength(1);
  });

  it('does nothing in a thread of this package, and its work in one of the application', async () => {
    const { stdout, stderr } = await runNode(line, folder, ['threads.cjs'], environment());
    expect({ stdout, stderr }).toEqual({ stdout: '{"own":false,"other":true}\n', stderr: '' });
  });

  it('is not loaded again by its own thread, neither by a flag nor by NODE_OPTIONS', async () => {
    const runs = `${folder.path}/runs`;
    await runNode(line, folder, ['--require', './count-runs.cjs', '--import', 'otel-log-queue/register', 'emit.cjs'], environment({ RUNS: runs, NODE_OPTIONS: '--import otel-log-queue/register' }));
    expect(receivedRecords(server.requests)).toHaveLength(1);
    expect(readFileSync(runs, 'utf8').split('\n')).toContain('main');
    expect(readFileSync(runs, 'utf8').split('\n')).not.toContain('thread');
  });

  it('does nothing in the thread of loader hooks, in which Node runs it with --require', async () => {
    const outcome = await runNode(line, folder, ['--require', 'otel-log-queue/register', 'hooks.cjs'], environment({ OTEL_LOGS_EXPORTER: 'zipkin,otlp' }));
    expect({ code: outcome.code, warnings: outcome.stderr.match(/zipkin/g) }).toEqual({ code: 0, warnings: ['zipkin'] });
    expect(receivedRecords(server.requests)).toHaveLength(1);
  });
});
