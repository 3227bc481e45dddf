import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { ROOT } from '../../scripts/load/build';
import { FaultServer, ok } from '../support/fault-server';
import { decodeLogsRequest, logRecordsOf, plainAttributes } from '../support/otlp-decode';
import { range } from '../support/records';
import { runExample } from '../support/run-example';

interface CollectorConfig {
  readonly receivers: Record<string, unknown>;
  readonly exporters: Record<string, { readonly endpoint: string; readonly sending_queue: { readonly enabled: boolean } }>;
  readonly service: { readonly pipelines: Record<string, { readonly receivers: readonly string[]; readonly exporters: readonly string[] }> };
}

let backend: FaultServer;

beforeEach(async () => {
  backend = await FaultServer.start(ok);
});

afterEach(() => backend.close());

jest.setTimeout(120_000);

const config = (name: string): CollectorConfig => parse(readFileSync(join(ROOT, 'scripts', 'examples', 'collector-gateway', name), 'utf8')) as CollectorConfig;

/** A Collector that was given, or that the tests with real backends have built. */
function findCollector(): string | undefined {
  const given = process.env['OTELCOL_BIN'];
  const cache = join(process.env['OTEL_LOG_QUEUE_CACHE'] ?? join(homedir(), '.cache', 'otel-log-queue'), 'backends');
  const built = existsSync(cache) ? readdirSync(cache).filter((name) => name.startsWith('collector')).flatMap((name) => readdirSync(join(cache, name)).map((file) => join(cache, name, file))) : [];
  return given ?? built.find((path) => /otelcol[^/]*$/.test(path));
}

const sequences = (): unknown[] => backend.requests.flatMap(({ body }) => logRecordsOf(decodeLogsRequest(body))).map(({ attributes }) => plainAttributes(attributes)['order']);

it.each([
  ['agent.yaml', 'otlp_http'],
  ['gateway.yaml', 'otlp_http/loki'],
])('%s has one pipeline, and every part of it exists', (name, exporter) => {
  const { receivers, exporters, service } = config(name);
  const { logs } = service.pipelines;
  expect(Object.keys(service.pipelines)).toEqual(['logs']);
  expect(logs?.receivers).toEqual(Object.keys(receivers));
  expect(logs?.exporters).toEqual(Object.keys(exporters));
  expect(exporters[exporter]?.sending_queue.enabled).toBe(true);
});

it('the agents send to where the gateway listens, unless told otherwise', () => {
  const port = /(\d+)\}/.exec(config('agent.yaml').exporters['otlp_http']?.endpoint ?? '')?.[1];
  const { protocols } = config('gateway.yaml').receivers['otlp'] as { protocols: { http: { endpoint: string } } };
  expect(protocols.http.endpoint).toContain(`:${port ?? ''}}`);
});

it('the application delivers to an agent', async () => {
  const example = runExample('collector-gateway', { OTELCOL_BIN: undefined, AGENT_LISTEN: new URL(backend.url).host, RECORDS: '200' });
  expect(await example.ended).toEqual({ code: 0, signal: null, stderr: '' });
  expect(example.stdout()).toBe('delivered to the agent 200\n');
  expect(sequences()).toEqual(range(1, 201));
});

const collector = findCollector();

(collector === undefined ? it.skip : it)('two real Collectors take what the application delivers, and Loki gets each record once', async () => {
  const [agent, gateway] = [await freePort(), await freePort()];
  const example = runExample('collector-gateway', { OTELCOL_BIN: collector, AGENT_LISTEN: `127.0.0.1:${agent}`, GATEWAY_LISTEN: `127.0.0.1:${gateway}`, LOKI_OTLP_ENDPOINT: `${backend.url}/otlp`, RECORDS: '5000' });
  const { code, stderr } = await example.ended;
  expect({ code, stdout: example.stdout(), errors: stderr.split('\n').filter((line) => /\t(error|warn)\t/.test(line)) }).toEqual({ code: 0, stdout: 'delivered to the agent 5000\n', errors: [] });
  expect(new Set(backend.requests.map(({ url }) => url))).toEqual(new Set(['/otlp/v1/logs']));
  expect(sequences().sort((a, b) => Number(a) - Number(b))).toEqual(range(1, 5001));
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
