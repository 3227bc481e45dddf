import { FaultServer, ok, status } from '../support/fault-server';
import { decodeLogsRequest, logRecordsOf, plainAttributes, plainValue, type DecodedLogRecord } from '../support/otlp-decode';
import { range } from '../support/records';
import { runExample } from '../support/run-example';

let receiver: FaultServer;

beforeEach(async () => {
  receiver = await FaultServer.start(ok);
});

afterEach(() => receiver.close());

jest.setTimeout(120_000);

const received = (): DecodedLogRecord[] => receiver.requests.filter(({ url }) => url === '/v1/logs').flatMap(({ body }) => logRecordsOf(decodeLogsRequest(body)));

const attribute = (name: string): unknown[] => received().map(({ attributes }) => plainAttributes(attributes)[name]);

async function run(name: string, env: NodeJS.ProcessEnv = {}): Promise<string> {
  const example = runExample(name, { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, ...env });
  expect(await example.ended).toEqual({ code: 0, signal: null, stderr: '' });
  return example.stdout();
}

it('plain-sdk sends all to the receiver, and to the console what is a warning or worse', async () => {
  const stdout = await run('plain-sdk');
  expect(stdout).toContain('payment failed');
  expect(stdout).not.toContain('started');
  expect(stdout).toContain('delivered 102');
  expect(received().map(({ body }) => (body === undefined ? body : plainValue(body)))).toEqual(['started', ...range(1, 101).map((order) => ({ event: 'order read', order })), 'payment failed']);
});

it('node-sdk sends records with the ids of their span, and the span', async () => {
  expect(await run('node-sdk')).toBe('delivered 100\n');
  expect(attribute('order')).toEqual(range(1, 101));
  const ids = new Set(received().map(({ traceId }) => traceId));
  expect([...ids]).toEqual([expect.stringMatching(/^(?!0+$)[0-9a-f]{32}$/)]);
  expect(receiver.requests.map(({ url }) => url)).toContain('/v1/traces');
});

it('batch-job loses nothing, although it logs as fast as it can into a queue that is far too small', async () => {
  expect(await run('batch-job', { RECORDS: '30000' })).toBe('delivered 30000 lost 0\n');
  expect(attribute('line')).toEqual(range(1, 30_001));
});

it('batch-job fails where its records cannot be delivered', async () => {
  receiver.script(status(401));
  const example = runExample('batch-job', { RECORDS: '10', OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url });
  expect(await example.ended).toMatchObject({ code: 1, stderr: expect.stringContaining('10') as string });
});

it('lambda has delivered the records of an invocation when it answers', async () => {
  const stdout = await run('lambda');
  expect(stdout).toBe('invocation 1 answered 200\ninvocation 2 answered 200\ninvocation 3 answered 200\n');
  // One request for each invocation: nothing was left for the next one.
  expect(receiver.requests.map(({ body }) => logRecordsOf(decodeLogsRequest(body)).length)).toEqual([1, 1, 1]);
  expect(attribute('faas.invocation_id')).toEqual(['request-1', 'request-2', 'request-3']);
});

it('lambda answers although the backend is down, and delivers with the next invocation', async () => {
  receiver.script(status(503), ok);
  const example = runExample('lambda', { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url });
  expect(await example.ended).toMatchObject({ code: 0, stderr: expect.stringContaining('forceFlush') as string });
  expect(new Set(attribute('faas.invocation_id'))).toEqual(new Set(['request-1', 'request-2', 'request-3']));
});
