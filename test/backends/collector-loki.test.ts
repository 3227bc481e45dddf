import { CollectorServer, hasReceiver } from '../../scripts/backends/collector';
import { loki, QueueLogRecordProcessor } from '../../src';
import { expectSettled } from '../support/conservation';
import { FaultServer } from '../support/fault-server';
import { plainAttributes } from '../support/otlp-decode';
import { emitThrough, recordsAt } from './collector-rig';
import { LOKI_WAYS } from './loki-rig';
import { describeBackend } from './real-backend';
import { RECORD_SHAPES } from './record-shapes';

// `loki()` to the Collector's Loki receiver, which makes a body of the line and attributes of the labels, and leaves structured metadata out.
jest.setTimeout(60_000);

describeBackend('collector', (path) => {
  const describeReceiver = path !== '' && hasReceiver(path, 'loki') ? describe : describe.skip;

  describeReceiver('the Loki receiver', () => {
    let collector: CollectorServer;
    let sink: FaultServer;

    beforeAll(async () => {
      sink = await FaultServer.start();
      collector = await CollectorServer.start(path, { sinkUrl: sink.url, takesLoki: true });
    });

    afterAll(async () => {
      await collector.stop();
      await sink.close();
    });

    it.each(LOKI_WAYS)('takes every record, by $way', async ({ options }) => {
      sink.requests.length = 0;
      const processor = new QueueLogRecordProcessor({ exporter: loki({ url: collector.lokiUrl, labels: { env: 'test' }, ...options }) });
      await emitThrough(processor, RECORD_SHAPES.map(({ emitted }) => emitted));
      expect(processor.stats()).toMatchObject({ lost: 0, lanes: { loki: { delivered: RECORD_SHAPES.length } } });
      expectSettled(processor.stats());
      const received = recordsAt(sink);
      expect(received.map(({ timeUnixNano }) => timeUnixNano)).toEqual(RECORD_SHAPES.map(({ expected }) => expected.timeUnixNano));
      expect(received[0]).toMatchObject({ body: { stringValue: 'hello' } });
      received.forEach(({ attributes }) => expect(plainAttributes(attributes)).toMatchObject({ service_name: 'shop', env: 'test' }));
    });
  });
});
