import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { InMemoryLogRecordExporter, LoggerProvider } from '@opentelemetry/sdk-logs';
import { counting, QueueLogRecordProcessor } from '../src';
import { isDescription } from '../src/exporters/description';
import { FILE_VARIABLES, LOKI_LIST_VARIABLES, LOKI_VARIABLES, OTLP_VARIABLES, OVERFLOW_VARIABLES, PROCESSOR_VARIABLES, RETRY_VARIABLES, SPOOL_VARIABLES, STDOUT_VARIABLES, type Variable } from '../src/environment-variables';
import { LANE_OPTION_KEYS } from '../src/lane/lane-options';
import { resolveOptions } from '../src/options';
import { optionsFromEnvironment } from '../src/processor-environment';
import { captureDiag } from './support/capture-diag';
import { expectSettled } from './support/conservation';
import { FaultServer, ok } from './support/fault-server';
import { decodeLogsRequest, logRecordsOf } from './support/otlp-decode';
import { makeRecord } from './support/records';
import { selfSignedCertificate } from './support/self-signed-certificate';

let diagnostics: ReturnType<typeof captureDiag>;

beforeEach(() => {
  diagnostics = captureDiag();
});

afterEach(() => diagnostics.restore());

const resolved = (environment: Record<string, string>) => resolveOptions(optionsFromEnvironment({}, environment));
const exporterOptions = (environment: Record<string, string>): unknown[] =>
  resolved(environment).lanes.map(({ exporter }) => (isDescription(exporter) ? exporter.options : undefined));

/** For each variable: what it needs beside it, a value, and the option that then has it. */
const SAMPLES: Record<string, { readonly with?: Record<string, string>; readonly value: string; readonly option: (environment: Record<string, string>) => unknown; readonly is: unknown; readonly bad?: string }> = {};

const sample = (variable: Variable | string, value: string, is: unknown, option: (environment: Record<string, string>) => unknown, bad?: string, beside?: Record<string, string>): void => {
  SAMPLES[typeof variable === 'string' ? variable : variable.name] = { value, is, option, ...(bad !== undefined && { bad }), ...(beside && { with: beside }) };
};
const processorOption = (key: string) => (environment: Record<string, string>) => (resolved(environment) as unknown as Record<string, unknown>)[key];
const laneOption = (key: string) => (environment: Record<string, string>) => (resolved(environment).lanes[0]?.options as unknown as Record<string, unknown>)[key];
const ring = (key: string) => (environment: Record<string, string>) => (resolved(environment).ring as unknown as Record<string, unknown>)[key];
const nested = (outer: string, key: string) => (environment: Record<string, string>) => (laneOption(outer)(environment) as Record<string, unknown> | undefined)?.[key];
const policy = (key: string) => (environment: Record<string, string>) => (ring('policy')(environment) as Record<string, unknown>)[key];
const exporterOption = (key: string) => (environment: Record<string, string>) => (exporterOptions(environment)[0] as Record<string, unknown> | undefined)?.[key];
const header = (name: string) => (environment: Record<string, string>) => (exporterOption('headers')(environment) as Record<string, unknown>)[name];

