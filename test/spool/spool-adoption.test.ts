import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { STALE_MILLIS } from '../../src/spool/owner-lock';
import { currentProcess, isRunning } from '../../src/spool/process-identity';
import type { SpoolOptions } from '../../src/spool/spool-options';
import { compileSources } from '../support/compile-sources';
import { makeRecord, range } from '../support/records';
import { until } from '../support/until';
import { drain, SpoolRig, type Rig } from './spool-rig';

type Action = 'append until killed' | 'spill and stay' | 'spill in exit' | 'adopt';

let rig: SpoolRig;
let sources: string;
let children: ChildProcess[];

const spill = (owner: string, from: number, to: number): Rig => {
  const opened = rig.open(owner);
  opened.store.spill(range(from, to).map((seq) => makeRecord(seq)));
  return opened;
};

/** As a process on another host that has been silent for so long. */
function pretendOtherHost(folder: string, silentMillis: number): void {
  const lock = path.join(folder, 'lock');
  fs.writeFileSync(lock, JSON.stringify({ ...currentProcess(), host: 'another host' }));
  fs.utimesSync(lock, new Date(rig.now - silentMillis), new Date(rig.now - silentMillis));
}

/** As a process that is dead: no such process has this start time. */
function pretendDead(folder: string): void {
  fs.writeFileSync(path.join(folder, 'lock'), JSON.stringify({ ...currentProcess(), started: '1' }));
}

function start(owner: string, then: Action, options: Partial<SpoolOptions> = {}): { child: ChildProcess; said: () => string } {
  const fixture = path.join(__dirname, 'fixtures', 'spool-process.cjs');
  const child = spawn(process.execPath, [fixture, sources, JSON.stringify({ directory: rig.directory, owner, then, ...options })], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (chunk) => (text += String(chunk)));
  children.push(child);
  return { child, said: () => text };
}

beforeAll(() => {
  const modules = ['src/spool', 'src/otlp', 'src'].flatMap((folder) =>
    fs.readdirSync(path.join(__dirname, '../..', folder)).filter((name) => name.endsWith('.ts')).map((name) => `${folder}/${name.slice(0, -3)}`));
  sources = compileSources(modules);
});

afterAll(() => fs.rmSync(sources, { recursive: true, force: true }));

beforeEach(() => {
  rig = new SpoolRig();
  children = [];
});

afterEach(() => {
  children.forEach((child) => child.kill('SIGKILL'));
  rig.end();
});

// Children start slowly on a busy machine.
jest.setTimeout(60_000);

