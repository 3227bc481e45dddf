import fs from 'node:fs';
import path from 'node:path';
import { folderName } from '../../src/spool/folder-name';
import { decodeLogsJson } from '../support/otlp-json-decode';
import { logRecordsOf } from '../support/otlp-decode';
import { makeRecord, range } from '../support/records';
import { unreadableRecord } from '../exporters/numbered-records';
import { drain, SpoolRig } from './spool-rig';

const recordsOf = (from: number, to: number, padding = ''): ReturnType<typeof makeRecord>[] => range(from, to).map((seq) => makeRecord(seq, { attributes: { seq, padding } }));

let rig: SpoolRig;

beforeEach(() => {
  rig = new SpoolRig();
});

afterEach(() => rig.end());

describe('records on disk', () => {
  it('come back in order, whole and once', () => {
    const { store, lost } = rig.open('a');
    const records = recordsOf(0, 1000);
    expect(store.spill(records.slice(0, 500))).toBe(true);
    expect(store.spill(records.slice(500))).toBe(true);
    expect(store).toMatchObject({ isAvailable: true, records: 1000, journaled: 1000 });
    const taken = store.take(256, Infinity);
    expect(taken?.records.map(({ hrTime, body, attributes, severityNumber }) => ({ hrTime, body, attributes, severityNumber })))
      .toEqual(records.slice(0, 256).map(({ hrTime, body, attributes, severityNumber }) => ({ hrTime, body, attributes, severityNumber })));
    expect(taken?.ticket.records).toBe(256);
    expect(store.records).toBe(744);
    expect(drain(store)).toEqual(range(256, 1000));
    expect(store).toMatchObject({ records: 0, journaled: 1000 });
    expect(store.take(1, 1)).toBeUndefined();
    expect(lost).toEqual({});
    expect(rig.diag.lines).toEqual([]);
  });

  it('stand there as OTLP/JSON, at most 128 in a line, for nobody else to read', () => {
    const { store } = rig.open('a');
    store.spill(recordsOf(0, 300));
    const [segment] = rig.segments('a') as [string];
    const lines = fs.readFileSync(segment, 'utf8').split('\n');
    expect(lines.pop()).toBe('');
    expect(lines.map((line) => logRecordsOf(decodeLogsJson(line)).length)).toEqual([128, 128, 44]);
    expect(store.bytes).toBe(fs.statSync(segment).size);
    for (const name of [rig.directory, path.join(rig.directory, 'otlp'), rig.ownerFolder('a')]) {
      expect(fs.statSync(name).mode & 0o777).toBe(0o700);
    }
    for (const name of [segment, path.join(rig.ownerFolder('a'), 'lock')]) {
      expect(fs.statSync(name).mode & 0o777).toBe(0o600);
    }
    store.spill(recordsOf(0, 2, 'x'.repeat(300_000)));
    expect(fs.readFileSync(segment, 'utf8').split('\n')).toHaveLength(6);
  });

  it('wait again, at their place, when they are given back', () => {
    const { store } = rig.open('a');
    for (const from of [0, 10, 20, 30]) {
      store.spill(recordsOf(from, from + 10));
    }
    const [first, second, third] = [store.take(10, Infinity), store.take(10, Infinity), store.take(10, Infinity)];
    store.giveBack(second!.ticket);
    expect(store.records).toBe(20);
    store.giveBack(first!.ticket);
    store.giveBack(first!.ticket);
    store.ack(first!.ticket);
    store.ack(third!.ticket);
    expect(store.records).toBe(30);
    expect(drain(store)).toEqual([...range(0, 20), ...range(30, 40)]);
  });

  it('are taken by count and by bytes, one line at least', () => {
    const { store } = rig.open('a');
    for (const seq of range(0, 9)) {
      store.spill(recordsOf(seq * 10, seq * 10 + 10));
    }
    const lineBytes = store.bytes / 9;
    const count = (maxRecords: number, maxBytes: number): number | undefined => store.take(maxRecords, maxBytes)?.records.length;
    expect(count(1, 1)).toBe(10);
    expect(count(29, Infinity)).toBe(20);
    expect(count(100, 3.5 * lineBytes)).toBe(30);
    expect(count(100, Infinity)).toBe(30);
    expect(count(100, Infinity)).toBeUndefined();
  });

  it('of a journal wait only when they are given back', () => {
    const { store } = rig.open('a', { mode: 'journal' });
    const tickets = [0, 1, 2].map((seq) => store.append([makeRecord(seq)]));
    expect(store).toMatchObject({ records: 0, journaled: 3 });
    expect(store.take(10, Infinity)).toBeUndefined();
    store.ack(tickets[0]!);
    store.giveBack(tickets[1]!);
    expect(store.records).toBe(1);
    expect(drain(store)).toEqual([1]);
    store.ack(tickets[2]!);
    store.close();
    expect(rig.tree()).toEqual([]);
  });

  it('without a form in OTLP are lost if they are spilled, and still in memory if they are appended', () => {
    const { store, lost } = rig.open('a');
    expect(store.append([makeRecord(0), unreadableRecord()])?.records).toBe(1);
    expect(store.append([unreadableRecord()])?.records).toBe(0);
    expect(lost).toEqual({});
    expect(store.spill([unreadableRecord(), makeRecord(1), unreadableRecord()])).toBe(true);
    expect(lost).toEqual({ invalid: 2 });
    expect(drain(store)).toEqual([1]);
  });

  it('leave no file but the lock when all are delivered', () => {
    const { store } = rig.open('a');
    store.spill(recordsOf(0, 100));
    drain(store);
    expect(fs.readdirSync(rig.ownerFolder('a'))).toEqual(['lock']);
    expect(store.bytes).toBe(0);
    store.close();
    expect(rig.tree()).toEqual([]);
    expect(store.spill(recordsOf(0, 1))).toBe(false);
    expect(store.take(1, 1)).toBeUndefined();
    expect(store.adopt()).toBe(0);
  });
});

