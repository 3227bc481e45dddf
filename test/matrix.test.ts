import { file, loki, otlp } from '../src';
import { captureDiag } from './support/capture-diag';
import { expectSettled } from './support/conservation';
import { ScenarioRig, type ScenarioEnd, type Worker } from './support/fault-scenario';
import { hang, reset, status, type FaultStep } from './support/fault-server';
import { FileBackend } from './support/file-backend';
import { HttpBackend } from './support/http-backend';
import { runInPool } from './support/pool';
import { lokiSequences, otlpSequences } from './support/received-sequences';
import { range } from './support/records';
import { endRigs } from './support/sdk';
import { until } from './support/until';

// {OTLP, Loki, file} x {faults} x {event loop, thread}: whatever happens, emitted = received + counted.
interface Cell {
  readonly exporter: string;
  readonly worker: Worker;
  readonly fault: string;
  /** Counted losses, all others being received. */
  readonly dropped: Readonly<Record<string, number>>;
  readonly run: () => Promise<ScenarioEnd>;
}

const OUTAGE_MILLIS = 10_000;
// An answer that comes later than this is one more retry than a scenario counts: not even a busy machine may take so long.
const REQUEST_TIMEOUT_MILLIS = 1000;

const httpExporters = {
  otlp: { success: status(200), sequencesOf: otlpSequences, describe: (url: string) => otlp({ url, timeoutMillis: REQUEST_TIMEOUT_MILLIS }) },
  loki: { success: status(204), sequencesOf: lokiSequences, describe: (url: string) => loki({ url, timeoutMillis: REQUEST_TIMEOUT_MILLIS }) },
};
type HttpExporter = keyof typeof httpExporters;

interface HttpScenario {
  readonly fault: string;
  readonly dropped?: Readonly<Record<string, number>>;
  readonly faultFor?: (sequences: readonly number[], request: number) => FaultStep | undefined;
  readonly play: (rig: ScenarioRig, backend: HttpBackend) => Promise<void>;
}

const isPoison = (seq: number): boolean => seq % 1000 === 500;

/** Batches that are sent one after the other, so that faults meet many of them. */
async function emitInBatches(rig: ScenarioRig, batches: number, records: number): Promise<void> {
  for (let batch = 0; batch < batches; batch++) {
    rig.emit(records);
    await rig.settle();
  }
}