describe('what a dead process left', () => {
  it('is all there after SIGKILL while it wrote, up to what it had reported', async () => {
    for (const round of range(0, 5)) {
      const { child, said } = start('child', 'append until killed', { fsync: true, mode: 'journal' });
      await until(() => said().split('\n').length > 3 + 20 * round);
      child.kill('SIGKILL');
      await once(child, 'close');
      const journaled = Number(said().split('\n').at(-2));
      const { store, lost } = rig.make(`adopter-${round}`);
      const adopted = store.adopt();
      expect(adopted).toBe(store.records + (lost.invalid ?? 0));
      const numbers = drain(store);
      expect(numbers.slice(0, journaled)).toEqual(range(0, journaled));
      // A whole batch may have got there and not been reported, or half a line of it.
      expect(numbers).toEqual(range(0, numbers.length));
      expect(numbers.length - journaled).toBeLessThanOrEqual(50);
      expect(lost.invalid ?? 0).toBeLessThanOrEqual(1);
      store.close();
      expect(rig.tree()).toEqual([]);
    }
  });

  it('inside process.on(exit) is there', async () => {
    const { child } = start('child', 'spill in exit');
    expect(await once(child, 'close')).toEqual([0, null]);
    const { store } = rig.make('b');
    expect(store.adopt()).toBe(100);
    expect(drain(store)).toEqual(range(0, 100));
  });

  it('is taken over by one of several processes that start at once', async () => {
    for (const owner of ['x', 'y', 'z']) {
      const { child } = start(owner, 'spill in exit');
      await once(child, 'close');
    }
    const adopters = ['a', 'b', 'c', 'd'].map((owner) => start(owner, 'adopt'));
    await Promise.all(adopters.map(({ child }) => once(child, 'close')));
    const results = adopters.map(({ said }) => JSON.parse(said()) as { adopted: number; numbers: number[]; lost: unknown[] });
    expect(results.map(({ adopted }) => adopted).reduce((sum, each) => sum + each)).toBe(300);
    expect(results.flatMap(({ numbers }) => numbers).sort((one, other) => one - other)).toEqual(range(0, 100).flatMap((seq) => [seq, seq, seq]));
    expect(results.flatMap(({ lost }) => lost)).toEqual([]);
    expect(rig.tree()).toEqual([]);
  });

  it('stays where it is as long as it lives, and is found when it has died', async () => {
    const { child, said } = start('child', 'spill and stay');
    await until(() => said() === 'ready\n');
    const { store } = rig.open('a');
    child.kill('SIGKILL');
    await once(child, 'close');
    expect(store.adopt()).toBe(100);
    expect(store.adopt()).toBe(0);
    expect(drain(store)).toEqual(range(0, 100));
  });

  it('is taken over from another host when its lock is stale', () => {
    spill('a', 0, 10);
    pretendOtherHost(rig.ownerFolder('a'), STALE_MILLIS - 1000);
    const { store } = rig.open('b');
    rig.now += 2000;
    expect(store.adopt()).toBe(10);
  });

  it('without a readable lock is taken over when it is old: it may just be made', () => {
    spill('a', 0, 10);
    fs.writeFileSync(path.join(rig.ownerFolder('a'), 'lock'), '{"pid":');
    spill('b', 10, 20);
    fs.unlinkSync(path.join(rig.ownerFolder('b'), 'lock'));
    const { store } = rig.open('c');
    rig.now += STALE_MILLIS + 1000;
    expect(store.adopt()).toBe(20);
  });

  it('counts only what was not marked', () => {
    const { store } = spill('a', 0, 100);
    store.spill(range(100, 200).map((seq) => makeRecord(seq)));
    store.ack(store.take(100, Infinity)!.ticket);
    store.append(range(200, 300).map((seq) => makeRecord(seq)));
    pretendDead(rig.ownerFolder('a'));
    const next = rig.make('b');
    expect(next.store.adopt()).toBe(200);
    expect(drain(next.store)).toEqual(range(100, 300));
    expect(next.lost).toEqual({});
    expect(next.store.journaled).toBe(0);
  });

  it('is found by a restarted thread in its own folder, and by whoever comes after several crashes', () => {
    spill('a', 0, 10);
    const again = rig.make('a');
    expect(again.store.adopt()).toBe(10);
    again.store.spill([makeRecord(10)]);
    expect(again.store.records).toBe(11);
    pretendDead(rig.ownerFolder('a'));
    // Each finds what the one before had adopted and dies at once.
    for (const owner of ['b', 'c', 'd']) {
      expect(rig.make(owner).store.adopt()).toBe(11);
      pretendDead(rig.ownerFolder(owner));
    }
    // A crash between the two moves: a folder inside an adopted one.
    const [nested] = fs.readdirSync(rig.ownerFolder('d')).filter((name) => name.startsWith('adopted-'));
    fs.mkdirSync(path.join(rig.ownerFolder('d'), 'adopted-77'));
    fs.renameSync(path.join(rig.ownerFolder('d'), nested!), path.join(rig.ownerFolder('d'), 'adopted-77', 'adopted-1'));
    const last = rig.make('e');
    expect(last.store.adopt()).toBe(11);
    expect(rig.tree().filter((name) => name.split(path.sep).length > 3)).toEqual([]);
    expect(drain(last.store)).toEqual(range(0, 11));
    last.store.close();
    expect(rig.tree()).toEqual([]);
  });

  it('and is more than the bound loses its oldest, counted', () => {
    const { store } = rig.open('a', { maxBytes: 1024 * 1024 });
    for (const seq of range(0, 100)) {
      store.spill([makeRecord(seq, { attributes: { seq, padding: 'x'.repeat(8000) } })]);
    }
    store.close();
    const next = rig.make('b', { maxBytes: 300_000 });
    expect(next.store.adopt()).toBe(100);
    expect(next.lost).toEqual({ spool_full: 100 - next.store.records });
    expect(next.store.bytes).toBeLessThanOrEqual(300_000);
    const left = next.store.records;
    expect(left).toBeGreaterThan(20);
    expect(drain(next.store)).toEqual(range(100 - left, 100));
  });
});

