import fs from 'node:fs';
import path from 'node:path';
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
