import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FaultServer, ok } from '../support/fault-server';
import { installOnce, type UserFolder } from '../support/package-folder';
import { makeLoggingFolder, makeOwnScope, receivedRecords, runNode, sdkLines, type SdkLine } from '../support/preloaded-application';
import { range } from '../support/records';

const [legacy, current] = sdkLines as [SdkLine, SdkLine];

const START = `
const { LoggerProvider } = require('@opentelemetry/sdk-logs');
const { QueueLogRecordProcessor } = require('otel-log-queue');
const { bridgeLogsApis } = require('otel-log-queue/bridge');
const says = (text) => require('node:fs').writeSync(1, text + '\\n');
require('@opentelemetry/api').diag.setLogger({ error: says, warn: says, info() {}, debug() {}, verbose() {} });
const processor = QueueLogRecordProcessor.fromEnv();
const provider = new LoggerProvider({ processors: [processor] });
process.on('exit', () => says(JSON.stringify(processor.stats().lanes.otlp)));
`;

const WINSTON = `${START}
const winston = require('winston');
const { OpenTelemetryTransportV3 } = require('@opentelemetry/winston-transport');
const makeLogger = () => winston.createLogger({ transports: [new OpenTelemetryTransportV3()] });
const early = makeLogger();
require('@opentelemetry/api').logs.setGlobalLoggerProvider(provider);
if (process.env.BRIDGE === 'yes') {
  says('bridged ' + bridgeLogsApis() + ' ' + bridgeLogsApis(provider));
}
const late = makeLogger();
for (let seq = 0; seq < 100; seq++) {
  (seq % 2 === 0 ? early : late).warn('order placed', { seq });
}
`;

// A library that knows the logs API of @opentelemetry/api 1.10 only, and takes its logger before anything is registered.
const MODERN_LIBRARY = `
const { logs } = require('@opentelemetry/api');
const early = logs.getLogger('modern');
module.exports = (seq) => (seq % 2 === 0 ? early : logs.getLogger('modern')).emit({ body: 'order placed', attributes: { seq } });
`;

const MODERN = `${START}
const emit = require('modern-library');
if (process.env.CONTEXT === 'first') {
  const { AsyncLocalStorageContextManager } = require('@opentelemetry/context-async-hooks');
  require('@opentelemetry/api').context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
}
require('@opentelemetry/api-logs').logs.setGlobalLoggerProvider(provider);
if (process.env.BRIDGE === 'yes') {
  says('bridged ' + bridgeLogsApis());
}
for (let seq = 0; seq < 100; seq++) {
  emit(seq);
}
const { trace } = require('@opentelemetry/api');
says('tracer ' + trace.setGlobalTracerProvider({ getTracer: () => 'mine' }) + ' ' + (trace.getTracerProvider().getDelegate?.() ?? trace.getTracerProvider()).getTracer('x'));
`;

let server: FaultServer;

beforeEach(async () => {
  server = await FaultServer.start(ok);
});

afterEach(() => server.close());

jest.setTimeout(300_000);

const run = async (line: SdkLine, folder: UserFolder, app: string, env: Record<string, string> = {}): Promise<{ lines: string[]; seqs: unknown[] }> => {
  const { code, stdout, stderr } = await runNode(line, folder, [app], { OTEL_EXPORTER_OTLP_ENDPOINT: server.url, ...env });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const lines = stdout.trim().split('\n');
  const stats = JSON.parse(lines.pop() as string) as { offered: number; delivered: number };
  const seqs = receivedRecords(server.requests).map(({ attributes }) => attributes['seq']);
  expect({ offered: stats.offered, delivered: stats.delivered }).toEqual({ offered: seqs.length, delivered: seqs.length });
  return { lines, seqs };
};

