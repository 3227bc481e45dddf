import fs from 'node:fs';
import path from 'node:path';
import { currentProcess } from '../../src/spool/process-identity';
import type { SpoolOptions } from '../../src/spool/spool-options';
import { FaultySpoolFileSystem } from '../support/faulty-spool-file-system';
import { makeRecord, range, seqOf } from '../support/records';
import { drain, SpoolRig, type Rig } from './spool-rig';

let rig: SpoolRig;

beforeEach(() => {
  rig = new SpoolRig();
});

afterEach(() => rig.end());

const pretendDead = (folder: string): void => fs.writeFileSync(path.join(folder, 'lock'), JSON.stringify({ ...currentProcess(), started: '1' }));

/** What the caller of a store knows at the end. */
interface Told {
  /** Numbers of records that the store took and that are not delivered. */
  readonly outstanding: Set<number>;
  readonly delivered: number[];
}

/** Leaves the records 0 to 59 of a dead process, 0 to 9 of them delivered and marked, 50 to 59 adopted by it. */
function leaveOrphans(): void {
  const write = (owner: string, from: number, to: number): Rig => {
    const opened = rig.make(owner);
    opened.store.adopt();
    for (let seq = from; seq < to; seq += 10) {
      opened.store.spill(range(seq, seq + 10).map((each) => makeRecord(each)));
    }
    return opened;
  };
  write('first', 50, 60);
  pretendDead(rig.ownerFolder('first'));
  const { store } = write('second', 0, 50);
  const taken = store.take(10, Infinity)!;
  if (seqOf(taken.records[0]!) === 50) {
    store.ack(store.take(10, Infinity)!.ticket);
    store.giveBack(taken.ticket);
  } else {
    store.ack(taken.ticket);
  }
  pretendDead(rig.ownerFolder('second'));
}

/** Everything that a lane does with a store. */
function use({ store }: Rig): Told {
  const told: Told = { outstanding: new Set(range(10, 60)), delivered: [] };
  const take = (): void => {
    const taken = store.take(10, Infinity);
    for (const seq of (taken?.records ?? []).map(seqOf)) {
      expect(told.outstanding.delete(seq)).toBe(true);
      told.delivered.push(seq);
    }
    if (taken !== undefined) {
      store.ack(taken.ticket);
    }
  };
  store.adopt();
  take();
  for (let seq = 100; seq < 160; seq += 20) {
    const spilled = range(seq, seq + 10);
    if (store.spill(spilled.map((each) => makeRecord(each, { attributes: { seq: each, padding: 'x'.repeat(4000) } })))) {
      spilled.forEach((each) => told.outstanding.add(each));
    }
    const journaled = range(seq + 10, seq + 20);
    const ticket = store.append(journaled.map((each) => makeRecord(each)));
    if (ticket !== undefined && seq !== 120) {
      journaled.forEach((each) => told.outstanding.add(each));
      store.giveBack(ticket);
    } else if (ticket !== undefined) {
      told.delivered.push(...journaled);
      store.ack(ticket);
    }
    const taken = store.take(10, Infinity);
    if (taken !== undefined) {
      store.giveBack(taken.ticket);
    }
    take();
    rig.now += 6000;
  }
  return told;
}

function expectRest(numbers: number[], told: Told): void {
  const sorted = (list: Iterable<number>): number[] => [...list].sort((one, other) => one - other);
  expect(sorted(numbers)).toEqual(sorted(told.outstanding));
}

/** How many calls a run without a fault makes. */
function countCalls(options: Partial<SpoolOptions>): number {
  leaveOrphans();
  const files = new FaultySpoolFileSystem();
  const opened = rig.make('a', options, files);
  const told = use(opened);
  expectRest(drain(opened.store), told);
  opened.store.close();
  return files.calls.length;
}

const OPTIONS: Partial<SpoolOptions> = { maxBytes: 1024 * 1024, fsync: true };

// Hundreds of runs, each with dozens of files.
jest.setTimeout(120_000);

describe.each(['EIO', 'ENOSPC', 'EMFILE'])('%s', (code) => {
  it.each([
    ['in one call', 1],
    ['in a call and the next two', 3],
    ['from a call on, until the disk works again', Infinity],
  ])('%s: nothing throws, no record that was taken is lost, no descriptor stays open', (_name, count) => {
    const calls = countCalls(OPTIONS);
    expect(calls).toBeGreaterThan(100);
    for (let first = 0; first < calls; first++) {
      rig.end();
      rig = new SpoolRig();
      leaveOrphans();
      const files = new FaultySpoolFileSystem();
      files.fault = (call) => (call >= first && call < first + count ? code : undefined);
      const opened = rig.make('a', OPTIONS, files);
      const told = use(opened);
      files.fault = undefined;
      rig.now += 120_000;
      opened.store.adopt();
      try {
        expectRest(drain(opened.store), told);
        expect(opened.lost).toEqual({});
        opened.store.close();
        expect(files.openDescriptors.size).toBe(0);
        expect(rig.tree()).toEqual([]);
      } catch (error) {
        throw new Error(`with a fault in call ${first} (${files.calls[first]}), ${String(error)}`, { cause: error });
      }
    }
  });

  it('in one call, and then the process dies: the next one finds every record, and twice at most what was just delivered', () => {
    const calls = countCalls(OPTIONS);
    for (let first = 0; first < calls; first++) {
      rig.end();
      rig = new SpoolRig();
      leaveOrphans();
      const files = new FaultySpoolFileSystem();
      files.fault = (call) => (call === first ? code : undefined);
      const told = use(rig.make('a', OPTIONS, files));
      if (fs.existsSync(rig.ownerFolder('a'))) {
        pretendDead(rig.ownerFolder('a'));
      }
      const next = rig.make('b');
      next.store.adopt();
      const numbers = drain(next.store);
      const twice = numbers.filter((seq) => told.delivered.includes(seq));
      try {
        expectRest(numbers.filter((seq) => !told.delivered.includes(seq)), told);
        expect(twice.length).toBeLessThanOrEqual(10);
        expect(next.lost.spool_full).toBeUndefined();
      } catch (error) {
        throw new Error(`with a fault in call ${first} (${files.calls[first]}), ${String(error)}`, { cause: error });
      }
    }
  });
});

