import { join } from 'node:path';
import { runApplication } from '../support/application';
import { after, FaultServer, ok } from '../support/fault-server';
import { otlpSequences } from '../support/received-sequences';
import { range } from '../support/records';

// The defects of the stock processor that show with the stock OTLP exporter, which Jest cannot load. W8 stands in exit.test.ts, the others in test/stock-defects.test.ts.
const subjects = ['stock', 'event-loop', 'thread'] as const;

interface Result {
  readonly stallMillis: number;
  readonly lost?: number;
}

let server: FaultServer;

beforeEach(async () => {
  server = await FaultServer.start();
});

afterEach(() => server.close());

jest.setTimeout(60_000);

const received = (): number[] => server.requests.flatMap(otlpSequences);

async function run(subject: string, scenario: string, poison?: string): Promise<Result> {
  const { code, stdout } = await runApplication({ script: join(__dirname, 'fixtures', 'stock-defect.cjs'), settings: { subject, scenario, poison, url: server.url } });
  expect(code).toBe(0);
  return JSON.parse(stdout) as Result;
}

describe.each(subjects)('%s', (subject) => {
  const isOurs = subject !== 'stock';

  it.each(['a getter that throws', 'a circular reference', '10,000 levels'])('W5: a body with %s does not cost the other records of its batch', async (poison) => {
    const { lost } = await run(subject, 'poison', poison);
    expect(received().filter((seq) => seq !== 5)).toEqual(isOurs ? range(0, 10).filter((seq) => seq !== 5) : []);
    if (isOurs) {
      expect(received().length + (lost ?? 0)).toBe(10);
    }
  });

  it('W10: what waits while a backend is slow to answer does not take a round trip for each 512 records', async () => {
    server.script(after(50, ok));
    await run(subject, 'trips');
    expect(received()).toEqual(range(0, 5120));
    if (isOurs) {
      expect(server.requests.length).toBeLessThan(5);
    } else {
      expect(server.requests).toHaveLength(10);
    }
  });
});

it('W11: a batch of large records does not stop the event loop for as long as it takes to write it', async () => {
  const { stallMillis: stock } = await run('stock', 'stall');
  expect(received()).toHaveLength(2500);
  for (const subject of ['event-loop', 'thread'] as const) {
    server.requests.length = 0;
    const { stallMillis } = await run(subject, 'stall');
    expect(received()).toHaveLength(2500);
    expect(stallMillis / stock).toBeLessThan(0.7);
  }
});
