import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { LoggerProvider } from '@opentelemetry/sdk-logs';
import { ensureBuilt, PACKAGE_PATH } from './load/build';
import { INFO, loadRecord, type EmittedRecord, type Logger } from './load/load-record';
import { median } from './load/median-run';
import { cpuMicros } from './load/resource-meter';
import { machine } from './load/run-result';
import { noopSubject, stockSubject, type Subject } from './load/subject';
import { queueSubject } from './load/queue-subject';

// What `logger.emit` costs the caller, above a processor that does nothing: `npm run bench`, about a minute.
// Every processor lives in a process of its own, so that none sees call sites the others have made megamorphic, and they take turns.
// CPU time and not the clock: other processes on the machine do not count. Of the main thread where Node can tell (24), else of the process: then the work of the thread counts too.

const SUBJECTS = ['noop', 'stock', 'event-loop', 'thread'] as const;
type BenchSubject = (typeof SUBJECTS)[number];
const ROUNDS = 9;
/** Half of the default queue, and a few MB of the 16 MiB of the ring: neither overflows, because each part is flushed before the next. */
const PART = 1000;
const HOT_PARTS = 40;
const PACED_TURNS = 200;
const RECORDS_PER_TURN = 10;

type Mode = 'hot' | 'paced';

const TWENTY_ATTRIBUTES = Object.fromEntries(
  Array.from({ length: 20 }, (_, index) => [`attribute.number.${index}`, index % 3 === 0 ? index * 1.5 : `value of attribute ${index}`]),
);
const LONG_BODY = 'The order was accepted. '.repeat(43).slice(0, 1024);
const STACK = `Error: connection refused\n${'    at Connection.connect (/srv/app/node_modules/db/lib/connection.js:118:27)\n'.repeat(60)}`.slice(0, 4096);

/** `SeverityNumber.ERROR`. */
const ERROR = 17;

const SHAPES: Readonly<Record<string, (sequence: number) => EmittedRecord>> = {
  '6 attributes': loadRecord,
  '20 attributes, 1 kB body': (sequence) => ({ severityNumber: INFO, body: LONG_BODY, attributes: { ...TWENTY_ATTRIBUTES, seq: sequence } }),
  '4 kB stack': (sequence) => ({ severityNumber: ERROR, body: 'request failed', attributes: { 'exception.stacktrace': STACK, seq: sequence } }),
};

interface Task {
  readonly shape: string;
  readonly mode: Mode;
}

/** Nanoseconds per emit. Making the record is not timed, neither is what happens behind emit. */
async function measure(subject: Subject, logger: Logger, task: Task): Promise<number> {
  const record = SHAPES[task.shape]!;
  const [parts, size] = task.mode === 'hot' ? [HOT_PARTS, PART] : [PACED_TURNS, RECORDS_PER_TURN];
  let micros = 0;
  for (let part = 0; part < parts; part += 1) {
    const records = Array.from({ length: size }, (_, index) => record(index));
    const begin = usedMicros();
    for (const each of records) {
      logger.emit(each);
    }
    micros += usedMicros() - begin;
    if (task.mode === 'hot') {
      await subject.processor.forceFlush();
      await nextTurn();
    } else {
      await sleep(1);
    }
  }
  await subject.processor.forceFlush();
  return (micros * 1000) / (parts * size);
}

function usedMicros(): number {
  const { mainThread, process } = cpuMicros();
  return mainThread ?? process;
}

async function makeSubject(name: BenchSubject): Promise<Subject> {
  if (name === 'noop') {
    return noopSubject();
  }
  const options = {
    ...{ strategy: 'drop', maxsize: undefined, worker: undefined, exporter: 'null', latencyMillis: 0, burst: undefined, outage: undefined, spoolPath: undefined } as const,
    ...{ concurrency: 1, rate: 1, recordsPerTask: 1, total: 1, otlpUrl: '', lokiUrl: '', filePath: '', packagePath: PACKAGE_PATH },
  };
  return name === 'stock' ? stockSubject({ ...options, name }) : queueSubject({ ...options, name: 'queue', worker: name });
}

async function child(name: BenchSubject): Promise<void> {
  const subject = await makeSubject(name);
  const logger = new LoggerProvider({ processors: [subject.processor] }).getLogger('bench');
  // The parent is gone, and a measurement may be running.
  process.on('disconnect', () => process.exit());
  process.on('message', (task) => {
    void measure(subject, logger, task as Task).then(
      (nanos) => process.send?.(nanos),
      (error: unknown) => {
        console.error(error);
        // The channel to the parent, which waits for a figure, would keep this process alive.
        process.exit(1);
      },
    );
  });
  process.send?.(0);
}

async function ask(process: ChildProcess, task?: Task): Promise<number> {
  if (task !== undefined) {
    process.send(task);
  }
  const ended = new AbortController();
  const exit = (): void => ended.abort(new Error('a benchmark process ended too early'));
  process.once('exit', exit);
  const [nanos] = (await once(process, 'message', { signal: ended.signal })) as [number];
  process.off('exit', exit);
  return nanos;
}

async function parent(): Promise<void> {
  ensureBuilt();
  const { node, cpu, cores } = machine();
  console.log(`Node ${node}, ${cpu}, ${cores} cores; CPU ns per logger.emit (no-op) and above it (the others), median of ${ROUNDS} interleaved rounds\n`);
  console.log(['', '', 'no-op', 'stock', 'event loop', 'thread', 'e.l./stock', 'thread/stock'].map(column).join(''));
  const children: ChildProcess[] = [];
  try {
    for (const name of SUBJECTS) {
      children.push(fork(__filename, [name]));
    }
    await Promise.all(children.map((each) => ask(each)));
    for (const shape of Object.keys(SHAPES)) {
      for (const mode of ['hot', 'paced'] as const) {
        console.log(row(shape, mode, await rounds(children, { shape, mode })));
      }
    }
  } finally {
    for (const each of children) {
      each.kill();
    }
  }
}

/** One list of nanoseconds for each processor. */
async function rounds(children: readonly ChildProcess[], task: Task): Promise<number[][]> {
  const nanos: number[][] = children.map(() => []);
  // The first round warms up.
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const [index, each] of children.entries()) {
      const measured = await ask(each, task);
      if (round > 0) {
        nanos[index]!.push(measured);
      }
    }
  }
  return nanos;
}

function row(shape: string, mode: Mode, [noop, ...others]: number[][]): string {
  const above = others.map((nanos) => median(nanos.map((each, round) => each - noop![round]!)));
  const [stock, ...queues] = above;
  const ratios = queues.map((queue) => (stock! > 0 && queue > 0 ? (queue / stock!).toFixed(2) : 'n/a'));
  return [shape, mode, ...[median(noop!), ...above].map((nanos) => nanos.toFixed(0)), ...ratios].map(column).join('');
}

function column(text: string, index: number): string {
  return index === 0 ? text.padEnd(26) : index === 1 ? text.padEnd(7) : text.padStart(13);
}

const name = SUBJECTS.find((each) => each === process.argv[2]);
(name !== undefined && process.send !== undefined ? child(name) : parent()).catch((error: unknown) => {
  console.error(error);
  // Also where a child still holds its channel open.
  process.exit(1);
});