it('a full disk leaves no half line, and the records with the caller', () => {
  const files = new FaultySpoolFileSystem();
  const { store, lost } = rig.open('a', {}, files);
  store.spill([makeRecord(0)]);
  const size = store.bytes;
  files.fault = (_call, name) => (name === 'write' ? 'ENOSPC' : undefined);
  expect(store.spill([makeRecord(1)])).toBe(false);
  expect(fs.statSync(rig.segments('a')[0]!).size).toBe(size);
  // Not even cut can it be: then nothing is written behind the half line.
  files.fault = (_call, name) => (name === 'write' || name === 'ftruncate' ? 'ENOSPC' : undefined);
  expect(store.append([makeRecord(2)])).toBeUndefined();
  expect(fs.statSync(rig.segments('a')[0]!).size).toBeGreaterThan(size);
  files.fault = undefined;
  expect(store.spill([makeRecord(3)])).toBe(true);
  expect(fs.statSync(rig.segments('a')[0]!).size).toBe(size);
  expect(store.journaled).toBe(2);
  expect(drain(store)).toEqual([0, 3]);
  expect(lost).toEqual({});
  // Told once, not for each record.
  expect(rig.diag.lines.filter((line) => line.includes('cannot write'))).toHaveLength(1);
});

it('half a mark spoils neither itself nor the next one', () => {
  const files = new FaultySpoolFileSystem();
  const { store } = rig.open('a', { mode: 'journal' }, files);
  const tickets = range(0, 4).map((seq) => store.append(range(10 * seq, 10 * seq + 10).map((each) => makeRecord(each)))!);
  store.ack(tickets[0]!);
  files.fault = (_call, name) => (name === 'write' ? 'ENOSPC' : undefined);
  store.ack(tickets[1]!);
  files.fault = undefined;
  store.ack(tickets[2]!);
  pretendDead(rig.ownerFolder('a'));
  const next = rig.make('b');
  expect(next.store.adopt()).toBe(10);
  expect(drain(next.store)).toEqual(range(30, 40));
});

it('a segment that cannot be read is tried again after a while, and does not hold the others back', () => {
  const files = new FaultySpoolFileSystem();
  const { store, lost } = rig.open('a', { maxBytes: 1024 * 1024 }, files);
  for (const seq of range(0, 3)) {
    store.spill([makeRecord(seq, { attributes: { seq, padding: 'x'.repeat(60_000) } })]);
  }
  let reads = 0;
  files.fault = (_call, name) => (name === 'read' && reads++ === 0 ? 'EIO' : undefined);
  expect(drain(store)).toEqual([1, 2]);
  rig.now += 999;
  expect(store.take(1, 1)).toBeUndefined();
  expect(store.records).toBe(1);
  rig.now += 1;
  expect(drain(store)).toEqual([0]);
  expect(lost).toEqual({});
});

it('a segment that cannot be deleted makes no room: the records stay with the caller', () => {
  const files = new FaultySpoolFileSystem();
  const { store, lost } = rig.open('a', { maxBytes: 10_000 }, files);
  const large = (seq: number): boolean => store.spill([makeRecord(seq, { attributes: { seq, padding: 'x'.repeat(6000) } })]);
  expect(large(0)).toBe(true);
  files.fault = (_call, name) => (name === 'unlink' ? 'EIO' : undefined);
  expect(large(1)).toBe(false);
  expect(lost).toEqual({});
  files.fault = undefined;
  expect(large(2)).toBe(true);
  expect(lost).toEqual({ spool_full: 1 });
  expect(drain(store)).toEqual([2]);
});

describe('fsync', () => {
  /** The calls that one append makes, on a segment that is there. */
  function callsOfAppend(fsync: boolean): string[] {
    const files = new FaultySpoolFileSystem();
    const { store } = rig.open('a', { fsync }, files);
    expect(store.append([makeRecord(0)])).toBeDefined();
    const before = files.calls.length;
    expect(store.append([makeRecord(1)])).toBeDefined();
    return files.calls.slice(before).filter((call) => call === 'write' || call === 'fsync');
  }

  it('true: what append has told is on the disk, not only with the kernel', () => {
    expect(callsOfAppend(true)).toEqual(['write', 'fsync']);
  });

  it('false: nothing waits for the disk', () => {
    expect(callsOfAppend(false)).toEqual(['write']);
  });

  it('true, refused by the disk: not told as written', () => {
    const files = new FaultySpoolFileSystem();
    const { store } = rig.open('a', { fsync: true }, files);
    store.append([makeRecord(0)]);
    files.fault = (_call, name) => (name === 'fsync' ? 'EIO' : undefined);
    expect(store.append([makeRecord(1)])).toBeUndefined();
    expect(store.journaled).toBe(1);
  });
});