describe('the bound', () => {
  it('holds: the oldest records go, counted, and the others are all there', () => {
    const maxBytes = 1024 * 1024;
    const { store, lost } = rig.open('a', { maxBytes });
    for (let seq = 0; seq < 5000; seq += 10) {
      expect(store.spill(recordsOf(seq, seq + 10, 'x'.repeat(1000)))).toBe(true);
      const onDisk = rig.segments('a').reduce((bytes, segment) => bytes + fs.statSync(segment).size, 0);
      expect(onDisk).toBeLessThanOrEqual(maxBytes);
      expect(store.bytes).toBe(onDisk);
    }
    // A sixteenth goes at a time.
    expect(store.bytes).toBeGreaterThan(0.85 * maxBytes);
    expect(lost).toEqual({ spool_full: 5000 - store.records });
    const left = store.records;
    expect(drain(store)).toEqual(range(5000 - left, 5000));
  });

  it('counts what is being delivered once: when it comes back, not when its segment goes', () => {
    const { store, lost } = rig.open('a', { maxBytes: 64 * 1024 });
    const batch = (from: number): boolean => store.spill(recordsOf(from, from + 10, 'x'.repeat(4000)));
    batch(0);
    const delivered = store.take(10, Infinity);
    batch(10);
    const returned = store.take(10, Infinity);
    batch(20);
    batch(30);
    // Only the third batch waited: the first two are in the hands of the lane.
    expect(lost).toEqual({ spool_full: 10 });
    store.giveBack(returned!.ticket);
    expect(lost).toEqual({ spool_full: 20 });
    store.ack(delivered!.ticket);
    expect(lost).toEqual({ spool_full: 20 });
    expect(drain(store)).toEqual(range(30, 40));
  });

  it('refuses what is larger at once', () => {
    const { store, lost } = rig.open('a', { maxBytes: 10_000 });
    store.spill(recordsOf(0, 10));
    expect(store.append(recordsOf(10, 11, 'x'.repeat(10_000)))).toBeUndefined();
    expect(lost).toEqual({});
    expect(rig.diag.lines.join()).toMatch(/cannot write: \d+ bytes at once are more than spool.maxBytes, 10000/);
    expect(drain(store)).toEqual(range(0, 10));
  });

  it('closes segments at a sixteenth, at least 64 KiB', () => {
    const { store } = rig.open('a', { maxBytes: 4 * 1024 * 1024 });
    for (const seq of range(0, 64)) {
      store.spill([makeRecord(seq, { attributes: { seq, padding: 'x'.repeat(16 * 1024) } })]);
    }
    const sizes = rig.segments('a').map((segment) => fs.statSync(segment).size);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(256 * 1024);
    expect(sizes).toHaveLength(5);
    expect(drain(store)).toEqual(range(0, 64));
  });
});

