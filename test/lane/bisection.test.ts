import type { LogRecordExporter } from '@opentelemetry/sdk-logs';
import { BuiltInExporter, type ExportOutcome } from '../../src/exporters/built-in-exporter';
import { ExportError } from '../../src/exporters/export-error';
import { LokiLogRecordExporter } from '../../src/exporters/loki';
import { OtlpLogRecordExporter } from '../../src/exporters/otlp';
import type { Lane } from '../../src/lane/lane';
import type { LaneOptions } from '../../src/lane/lane-options';
import type { LogRecord } from '../../src/record';
import { FaultServer, status, type FaultStep, type RecordedRequest } from '../support/fault-server';
import { LaneRig } from '../support/lane-rig';
import { range, seqOf } from '../support/records';
import { until } from '../support/until';

const rig = new LaneRig();
const servers: FaultServer[] = [];

afterEach(async () => {
  rig.end();
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

const atOnce: LaneOptions = { retry: { initialDelayMillis: 0, maxDelayMillis: 0 } };
const settled = (lane: Lane) => (): boolean => lane.stats().offered > 0 && lane.pending === 0;

type Refuse = (seqs: number[], attempt: number) => ExportError | Error | undefined;

/** Takes a batch unless there is something to refuse. */
class ChoosyBuiltIn extends BuiltInExporter {
  readonly attempts: number[][] = [];
  readonly delivered: number[] = [];
  readonly maxBatchBytes = Infinity;

  constructor(readonly refuse: Refuse) {
    super();
  }

  sizeOf(): number {
    return 1;
  }

  exportOnce(records: readonly LogRecord[]): Promise<ExportOutcome> {
    const seqs = records.map(seqOf);
    this.attempts.push(seqs);
    const error = this.refuse(seqs, this.attempts.length);
    if (error !== undefined) {
      return Promise.reject(error);
    }
    this.delivered.push(...seqs);
    return Promise.resolve({});
  }

  protected close(): void {
    // Holds nothing.
  }
}

/** The same as an exporter object, which answers in a later turn, or throws. */
function choosyObject(inner: ChoosyBuiltIn, throws: boolean): LogRecordExporter {
  return {
    export(records, callback) {
      const seqs = records.map(seqOf);
      inner.attempts.push(seqs);
      const error = inner.refuse(seqs, inner.attempts.length);
      if (error !== undefined && throws) {
        throw error;
      }
      if (error === undefined) {
        inner.delivered.push(...seqs);
      }
      setImmediate(() => callback(error === undefined ? { code: 0 } : { code: 1, error }));
    },
    forceFlush: () => Promise.resolve(),
    shutdown: () => Promise.resolve(),
  };
}

const refusal = (code: number, reason: 'rejected' | 'too_large'): ExportError => new ExportError(`${code} from the script`, { retryable: false, status: code, reason });
const bad = [3, 600, 601, 999];
const ifBad =
  (error: () => Error): Refuse =>
  (seqs) =>
    seqs.some((seq) => bad.includes(seq)) ? error() : undefined;

describe('a batch that is refused for single records', () => {
  it.each<[string, string, () => Error, 'built-in' | 'object' | 'throwing object']>([
    ['400', 'rejected', () => refusal(400, 'rejected'), 'built-in'],
    ['413', 'too_large', () => refusal(413, 'too_large'), 'built-in'],
    ['an error of its own encoder', 'invalid', () => new TypeError('no such field'), 'built-in'],
    ['code 400', 'rejected', () => Object.assign(new Error('400'), { code: 400 }), 'object'],
    ['status 413', 'too_large', () => Object.assign(new Error('413'), { status: 413 }), 'object'],
    ['a synchronous throw', 'invalid', () => new RangeError('too deep'), 'throwing object'],
  ])('loses those alone: %s, as %s', async (_what, reason, error, kind) => {
    const exporter = new ChoosyBuiltIn(ifBad(error));
    const lane = rig.lane(kind === 'built-in' ? exporter : choosyObject(exporter, kind === 'throwing object'), { ...atOnce, maxExportBatchSize: 1000 });
    rig.offer(lane, 0, 1000);
    await until(settled(lane));
    expect(exporter.delivered).toEqual(range(0, 1000).filter((seq) => !bad.includes(seq)));
    expect(lane.stats()).toMatchObject({ delivered: 996, dropped: { [reason]: 4 }, state: 'ready', retries: exporter.attempts.length - 1 });
    expect(lane.lastFailure).toBe(error().message);
    expect(exporter.attempts.length).toBeLessThan(80);
  });

  it('loses nothing if it is only too large as a whole', async () => {
    const exporter = new ChoosyBuiltIn((seqs) => (seqs.length > 100 ? refusal(413, 'too_large') : undefined));
    const lane = rig.lane(exporter, atOnce);
    rig.offer(lane, 0, 2000);
    await until(settled(lane));
    expect(exporter.delivered).toEqual(range(0, 2000));
    expect(lane.stats()).toMatchObject({ delivered: 2000, dropped: {} });
  });

  it('counts the parts that were delivered when they were, and ends a flush of them', async () => {
    let answer: (() => void) | undefined;
    const exporter = new ChoosyBuiltIn((seqs) => (seqs.includes(3) ? refusal(400, 'rejected') : undefined));
    const exportOnce = exporter.exportOnce.bind(exporter);
    // The second half waits until the test lets it go.
    exporter.exportOnce = async (records) => {
      if (records.length === 2 && seqOf(records[0] as LogRecord) === 2) {
        await new Promise<void>((resolve) => (answer = resolve));
      }
      return exportOnce(records);
    };
    const lane = rig.lane(exporter, { scheduledDelayMillis: 1_000_000 });
    rig.offer(lane, 0, 2);
    const first = lane.flush(100_000);
    rig.offer(lane, 2, 4);
    const second = lane.flush(100_000);
    await until(() => answer !== undefined);
    expect(await first).toEqual({ lost: {}, remaining: 0 });
    expect(lane.stats()).toMatchObject({ delivered: 2, inFlight: 2, queued: 0 });
    answer?.();
    expect(await second).toEqual({ lost: { rejected: 1 }, remaining: 0 });
    expect(exporter.delivered).toEqual([0, 1, 2]);
  });

  it('tries a part again that fails for another reason', async () => {
    const exporter = new ChoosyBuiltIn((seqs, attempt) => {
      if (seqs.includes(7)) {
        return refusal(400, 'rejected');
      }
      return attempt === 2 ? new ExportError('503', { retryable: true, status: 503 }) : undefined;
    });
    const lane = rig.lane(exporter, atOnce);
    rig.offer(lane, 0, 8);
    await until(settled(lane));
    expect(exporter.delivered).toEqual(range(0, 7));
    expect(exporter.attempts.slice(0, 3)).toEqual([range(0, 8), range(0, 4), range(0, 4)]);
    expect(lane.stats().dropped).toEqual({ rejected: 1 });
  });

  it('gives up a batch in which everything is bad after a bounded number of exports, and goes on with the next', async () => {
    const exporter = new ChoosyBuiltIn((seqs) => (seqs.some((seq) => seq < 1024) ? refusal(400, 'rejected') : undefined));
    const lane = rig.lane(exporter, { ...atOnce, maxQueueSize: 2048, maxExportBatchSize: 1024 });
    rig.offer(lane, 0, 2048);
    await until(settled(lane));
    expect(lane.stats()).toMatchObject({ delivered: 1024, dropped: { rejected: 1024 } });
    expect(exporter.attempts).toHaveLength(161);
  });

  it('goes on as long as parts of it are delivered, however many records are bad', async () => {
    const exporter = new ChoosyBuiltIn((seqs) => (seqs.some((seq) => seq % 10 === 0) ? refusal(400, 'rejected') : undefined));
    const lane = rig.lane(exporter, { ...atOnce, maxExportBatchSize: 1000 });
    rig.offer(lane, 0, 1000);
    await until(settled(lane));
    expect(lane.stats()).toMatchObject({ delivered: 900, dropped: { rejected: 100 } });
  });

  it.each([[401, 'export_failed'], [260, 'rejected']] as const)('is not split if the refusal is not about records: %i', async (code, reason) => {
    const exporter = new ChoosyBuiltIn(() => new ExportError('no', { retryable: false, status: code, reason }));
    const lane = rig.lane(exporter, atOnce);
    rig.offer(lane, 0, 8);
    await until(settled(lane));
    expect(exporter.attempts).toHaveLength(1);
    expect(lane.stats().dropped).toEqual({ [reason]: 8 });
  });

  it('waits with the next part for the late answer of an exporter object that is stuck', async () => {
    const exporter = new ChoosyBuiltIn((seqs) => (seqs.length > 2 ? Object.assign(new Error('413'), { code: 413 }) : undefined));
    const object = choosyObject(exporter, false);
    const working = object.export.bind(object);
    let late: (() => void) | undefined;
    object.export = (records, callback) => {
      if (records.length === 2 && late === undefined) {
        late = () => callback({ code: 0 });
      } else {
        working(records, callback);
      }
    };
    const lane = rig.lane(object, { ...atOnce, exportTimeoutMillis: 20 });
    rig.offer(lane, 0, 4);
    await until(() => lane.stats().state === 'stuck');
    expect(lane.stats()).toMatchObject({ inFlight: 2, dropped: { export_failed: 2 } });
    expect(await lane.flush(100_000)).toEqual({ lost: {}, remaining: 2 });
    late?.();
    await until(() => lane.stats().delivered === 2);
    expect(exporter.delivered).toEqual([2, 3]);
  });
});

async function startJudge(judge: (body: string, requests: readonly RecordedRequest[]) => FaultStep): Promise<FaultServer> {
  const server: FaultServer = await FaultServer.start({
    answer: (response, request, body) => judge(server.requests.at(-1)?.body.toString() ?? '', server.requests).answer(response, request, body),
  });
  servers.push(server);
  return server;
}

describe('a poison answer of Loki', () => {
  const normalization = 'normalization for label name "_" resulted in invalid name "_"';

  async function lokiLane(poisonSeq: number, words: string, answers: { first?: string } = {}): Promise<{ lane: Lane; server: FaultServer; stored: string[] }> {
    const stored: string[] = [];
    const server = await startJudge((body, requests) => {
      if (answers.first !== undefined && requests.length === 1) {
        return status(500, { body: answers.first });
      }
      if (body.includes(`record ${poisonSeq}"`)) {
        return status(500, { body: words });
      }
      stored.push(body);
      return status(204);
    });
    return { lane: rig.lane(new LokiLogRecordExporter({ url: server.url, compression: 'none' }, {}), atOnce), server, stored };
  }

  it.each([
    [normalization, 'rejected'],
    ['label name is empty', 'rejected'],
    ['rpc error: code = ResourceExhausted desc = grpc: received message larger than max (4301367 vs. 4194304)', 'too_large'],
  ])('costs the bad record alone: %s', async (words, reason) => {
    const { lane, server } = await lokiLane(5, words);
    rig.offer(lane, 0, 8);
    await until(settled(lane));
    expect(lane.stats()).toMatchObject({ delivered: 7, dropped: { [reason]: 1 } });
    expect(lane.lastFailure).toContain(words.slice(0, 30));
    // Twice the whole, then two halves of each level.
    expect(server.requests).toHaveLength(8);
  });

  it('is tried again as long as it has not come twice', async () => {
    const { lane, server, stored } = await lokiLane(-1, '', { first: normalization });
    rig.offer(lane, 0, 8);
    await until(settled(lane));
    expect(lane.stats()).toMatchObject({ delivered: 8, dropped: {} });
    expect({ requests: server.requests.length, stored: stored.length }).toEqual({ requests: 2, stored: 1 });
  });
});

it('finds the one bad record of a batch that an OTLP receiver answers with 400', async () => {
  const server = await startJudge((body) => (body.includes('record 77"') ? status(400, { body: 'record 77 is bad' }) : status(200)));
  const lane = rig.lane(new OtlpLogRecordExporter({ url: server.url, protocol: 'http/json' }, {}), atOnce);
  rig.offer(lane, 0, 100);
  await until(settled(lane));
  expect(lane.stats()).toMatchObject({ delivered: 99, dropped: { rejected: 1 } });
  expect(lane.lastFailure).toContain('record 77 is bad');
});