sample(PROCESSOR_VARIABLES.worker, 'Event-Loop', 'event-loop', processorOption('worker'), 'fiber');
sample(PROCESSOR_VARIABLES.shutdownTimeoutMillis, '5000', 5000, processorOption('shutdownTimeoutMillis'), '-1');
sample(PROCESSOR_VARIABLES.exitTimeoutMillis, '0', 0, processorOption('exitTimeoutMillis'), '1.5');
sample(PROCESSOR_VARIABLES.lossRecords, 'TRUE', true, processorOption('lossRecords'), '1');
sample(PROCESSOR_VARIABLES.minSeverity, 'Warn', 13, laneOption('minSeverity'), 'loud');
sample(PROCESSOR_VARIABLES.maxQueueSize, '4000', 4000, ring('maxRecords'), '0');
sample(PROCESSOR_VARIABLES.maxQueueBytes, '1000000', 1_000_000, ring('maxBytes'), 'many');
sample(PROCESSOR_VARIABLES.onQueueFull, 'BLOCK', { policy: 'block', timeoutMillis: 1000 }, ring('policy'), 'spill');
sample(PROCESSOR_VARIABLES.blockOnQueueFullTimeoutMillis, '7', { policy: 'block', timeoutMillis: 7 }, ring('policy'), '-7', { OTEL_BLRP_ON_QUEUE_FULL: 'block' });
sample(PROCESSOR_VARIABLES.maxExportBatchSize, '5000', 5000, laneOption('maxExportBatchSize'), '0');
sample(PROCESSOR_VARIABLES.maxExportBatchBytes, '1000', 1000, laneOption('maxExportBatchBytes'), '0');
sample(PROCESSOR_VARIABLES.maxRecordBytes, '300', 300, laneOption('maxRecordBytes'), '255');
sample(PROCESSOR_VARIABLES.maxAgeMillis, '60000', 60_000, laneOption('maxAgeMillis'), '0');
sample(PROCESSOR_VARIABLES.scheduledDelayMillis, '50', 50, laneOption('scheduledDelayMillis'), '1s');
sample(PROCESSOR_VARIABLES.exportTimeoutMillis, '0', 0, laneOption('exportTimeoutMillis'), '1e99');
sample(PROCESSOR_VARIABLES.retry, 'false', false, laneOption('retry'), 'no');
sample(OVERFLOW_VARIABLES.ratio, '0.5', 0.5, policy('ratio'), '2', { OTEL_BLRP_ON_QUEUE_FULL: 'sample' });
sample(OVERFLOW_VARIABLES.threshold, '0.25', 0.25, policy('threshold'), 'x', { OTEL_BLRP_ON_QUEUE_FULL: 'sample' });
sample(OVERFLOW_VARIABLES.minSeverity, '17', 17, policy('minSeverity'), '25', { OTEL_BLRP_ON_QUEUE_FULL: 'priority' });
sample(OVERFLOW_VARIABLES.reserve, '0.5', 0.5, policy('reserve'), '-1', { OTEL_BLRP_ON_QUEUE_FULL: 'priority' });
sample(RETRY_VARIABLES.initialDelayMillis, '10', 10, nested('retry', 'initialDelayMillis'), '-1');
sample(RETRY_VARIABLES.maxDelayMillis, '20', 20, nested('retry', 'maxDelayMillis'), '-1');
sample(RETRY_VARIABLES.multiplier, '2.5', 2.5, nested('retry', 'multiplier'), '0');
sample(RETRY_VARIABLES.maxElapsedTimeMillis, '30', 30, nested('retry', 'maxElapsedTimeMillis'), '-1');
const spooled = { OTEL_LOG_QUEUE_SPOOL_DIRECTORY: 'spool' };
sample(SPOOL_VARIABLES.directory, 'spool', resolve('spool'), nested('spool', 'directory'));
sample(SPOOL_VARIABLES.maxBytes, '1000', 1000, nested('spool', 'maxBytes'), '0', spooled);
sample(SPOOL_VARIABLES.fsync, 'true', true, nested('spool', 'fsync'), 'yes', spooled);
sample(SPOOL_VARIABLES.mode, 'Journal', 'journal', nested('spool', 'mode'), 'log', spooled);
sample(SPOOL_VARIABLES.replay, 'in-order', 'in-order', nested('spool', 'replay'), 'never', spooled);
sample(OTLP_VARIABLES.userAgent, 'shop/1', 'shop/1', exporterOption('userAgent'), 'a\u0001b');
const onLoki = { OTEL_LOGS_EXPORTER: 'loki' };
sample(LOKI_VARIABLES.url, 'http://loki:3100', 'http://loki:3100/loki/api/v1/push', exporterOption('url'), 'loki:3100', onLoki);
sample(LOKI_VARIABLES.tenantId, 'a', 'a', header('x-scope-orgid'), 'a|b', onLoki);
sample(LOKI_VARIABLES.bearerToken, 'secret', 'Bearer secret', header('authorization'), 'a\u0001b', onLoki);
sample(LOKI_VARIABLES.timeoutMillis, '0', 0, exporterOption('timeoutMillis'), '-1', onLoki);
sample(LOKI_VARIABLES.encoding, 'Protobuf', 'protobuf', exporterOption('encoding'), 'xml', onLoki);
sample(LOKI_VARIABLES.compression, 'None', 'none', exporterOption('compression'), 'zip', onLoki);
sample(LOKI_VARIABLES.maxLineBytes, '100', 100, exporterOption('maxLineBytes'), '0', onLoki);
sample(LOKI_VARIABLES.detectedLevel, 'false', false, exporterOption('detectedLevel'), 'off', onLoki);
sample(LOKI_LIST_VARIABLES.labels, 'env=prod,team=a%20b', { env: 'prod', team: 'a b' }, exporterOption('labels'), '1x=y', onLoki);
sample(LOKI_LIST_VARIABLES.headers, 'X-A=1', '1', header('x-a'), 'content-length=1', onLoki);
sample(LOKI_LIST_VARIABLES.indexAttributes, 'service.name, env', ['service.name', 'env'], exporterOption('indexAttributes'), undefined, onLoki);
const credentials = `Basic ${Buffer.from('ada:secret').toString('base64')}`;
sample(LOKI_LIST_VARIABLES.username, 'ada', credentials, header('authorization'), undefined, { ...onLoki, OTEL_LOG_QUEUE_LOKI_PASSWORD: 'secret' });
sample(LOKI_LIST_VARIABLES.password, 'secret', credentials, header('authorization'), undefined, { ...onLoki, OTEL_LOG_QUEUE_LOKI_USERNAME: 'ada' });
const onFile = { OTEL_LOGS_EXPORTER: 'file', OTEL_LOG_QUEUE_FILE_PATH: 'logs.jsonl' };
sample(FILE_VARIABLES.path, 'other.jsonl', resolve('other.jsonl'), exporterOption('path'), undefined, onFile);
sample(FILE_VARIABLES.format, 'JSON', 'json', exporterOption('format'), 'xml', onFile);
sample(FILE_VARIABLES.maxBytes, '1000', 1000, exporterOption('maxBytes'), '0', onFile);
sample(FILE_VARIABLES.maxFiles, '2', 2, exporterOption('maxFiles'), '1001', onFile);
sample(STDOUT_VARIABLES.format, 'pretty', 'pretty', exporterOption('format'), 'xml', { OTEL_LOGS_EXPORTER: 'console' });