describe('a damaged segment', () => {
  const lines = (): string[] => fs.readFileSync(rig.segments('a')[0]!, 'utf8').split('\n');

  it.each([
    ['a torn last line', (all: string[]) => [...all.slice(0, -2), all.at(-2)!.slice(0, -10)], range(0, 20), { invalid: 1 }],
    ['a last line without its line break', (all: string[]) => all.slice(0, -1), range(0, 30), {}],
    ['garbage between', (all: string[]) => [all[0]!, '\0\0\0', '', '{"resourceSpans":[]}', ...all.slice(1)], range(0, 30), { invalid: 2 }],
    ['a line that looks right and is not', (all: string[]) => [all[0]!, all[1]!.replace('record 15', 'record "15'), ...all.slice(2)], [...range(0, 10), ...range(20, 30)], { invalid: 10 }],
    ['a long line', (all: string[]) => [all[0]!, 'x'.repeat(3_000_000), ...all.slice(1)], range(0, 30), { invalid: 1 }],
    ['nothing', () => [], [], {}],
  ])('%s: the others are delivered, and the loss is counted', (_name, damage, expected, losses) => {
    const { store } = rig.open('a');
    for (const from of [0, 10, 20]) {
      store.spill(range(from, from + 10).map((seq) => makeRecord(seq)));
    }
    store.close();
    fs.writeFileSync(rig.segments('a')[0]!, damage(lines()).join('\n'));
    const next = rig.make('b');
    const adopted = next.store.adopt();
    // Counted once, also if the next process dies before anything is delivered.
    pretendDead(rig.ownerFolder('b'));
    const third = rig.make('c');
    third.store.adopt();
    expect(drain(third.store)).toEqual(expected);
    const lost = (next.lost.invalid ?? 0) + (third.lost.invalid ?? 0);
    expect(lost).toBe((losses as { invalid?: number }).invalid ?? 0);
    expect(adopted).toBe(expected.length + lost);
    third.store.close();
    next.store.close();
    expect(rig.tree()).toEqual([]);
  });

  it('marks that are none of whole lines count for nothing', () => {
    const { store } = rig.open('a');
    for (const from of [0, 10, 20]) {
      store.spill(range(from, from + 10).map((seq) => makeRecord(seq)));
    }
    store.close();
    const [segment] = rig.segments('a') as [string];
    const [first, second] = lines().map((line) => line.length + 1) as [number, number];
    const marks = [`0 ${first - 1}`, '0 99999999', '-1 5', 'x', `${first} ${first}`, `${first + second} ${first}`, `${first} ${first + second}`, '0 1'];
    fs.writeFileSync(segment.replace('.jsonl', '.done'), `${marks.join('\n')}\n0 ${first}`);
    const next = rig.make('b');
    expect(next.store.adopt()).toBe(20);
    expect(drain(next.store)).toEqual([...range(0, 10), ...range(20, 30)]);
  });
});

it('knows a process by its id and its start', () => {
  const own = currentProcess();
  expect(isRunning(own)).toBe(true);
  expect(isRunning({ ...own, started: '' })).toBe(true);
  expect(isRunning({ ...own, started: '1' })).toBe(process.platform !== 'linux');
  for (const pid of [0, -1, 2 ** 30, NaN]) {
    expect(isRunning({ ...own, pid })).toBe(false);
  }
});
