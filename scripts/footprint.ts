import { fork } from 'node:child_process';
import { once } from 'node:events';
import { LoggerProvider } from '@opentelemetry/sdk-logs';
import { ensureBuilt, PACKAGE_PATH } from './load/build';
import { median } from './load/median-run';
import { machine } from './load/run-result';

// What a processor costs an application that hardly logs: `npm run footprint`, half a minute. Each measurement is a process of its own, and they take turns.

const SUBJECTS = ['none', 'event-loop', 'thread'] as const;
type Subject = (typeof SUBJECTS)[number];
const ROUNDS = 9;
const MEBIBYTE = 1024 * 1024;
/** Small, because memory counts when it is touched, and a ring is touched as far as records come. */
const RING_BYTES = 64 * 1024;

interface Footprint {
  readonly rssBytes: number;
  readonly cpuMillis: number;
}

async function measure(subject: Subject): Promise<Footprint> {
  const { counting, QueueLogRecordProcessor } = (await import(PACKAGE_PATH)) as typeof import('../src');
  const begin = process.cpuUsage();
  const processor = subject === 'none' ? undefined : new QueueLogRecordProcessor({ exporter: counting(), worker: subject, maxQueueBytes: RING_BYTES });
  const provider = new LoggerProvider({ processors: processor === undefined ? [] : [processor] });
  provider.getLogger('footprint').emit({ body: 'an event' });
  // A thread is there when it has answered.
  await provider.forceFlush();
  const { user, system } = process.cpuUsage(begin);
  return { rssBytes: process.memoryUsage.rss(), cpuMillis: (user + system) / 1000 };
}

async function ask(subject: Subject): Promise<Footprint> {
  const child = fork(__filename, [subject]);
  const [footprint] = (await once(child, 'message', { signal: AbortSignal.timeout(30_000) })) as [Footprint];
  child.kill();
  return footprint;
}

async function parent(): Promise<void> {
  ensureBuilt();
  const rounds: Record<Subject, Footprint>[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    rounds.push({ none: await ask('none'), 'event-loop': await ask('event-loop'), thread: await ask('thread') });
  }
  const { node, cpu, cores } = machine();
  console.log(`Node ${node}, ${cpu}, ${cores} cores; above a process with the SDK and no processor, median of ${ROUNDS} rounds`);
  for (const subject of ['event-loop', 'thread'] as const) {
    const rss = median(rounds.map((round) => round[subject].rssBytes - round.none.rssBytes)) / MEBIBYTE;
    const cpuMillis = median(rounds.map((round) => round[subject].cpuMillis - round.none.cpuMillis));
    console.log(`${subject}: ${rss.toFixed(1)} MiB of memory (the ring not counted), ${cpuMillis.toFixed(0)} ms of CPU from its construction to the first answer`);
  }
}

const subject = SUBJECTS.find((each) => each === process.argv[2]);
const done = subject === undefined || process.send === undefined ? parent() : measure(subject).then((footprint) => process.send?.(footprint));
done.catch((error: unknown) => {
  console.error(error);
  // Also where a child that did not answer still holds its channel open.
  process.exit(1);
});
