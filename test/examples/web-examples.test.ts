import { FaultServer, ok } from '../support/fault-server';
import { decodeLogsRequest, logRecordsOf, plainAttributes, plainValue } from '../support/otlp-decode';
import { listeningAt, runExample, type RunningExample } from '../support/run-example';
import { send } from '../support/web-request';

let receiver: FaultServer;
let example: RunningExample;

beforeEach(async () => {
  receiver = await FaultServer.start(ok);
});

afterEach(async () => {
  example.child.kill('SIGKILL');
  await example.ended;
  await receiver.close();
});

jest.setTimeout(120_000);

/** Severity, body without its duration, and the attributes that matter here, of every record. */
const told = (): unknown[][] =>
  receiver.requests
    .flatMap(({ body }) => logRecordsOf(decodeLogsRequest(body)))
    .map(({ severityText, body, attributes }) => {
      const { 'http.response.status_code': status, order } = plainAttributes(attributes);
      return [severityText, String(body === undefined ? '' : plainValue(body)).replace(/ [\d.]+ ms$/, ''), status ?? order];
    });

it.each([
  ['express', 'INFO', 'INFO'],
  ['nestjs', 'LOG', 'INFO'],
])('the example %s logs its requests and what its handlers say, to the console and to the receiver, and loses nothing at its end', async (name, ownLevel, requestLevel) => {
  example = runExample(name, { PORT: '0', OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url });
  const url = await listeningAt(example);
  expect((await send(`${url}/orders/7`)).body).toBe('{"order":7}');
  expect((await send(`${url}/orders/none`)).status).toBe(404);
  const { body } = await send(`${url}/health`);
  expect(JSON.parse(body)).toMatchObject({ worker: 'thread', lost: 0 });
  example.child.kill('SIGTERM');
  expect(await example.ended).toEqual({ code: null, signal: 'SIGTERM', stderr: '' });
  const expected = [
    [ownLevel, 'order read', 7],
    [requestLevel, 'GET /orders/7 200', 200],
    ['WARN', 'GET /orders/none 404', 404],
  ];
  expect(told().filter(([, text]) => /^(order read|GET)/.test(String(text)))).toEqual(expected);
  for (const [, text] of expected) {
    expect(example.stdout()).toContain(text);
  }
});
