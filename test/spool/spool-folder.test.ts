import fs from 'node:fs';
import path from 'node:path';
import { folderName } from '../../src/spool/folder-name';
import { makeRecord, range } from '../support/records';
import { drain, SpoolRig } from './spool-rig';

const recordsOf = (from: number, to: number, padding = ''): ReturnType<typeof makeRecord>[] => range(from, to).map((seq) => makeRecord(seq, { attributes: { seq, padding } }));

let rig: SpoolRig;

beforeEach(() => {
  rig = new SpoolRig();
});

afterEach(() => rig.end());

describe('a folder that is not as it should be', () => {
  it('cannot be made: nothing throws, one error, and it is tried again', () => {
    fs.writeFileSync(rig.directory, 'a file');
    const { store } = rig.make('a');
    expect(store.adopt()).toBe(0);
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
    expect(store.adopt()).toBe(0);
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