describe('SDK 3.x and loggers of @opentelemetry/api-logs', () => {
  let folder: UserFolder;

  beforeAll(() => {
    folder = makeLoggingFolder(current, {
      'winston.cjs': WINSTON,
      'import.mjs': `import '@opentelemetry/api-logs'; import { bridgeLogsApis } from 'otel-log-queue/bridge'; import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);\n${START.replace(/^const \{ bridgeLogsApis.*$/m, '')}
        says('bridged ' + bridgeLogsApis(provider));
        import('@opentelemetry/api').then(({ logs }) => logs.getLogger('a').emit({ attributes: { seq: 0 } }));
        import('@opentelemetry/api-logs').then(({ logs }) => logs.getLogger('b').emit({ attributes: { seq: 1 } }));`,
      'nothing.cjs': `${START}\nsays('bridged ' + bridgeLogsApis());`,
      'taken.cjs': `${START}\nrequire('@opentelemetry/api-logs').logs.setGlobalLoggerProvider(new LoggerProvider());\nrequire('@opentelemetry/api').logs.setGlobalLoggerProvider(provider);\nsays('bridged ' + bridgeLogsApis());`,
    });
  });

  afterAll(() => folder.remove());

  it('without the bridge nothing that @opentelemetry/winston-transport sends arrives', async () => {
    expect(await run(current, folder, 'winston.cjs')).toEqual({ lines: [], seqs: [] });
  });

  it('with the bridge all of it arrives, from loggers made before and after', async () => {
    expect(await run(current, folder, 'winston.cjs', { BRIDGE: 'yes' })).toEqual({ lines: ['bridged true true'], seqs: range(0, 100) });
  });

  it('works in ES modules, whose copy of @opentelemetry/api is another one', async () => {
    const { lines, seqs } = await run(current, folder, 'import.mjs');
    expect({ lines, seqs: seqs.sort() }).toEqual({ lines: ['bridged true'], seqs: [0, 1] });
  });

  it('says that there is nothing to bridge', async () => {
    expect((await run(current, folder, 'nothing.cjs')).lines).toEqual(['otel-log-queue: no LoggerProvider is registered that could be bridged: start the SDK first, or give the provider', 'bridged false']);
  });

  it('leaves a provider alone that is registered already, and says so', async () => {
    expect((await run(current, folder, 'taken.cjs')).lines).toEqual(['otel-log-queue: another LoggerProvider is registered with @opentelemetry/api-logs, which keeps it', 'bridged false']);
  });
});

describe('SDK 0.2xx and loggers of @opentelemetry/api 1.10', () => {
  const api110 = (): string => join(installOnce(current.packages), '@opentelemetry', 'api');
  const files = { 'modern.cjs': MODERN };
  let folder: UserFolder;

  /** The library brings a 1.10 of its own; the application has 1.9. */
  function addLibrary({ path }: UserFolder, ownApi: boolean): void {
    const library = join(path, 'node_modules', 'modern-library');
    mkdirSync(join(library, 'node_modules', '@opentelemetry'), { recursive: true });
    writeFileSync(join(library, 'index.js'), MODERN_LIBRARY);
    if (ownApi) {
      symlinkSync(api110(), join(library, 'node_modules', '@opentelemetry', 'api'));
    }
  }

  /** The application has 1.10, against what the SDK says that it needs. */
  function replaceApi(application: UserFolder): void {
    symlinkSync(api110(), join(makeOwnScope(application, legacy, (name) => name !== 'api'), 'api'));
  }

  afterEach(() => folder.remove());

  it.each(['first', 'never'])('in a tree with 1.10, 1.10 loggers reach it; without the bridge they do not; context manager %s', async (context) => {
    folder = makeLoggingFolder(legacy, files);
    replaceApi(folder);
    addLibrary(folder, false);
    expect((await run(legacy, folder, 'modern.cjs', { CONTEXT: context })).seqs).toEqual([]);
    expect(await run(legacy, folder, 'modern.cjs', { CONTEXT: context, BRIDGE: 'yes' })).toEqual({ lines: ['bridged true', 'tracer true mine'], seqs: range(0, 100) });
  });

  it.each(['first', 'never'])('in a tree with 1.9, a library with a 1.10 of its own reaches it, and 1.9 keeps its traces; context manager %s', async (context) => {
    folder = makeLoggingFolder(legacy, files);
    addLibrary(folder, true);
    expect((await run(legacy, folder, 'modern.cjs', { CONTEXT: context })).seqs).toEqual([]);
    expect(await run(legacy, folder, 'modern.cjs', { CONTEXT: context, BRIDGE: 'yes' })).toEqual({ lines: ['bridged true', 'tracer true mine'], seqs: range(0, 100) });
  });
});