/** Logs all the while, and until the outage is over. */
async function emitThroughOutage(rig: ScenarioRig): Promise<void> {
  const end = Date.now() + OUTAGE_MILLIS;
  while (Date.now() < end) {
    rig.emit(25);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const httpScenarios: HttpScenario[] = [
  {
    fault: 'down at start',
    play: async (rig, backend) => {
      const port = await backend.goDown();
      rig.emit(1000);
      await until(() => rig.lane.retries >= 2);
      await backend.goUp(port);
      rig.emit(1000);
    },
  },
  {
    fault: 'down in the middle',
    play: async (rig, backend) => {
      rig.emit(500);
      await rig.settle();
      const port = await backend.goDown();
      await emitThroughOutage(rig);
      expect(rig.lane.retries).toBeGreaterThanOrEqual(2);
      await backend.goUp(port);
      rig.emit(500);
    },
  },
  {
    fault: 'every 3rd request fails',
    faultFor: (_, request) => (request % 3 === 0 ? status(503) : undefined),
    play: async (rig, backend) => {
      await emitInBatches(rig, 10, 200);
      expect(rig.lane.retries).toBeGreaterThanOrEqual(3);
      expect(backend.arrivals.length).toBeGreaterThanOrEqual(13);
    },
  },
  ...(['seconds', 'date'] as const).map(
    (form): HttpScenario => ({
      fault: `429 with Retry-After as ${form}`,
      // A date has no fractions of a second: this one is one to two seconds away.
      faultFor: (_, request) => (request === 1 ? status(429, { retryAfter: form === 'seconds' ? '1' : new Date(Date.now() + 2000).toUTCString() }) : undefined),
      play: async (rig, backend) => {
        rig.emit(1000);
        await rig.settle();
        rig.emit(1000);
        await rig.settle();
        expect(rig.lane.retries).toBe(1);
        const [first = 0, second = 0] = backend.arrivals;
        expect(second - first).toBeGreaterThan(950);
      },
    }),
  ),
  {
    fault: 'hang',
    faultFor: (_, request) => (request <= 2 ? hang : undefined),
    play: async (rig) => {
      rig.emit(1000);
      await until(() => rig.lane.retries >= 1);
      rig.emit(1000);
      await rig.settle();
      expect(rig.lane.retries).toBe(2);
    },
  },
  {
    fault: 'reset',
    faultFor: (_, request) => (request % 2 === 0 ? reset : undefined),
    play: async (rig) => emitInBatches(rig, 6, 200),
  },
  {
    fault: '400 for one record in 1,000',
    dropped: { rejected: 3 },
    faultFor: (sequences) => (sequences.some(isPoison) ? status(400) : undefined),
    play: async (rig, backend) => {
      rig.emit(3000);
      await rig.settle();
      expect(backend.taken.filter(isPoison)).toEqual([]);
    },
  },
  {
    fault: '413 above 100 records',
    faultFor: (sequences) => (sequences.length > 100 ? status(413) : undefined),
    play: async (rig) => {
      rig.emit(1000);
      await rig.settle();
    },
  },
];

function httpCell(exporter: HttpExporter, worker: Worker, { fault, dropped = {}, faultFor, play }: HttpScenario): Cell {
  const { success, sequencesOf, describe: exporterFor } = httpExporters[exporter];
  const run = async (): Promise<ScenarioEnd> => {
    const backend = await HttpBackend.start(success, sequencesOf, faultFor);
    try {
      const rig = new ScenarioRig(exporterFor(backend.url), exporter, worker);
      await play(rig, backend);
      await rig.settle();
      return rig.end(backend.taken);
    } finally {
      await backend.close();
    }
  };
  return { exporter, worker, fault, dropped, run };
}

interface FileScenario {
  readonly fault: string;
  readonly dropped?: Readonly<Record<string, number>>;
  readonly maxBytes?: number;
  readonly play: (rig: ScenarioRig, backend: FileBackend) => Promise<void>;
}

const isFailing = (rig: ScenarioRig): (() => boolean) => {
  const { retries } = rig.lane;
  return () => rig.lane.retries > retries;
};

// What stands for the fault of a server where there is none.
const fileScenarios: FileScenario[] = [
  {
    fault: 'down at start: its folder leads nowhere',
    play: async (rig, backend) => {
      backend.goDown();
      const failed = isFailing(rig);
      rig.emit(1000);
      await until(failed);
      backend.goUp();
      rig.emit(1000);
    },
  },
  {
    fault: 'down in the middle: its folder is taken away',
    play: async (rig, backend) => {
      rig.emit(500);
      await rig.settle();
      backend.goDown();
      await emitThroughOutage(rig);
      backend.goUp();
      rig.emit(500);
    },
  },
  {
    fault: 'every 3rd batch fails: the folder leads nowhere',
    play: async (rig, backend) => {
      for (let batch = 1; batch <= 9; batch++) {
        if (batch % 3 !== 0) {
          rig.emit(200);
        } else {
          backend.goDown();
          const failed = isFailing(rig);
          rig.emit(200);
          await until(failed);
          backend.goUp();
        }
        await rig.settle();
      }
    },
  },
  {
    fault: 'refused for a while: the disk is full',
    play: async (rig, backend) => {
      rig.emit(1000);
      await rig.settle();
      backend.fill();
      const failed = isFailing(rig);
      rig.emit(1000);
      await until(failed);
      backend.goUp();
    },
  },
  {
    fault: 'hang: the file is a pipe that nobody reads',
    play: async (rig, backend) => {
      backend.hang();
      rig.emit(2000);
      await until(() => rig.lane.inFlight > 0);
      rig.emit(1000);
      // Nothing moves: the first batch alone is more than a pipe holds.
      await new Promise((resolve) => setTimeout(resolve, 500));
      expect(rig.lane).toMatchObject({ delivered: 0, retries: 0, state: 'exporting' });
      const stop = backend.drain();
      await rig.settle();
      await until(() => backend.taken().length === 3000);
      stop();
    },
  },
  {
    fault: 'reset: the file is replaced between batches',
    play: async (rig, backend) => {
      for (let batch = 0; batch < 6; batch++) {
        rig.emit(200);
        await rig.settle();
        backend.goUp();
      }
    },
  },
  {
    fault: 'one record in 1,000 cannot be written',
    dropped: { invalid: 3 },
    play: async (rig) => {
      for (let thousand = 0; thousand < 3; thousand++) {
        rig.emit(500);
        rig.emitUnreadable();
        rig.emit(499);
      }
      await rig.settle();
    },
  },
  {
    fault: 'batches far larger than a file may be',
    maxBytes: 20_000,
    play: async (rig) => emitInBatches(rig, 3, 1000),
  },
];

function fileCell(worker: Worker, { fault, dropped = {}, maxBytes = 100 * 1024 * 1024, play }: FileScenario): Cell {
  const run = async (): Promise<ScenarioEnd> => {
    const backend = new FileBackend();
    backend.goUp();
    try {
      const rig = new ScenarioRig(file({ path: backend.path, maxBytes, maxFiles: 1000 }), 'file', worker);
      await play(rig, backend);
      await rig.settle();
      return rig.end(backend.taken());
    } finally {
      backend.close();
    }
  };
  return { exporter: 'file', worker, fault, dropped, run };
}

const workers: readonly Worker[] = ['event-loop', 'thread'];
const cells: Cell[] = workers.flatMap((worker) => [
  ...(Object.keys(httpExporters) as HttpExporter[]).flatMap((exporter) => httpScenarios.map((scenario) => httpCell(exporter, worker, scenario))),
  ...fileScenarios.map((scenario) => fileCell(worker, scenario)),
]);

// Most of a cell is waiting: several at a time.
let diagnostics: ReturnType<typeof captureDiag>;
let ends: readonly Promise<ScenarioEnd>[];
beforeAll(() => {
  diagnostics = captureDiag();
  ends = runInPool(4, cells, (cell) => cell.run());
});
afterAll(async () => {
  await Promise.allSettled(ends);
  await endRigs();
  diagnostics.restore();
});

jest.setTimeout(120_000);

it.each(cells.map((cell, index) => ({ ...cell, index })))('$exporter, $worker, $fault: emitted = received + counted', async ({ index, dropped }) => {
  const { emitted, received, stats, lane } = await (ends[index] as Promise<ScenarioEnd>);
  const lost = Object.values(dropped).reduce((sum, count) => sum + count, 0);
  expectSettled(stats);
  expect({ emitted: stats.emitted, dropped: { ...stats.dropped, ...lane.dropped }, lost: stats.lost }).toEqual({ emitted, dropped, lost });
  expect(received.length + lost).toBe(emitted);
  if (lost === 0) {
    expect(received).toEqual(range(0, emitted));
  }
});