// Without these the others beside them make no sense.
const NEEDED: readonly string[] = [FILE_VARIABLES.path.name, LOKI_LIST_VARIABLES.username, LOKI_LIST_VARIABLES.password];

const TABLES: Readonly<Record<string, Variable>>[] = [PROCESSOR_VARIABLES, OVERFLOW_VARIABLES, RETRY_VARIABLES, SPOOL_VARIABLES, OTLP_VARIABLES, LOKI_VARIABLES, FILE_VARIABLES, STDOUT_VARIABLES];
const names = [...TABLES.flatMap((table) => Object.values(table).map(({ name }) => name)), ...Object.values(LOKI_LIST_VARIABLES)];

describe('the environment', () => {
  it('has a variable for every option, which is in the README, and a sample here', () => {
    // An option that is missing in one of the tables does not compile; these have more than one word.
    expect(Object.keys(PROCESSOR_VARIABLES)).toEqual(expect.arrayContaining(LANE_OPTION_KEYS.filter((key) => key !== 'spool')));
    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((name) => !(name in SAMPLES))).toEqual(['OTEL_LOG_QUEUE_WORKER_PATH']);
    const readme = readFileSync(join(__dirname, '..', 'README.md'), 'utf8');
    expect(names.filter((name) => !readme.includes(`\`${name}\``))).toEqual([]);
  });

  it.each(Object.entries(SAMPLES))('%s is an option', (name, { with: beside = {}, value, option, is }) => {
    expect(option({ ...beside, [name]: ` ${value} ` })).toEqual(is);
    expect(diagnostics.lines).toEqual([]);
    expect(option({ ...beside, [name]: '' })).not.toEqual(is);
    expect(diagnostics.lines.filter((line) => !NEEDED.some((needed) => line.includes(needed)))).toEqual([]);
  });

  it.each(Object.entries(SAMPLES).filter(([, { bad }]) => bad !== undefined))('%s that makes no sense is one warning, and the default', (name, { with: beside = {}, option, bad = '' }) => {
    const byDefault = option(beside);
    expect(option({ ...beside, [name]: bad })).toEqual(byDefault);
    expect(diagnostics.lines).toEqual([expect.stringMatching(new RegExp(`^warn otel-log-queue: ${name}\\b.*; ignored$`))]);
  });

  it('shows no credential in a warning', () => {
    exporterOptions({ ...onLoki, OTEL_LOG_QUEUE_LOKI_BEARER_TOKEN: 'sec\u0001ret', OTEL_LOG_QUEUE_LOKI_HEADERS: 'authorization=sec%01ret', OTEL_LOG_QUEUE_LOKI_URL: 'ftp://ada:secret@loki' });
    expect(diagnostics.lines).toHaveLength(3);
    expect(diagnostics.lines.join()).not.toContain('ret');
  });

  it('is hidden by what is given in code, without a warning', () => {
    const environment = { OTEL_BLRP_MAX_QUEUE_SIZE: 'many', OTEL_LOG_QUEUE_RETRY: 'no', OTEL_BLRP_ON_QUEUE_FULL: 'spill', OTEL_LOG_QUEUE_SPOOL_DIRECTORY: 'spool', OTEL_LOGS_EXPORTER: 'cobol', OTEL_BLRP_SCHEDULE_DELAY: '9' };
    const options = resolveOptions(optionsFromEnvironment({ exporter: counting(), maxQueueSize: 7, retry: false, onQueueFull: 'drop-oldest', spool: false, scheduledDelayMillis: undefined } as never, environment));
    expect(options).toMatchObject({ ring: { maxRecords: 7, policy: { policy: 'drop-oldest' } }, lanes: [{ name: 'counting', options: { retry: false, spool: undefined, scheduledDelayMillis: 9 } }] });
    expect(diagnostics.lines).toEqual([]);
  });

  it('has the certificates of Loki as paths of PEM files, as those of OTLP', () => {
    const folder = mkdtempSync(join(tmpdir(), 'otel-log-queue-pem-'));
    const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
    const pair = selfSignedCertificate();
    writeFileSync(cert, pair.cert);
    writeFileSync(key, pair.key);
    const environment = { ...onLoki, OTEL_LOG_QUEUE_LOKI_URL: 'https://loki', OTEL_LOG_QUEUE_LOKI_CERTIFICATE: cert, OTEL_LOG_QUEUE_LOKI_CLIENT_CERTIFICATE: cert, OTEL_LOG_QUEUE_LOKI_CLIENT_KEY: key };
    const text = expect.stringContaining('BEGIN CERTIFICATE') as string;
    expect(exporterOption('tls')(environment)).toEqual({ ca: text, cert: text, key: String(pair.key) });
    expect(diagnostics.lines).toEqual([]);
    expect(exporterOption('tls')({ ...environment, OTEL_LOG_QUEUE_LOKI_CERTIFICATE: `${folder}/gone` })).toMatchObject({ cert: text });
    expect(diagnostics.lines).toEqual([expect.stringMatching(/^warn otel-log-queue: OTEL_LOG_QUEUE_LOKI_CERTIFICATE .*; ignored$/)]);
    rmSync(folder, { recursive: true });
  });

  it('makes no spool without a directory, and says so', () => {
    expect(laneOption('spool')({ OTEL_LOG_QUEUE_SPOOL_MODE: 'journal' })).toBeUndefined();
    expect(diagnostics.lines).toEqual(['warn otel-log-queue: there is no spool without OTEL_LOG_QUEUE_SPOOL_DIRECTORY; its other variables are ignored']);
  });
});

