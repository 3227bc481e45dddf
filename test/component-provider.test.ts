import { resolve } from 'node:path';
import { LoggerProvider } from '@opentelemetry/sdk-logs';
import { queueLogRecordProcessorProvider as componentProvider, type QueueLogRecordProcessor } from '../src';
import { captureDiag } from './support/capture-diag';
import { expectSettled } from './support/conservation';
import { FaultServer, ok } from './support/fault-server';
import { decodeLogsRequest, logRecordsOf } from './support/otlp-decode';

let diagnostics: ReturnType<typeof captureDiag>;
let processors: QueueLogRecordProcessor[];

beforeEach(() => {
  diagnostics = captureDiag();
  processors = [];
});

afterEach(async () => {
  await Promise.all(processors.map((processor) => processor.shutdown()));
  diagnostics.restore();
});

function create(properties: unknown): QueueLogRecordProcessor {
  const processor = componentProvider.create(properties);
  processors.push(processor);
  return processor;
}

describe('the component provider', () => {
  it('makes a processor from a node with the names of the configuration schema, and delivers', async () => {
    const server = await FaultServer.start(ok);
    const processor = create({
      schedule_delay: 1_000_000,
      export_timeout: 5000,
      max_export_batch_size: 2,
      max_queue_size: null,
      retry: { max_elapsed_time_millis: 1000 },
      on_queue_full: { policy: 'priority', min_severity: 17 },
      exporter: { otlp_http: { endpoint: `${server.url}/v1/logs`, headers: [{ name: 'X_a', value: '1' }], headers_list: 'x_a=2,x_b=a%20b', encoding: 'protobuf', timeout: 3000 } },
    });
    const provider = new LoggerProvider({ processors: [processor] });
    for (let seq = 0; seq < 4; seq++) {
      provider.getLogger('test').emit({ body: 'an event' });
    }
    await provider.shutdown();
    expectSettled(processor.stats());
    expect(server.requests.map(({ body }) => logRecordsOf(decodeLogsRequest(body)).length)).toEqual([2, 2]);
    expect(server.requests[0]).toMatchObject({ url: '/v1/logs', headers: { x_a: '1', x_b: 'a b' } });
    expect(diagnostics.lines).toEqual([]);
    await server.close();
  });

  it('takes several exporters with lane options beside each', () => {
    const { lanes, worker } = create({
      worker: 'event-loop',
      exporters: [
        { loki: { url: 'http://localhost:1', labels: { my_env: 'prod' }, tenant_id: 'a' }, max_queue_size: 7, name: 'mine' },
        { console: null, min_severity: 13 },
        { 'otlp_file/development': { output_stream: `file://${resolve('logs.jsonl')}` } },
        { 'otlp_file/development': {} },
        { file: { path: 'x', max_bytes: 1000 } },
      ],
    }).stats();
    expect(worker).toBe('event-loop');
    expect(Object.keys(lanes)).toEqual(['mine', 'stdout', 'file', 'stdout-2', 'file-2']);
    expect(diagnostics.lines).toEqual([]);
  });

  it.each([
    [{}, 'exactly one of exporter and exporters must be given'],
    [{ exporter: { console: {} }, exporters: [] }, 'exactly one of exporter and exporters must be given'],
    [{ exporter: { otlp_grpc: {} } }, 'exporter must have exactly one of otlp_http, loki'],
    [{ exporters: [{ console: {}, file: {} }] }, 'exporters[0] must have exactly one of'],
    [{ exporters: 'console' }, 'exporters must be a list'],
    [{ exporter: { console: { format: 'xml' } } }, 'format must be one of'],
    [{ exporter: { console: {} }, max_queue_size: 'many' }, 'maxQueueSize must be an integer'],
    ['none', 'properties must be an object'],
  ])('refuses %j', (properties, message) => {
    expect(() => create(properties)).toThrow(message);
  });
});