describe('a folder that is not as it should be', () => {
  it('cannot be made: nothing throws, one error, and it is tried again', () => {
    fs.writeFileSync(rig.directory, 'a file');
    const { store } = rig.make('a');
    expect(store.open()).toBe(0);
    expect(store.isAvailable).toBe(false);
    expect(store.spill(recordsOf(0, 1))).toBe(false);
    expect(store.append(recordsOf(0, 1))).toBeUndefined();
    expect(store.take(1, 1)).toBeUndefined();
    expect(rig.diag.lines).toHaveLength(1);
    expect(rig.diag.lines[0]).toMatch(/^error otel-log-queue: the spool of lane 'otlp' cannot open .*EEXIST/);
    fs.unlinkSync(rig.directory);
    expect(store.spill(recordsOf(0, 1))).toBe(false);
    rig.now += 1000;
    expect(store.spill(recordsOf(0, 1))).toBe(true);
    expect(store.isAvailable).toBe(true);
    expect(drain(store)).toEqual([0]);
  });

  it.each(['the directory', 'the folder of the lane', 'the folder of the owner', 'the lock', 'the marks', 'the segment'])('%s is a symbolic link: it is not followed', (what) => {
    const elsewhere = path.join(rig.folder, 'elsewhere');
    const own = rig.ownerFolder('a');
    const isFile = ['the lock', 'the marks', 'the segment'].includes(what);
    const link = { 'the directory': rig.directory, 'the folder of the lane': path.dirname(own), 'the folder of the owner': own }[what] ??
      path.join(own, { 'the lock': 'lock', 'the marks': '00000001.done' }[what] ?? '00000001.jsonl');
    if (isFile) {
      fs.writeFileSync(elsewhere, 'untouched\n');
    } else {
      fs.mkdirSync(elsewhere);
    }
    fs.mkdirSync(path.dirname(link), { recursive: true });
    fs.symlinkSync(elsewhere, link);
    const { store } = rig.make('a');
    expect(store.open()).toBe(0);
    const isUsable = what === 'the marks' || what === 'the segment';
    expect(store.spill(recordsOf(0, 300))).toBe(isUsable);
    expect(isUsable ? drain(store) : []).toEqual(isUsable ? range(0, 300) : []);
    expect(isFile ? fs.readFileSync(elsewhere, 'utf8') : fs.readdirSync(elsewhere)).toEqual(isFile ? 'untouched\n' : []);
  });

  it('is removed: what can be read still is, the rest is counted, and the next records find a new one', () => {
    const { store, lost } = rig.open('a', { maxBytes: 64 * 1024 * 16 });
    // Two segments, of which only the second is open.
    store.spill(recordsOf(0, 10, 'x'.repeat(5000)));
    store.spill(recordsOf(10, 20, 'x'.repeat(5000)));
    expect(rig.segments('a')).toHaveLength(2);
    fs.rmSync(rig.directory, { recursive: true });
    expect(store.spill(recordsOf(20, 30))).toBe(true);
    expect(rig.segments('a')).toHaveLength(1);
    expect(drain(store)).toEqual(range(10, 30));
    expect(lost).toEqual({ invalid: 10 });
    expect(fs.readdirSync(rig.ownerFolder('a'))).toEqual(['lock']);
  });

  it('holds foreign files: they stay', () => {
    const own = rig.ownerFolder('a');
    fs.mkdirSync(path.join(own, 'folder.jsonl'), { recursive: true });
    fs.mkdirSync(path.join(own, '00000007.jsonl'));
    fs.writeFileSync(path.join(own, 'notes.jsonl'), 'mine\n');
    fs.writeFileSync(path.join(rig.directory, 'otlp', 'notes.txt'), 'mine\n');
    fs.mkdirSync(path.join(rig.directory, 'otlp', 'photos'));
    const { store, lost } = rig.open('a');
    store.spill(recordsOf(0, 10));
    expect(drain(store)).toEqual(range(0, 10));
    store.close();
    expect(rig.tree()).toEqual([...['', '/00000007.jsonl', '/folder.jsonl', '/notes.jsonl'].map((name) => `${path.basename(own)}${name}`), 'notes.txt', 'photos']);
    expect(lost).toEqual({});
  });
});

it('keeps its lock fresh', () => {
  const { store } = rig.open('a');
  const lock = path.join(rig.ownerFolder('a'), 'lock');
  const touched = (): number => Math.round(fs.statSync(lock).mtimeMs);
  const calls: (() => unknown)[] = [
    () => store.spill(recordsOf(0, 1)), () => store.append(recordsOf(0, 1)), () => store.take(1, 1), () => store.adopt(), () => store.ack(store.append([makeRecord(1)])!),
  ];
  for (const call of calls) {
    rig.now += 5000;
    call();
    expect(touched()).toBe(Math.round(rig.now));
    const before = touched();
    rig.now += 4999;
    call();
    expect(touched()).toBe(before);
  }
});

it('two processors never share a folder', () => {
  const both = ['a', 'b'].map((owner) => rig.open(owner));
  both.forEach(({ store }, index) => store.spill(recordsOf(10 * index, 10 * index + 10)));
  expect(both.map(({ store }) => drain(store))).toEqual([range(0, 10), range(10, 20)]);
});

it('the name of a lane is made safe for a path, and two of them never become one', () => {
  expect(folderName('otlp-2')).toBe('otlp-2');
  const unsafe = ['', '.', '..', '../x', '.._x', '/x', '_x', 'a b', 'a_b', 'ä', 'x'.repeat(65), 'x'.repeat(66)];
  const names = unsafe.map(folderName);
  expect(new Set(names).size).toBe(unsafe.length);
  expect(names.filter((name) => !/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,80}$/.test(name))).toEqual([]);
});