describe('OTEL_LOGS_EXPORTER', () => {
  const laneNames = (value: string, environment: Record<string, string> = {}): string[] => resolved({ OTEL_LOGS_EXPORTER: value, ...environment }).lanes.map(({ name }) => name);

  it('names the exporters, each once, and is otlp where it is unset', () => {
    expect(resolved({})).toMatchObject({ worker: 'thread', lanes: [{ name: 'otlp', exporter: { options: { url: 'http://localhost:4318/v1/logs' } } }] });
    expect(laneNames(' otlp, Loki ,console,file,otlp/stdout,otlp,', { OTEL_LOG_QUEUE_FILE_PATH: 'x' })).toEqual(['otlp', 'loki', 'stdout', 'file', 'stdout-2']);
    expect(exporterOptions({ OTEL_LOGS_EXPORTER: 'otlp/stdout' })).toEqual([{ format: 'otlp' }]);
    expect(exporterOptions({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' })).toMatchObject([{ url: 'http://collector:4318/v1/logs' }]);
    expect(diagnostics.lines).toEqual([]);
  });

  it('with names that nobody knows is one warning, and the rest works', () => {
    expect(laneNames('zipkin,console,"x"')).toEqual(['stdout']);
    expect(diagnostics.lines).toEqual(['warn otel-log-queue: OTEL_LOGS_EXPORTER does not know "zipkin", "\\"x\\"", but otlp, loki, console, file, otlp/stdout, none; ignored']);
    expect(laneNames('zipkin')).toEqual(['otlp']);
  });

  it('with an exporter that cannot be made is one warning, and the rest works', () => {
    expect(laneNames('file,console')).toEqual(['stdout']);
    expect(laneNames('file')).toEqual([]);
    expect(diagnostics.lines).toEqual(Array(2).fill('warn otel-log-queue: OTEL_LOGS_EXPORTER=file: OTEL_LOG_QUEUE_FILE_PATH must be set; ignored'));
  });
});

describe('QueueLogRecordProcessor.fromEnv()', () => {
  const before = { ...process.env };

  afterEach(() => {
    process.env = { ...before };
  });

  it('delivers to what the environment says', async () => {
    const server = await FaultServer.start(ok);
    process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = server.url;
    process.env['OTEL_BLRP_SCHEDULE_DELAY'] = '1000000';
    const processor = QueueLogRecordProcessor.fromEnv({ maxExportBatchSize: 2 });
    const provider = new LoggerProvider({ processors: [processor] });
    for (let seq = 0; seq < 4; seq++) {
      provider.getLogger('test').emit({ body: 'an event' });
    }
    await provider.shutdown();
    expect(processor.stats()).toMatchObject({ worker: 'thread', emitted: 4, lost: 0, lanes: { otlp: { delivered: 4 } } });
    expectSettled(processor.stats());
    expect(server.requests.map(({ body }) => logRecordsOf(decodeLogsRequest(body)).length)).toEqual([2, 2]);
    await server.close();
  });

  it('with none takes records, does nothing with them and starts nothing', async () => {
    process.env['OTEL_LOGS_EXPORTER'] = 'none';
    process.env['OTEL_LOG_QUEUE_WORKER'] = 'thread';
    const processor = QueueLogRecordProcessor.fromEnv();
    const provider = new LoggerProvider({ processors: [processor] });
    const logger = provider.getLogger('test');
    expect(logger.enabled?.({})).toBe(false);
    processor.onEmit(makeRecord(0) as never);
    await processor.ready();
    await provider.forceFlush();
    await provider.shutdown();
    logger.emit({ body: 'an event' });
    expect(processor.stats()).toMatchObject({ worker: 'event-loop', emitted: 1, accepted: 1, lost: 0, lanes: {} });
    expectSettled(processor.stats());
    expect(diagnostics.lines).toEqual([]);
  });

  it('takes exporter objects and refuses options that make no sense', async () => {
    const exporter = new InMemoryLogRecordExporter();
    const processor = QueueLogRecordProcessor.fromEnv({ exporter });
    expect(processor.stats().worker).toBe('event-loop');
    await processor.shutdown();
    process.env['OTEL_LOG_QUEUE_WORKER'] = 'thread';
    expect(optionsFromEnvironment({ exporter })).toEqual({ exporter });
    expect(diagnostics.lines).toEqual([expect.stringMatching(/^warn otel-log-queue: OTEL_LOG_QUEUE_WORKER: exporter is an exporter object, .*; ignored$/)]);
    expect(optionsFromEnvironment({ exporter: counting() })).toMatchObject({ worker: 'thread' });
    expect(() => QueueLogRecordProcessor.fromEnv({ exporter, maxQueueSize: 0 })).toThrow(RangeError);
    expect(() => QueueLogRecordProcessor.fromEnv({ exporters: [] })).toThrow(TypeError);
  });
});
