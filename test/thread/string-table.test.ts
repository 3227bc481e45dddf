import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { ProtobufLogsSerializer } from '@opentelemetry/otlp-transformer';
import { ResourceWait } from '../../src/lane/resource-wait';
import type { Resource } from '../../src/record';
import { FrameReader, MAX_INLINE_DEFINITIONS } from '../../src/thread/frame-reader';
import { createStringTable, MAX_KEYS, MAX_NAMES, MAX_STRING_LENGTH, MAX_UNSETTLED, StringTableWriter } from '../../src/thread/string-table';
import { StringTableReader } from '../../src/thread/string-table-reader';
import { captureDiag } from '../support/capture-diag';
import { captureRecords, recordByHand } from '../support/captured-records';
import { until } from '../support/until';
import { kindOf, type GrowingTable } from './fixtures/read-growing-table';
import { FrameRig, plainRecord } from './frame-rig';

/** A resource with one attribute that settles when it is told to. */
function pendingResource(): { resource: Resource; settle: (value: string) => Promise<void> } {
  let resolve: (value: string) => void = () => undefined;
  const resource = resourceFromAttributes({ 'service.name': 'shop', 'host.id': new Promise<string>((settled) => (resolve = settled)) }, { schemaUrl: 'https://example.test/1' });
  const settle = async (value: string): Promise<void> => {
    resolve(value);
    await resource.waitForAsyncAttributes?.();
  };
  return { resource, settle };
}

describe('strings', () => {
  it('have one id each, the same for ever, and the other side reads them by it', () => {
    const rig = new FrameRig();
    const keys = ['service', 'é€😀', '', '__proto__', 'x'.repeat(MAX_STRING_LENGTH)];
    const ids = keys.map((key) => rig.table.stringId(key));
    expect(new Set(ids).size).toBe(keys.length);
    expect(ids).not.toContain(0);
    expect(keys.map((key) => rig.table.stringId(key))).toEqual(ids);
    expect(ids.map((id) => rig.tableReader.string(id))).toEqual(keys);
  });

  it('are bounded in number, in length and in bytes; what is beyond has no id and costs no byte', () => {
    const table = new StringTableWriter(createStringTable());
    const ids = new Set(Array.from({ length: MAX_KEYS + 100 }, (_, index) => table.stringId(`key ${index}`)));
    expect(ids.size).toBe(MAX_KEYS + 1);
    const names = new Set(Array.from({ length: MAX_NAMES + 100 }, (_, index) => table.nameId(`name ${index}`)));
    expect(names.size).toBe(MAX_NAMES + 1);
    const bytes = table.bytes;
    expect([table.stringId('another'), table.nameId('another'), table.stringId(`key ${MAX_KEYS}`)]).toEqual([0, 0, 0]);
    expect(table.bytes).toBe(bytes);
    expect(table.stringId('key 7')).toBeGreaterThan(0);
    expect(new StringTableWriter(createStringTable()).stringId('x'.repeat(MAX_STRING_LENGTH + 1))).toBe(0);
  });

  it('leave half of a small table to scopes and resources', () => {
    const shared = createStringTable(4096);
    const table = new StringTableWriter(shared);
    while (table.stringId(`key ${table.bytes}`) !== 0) {
      expect(table.bytes).toBeLessThanOrEqual(2048);
    }
    expect(table.bytes).toBeGreaterThan(1900);
    expect(table.scopeId({ name: 'a scope' })).toBeGreaterThan(0);
    expect(table.resourceId(resourceFromAttributes({ a: 1 }))).toBeGreaterThan(0);
  });

  it('past the bound stand in the frames, and records are the same', () => {
    const rig = new FrameRig({ tableBytes: 16 * 1024 });
    for (let round = 0; round < 3; round++) {
      for (let index = 0; index < 500; index++) {
        const record = recordByHand({ attributes: { [`key ${index}`]: index, shared: 'é' }, body: { [`inner ${index}`]: 'x' }, severityText: `S${index}`, eventName: `event ${index}` });
        expect(plainRecord(rig.through(record))).toStrictEqual(plainRecord(record));
      }
    }
    expect(rig.table.bytes).toBeLessThanOrEqual(16 * 1024);
  });
});

describe('a reader that starts late', () => {
  it('knows what all before it knew', () => {
    const rig = new FrameRig();
    const records = captureRecords([{ attributes: { a: 1, b: 'x' }, severityText: 'INFO', eventName: 'event' }], { scope: ['scope', '1', { attributes: { c: 1 } }] });
    rig.through(records[0] as never);
    const length = rig.writer.write(records[0] as never, 0, rig.bytes.length);
    const restarted = new FrameReader(new StringTableReader(rig.shared));
    expect(plainRecord(restarted.read(rig.bytes, 0, length))).toStrictEqual(plainRecord(records[0] as never));
  });

  it('says so when an id is none of its table', () => {
    const reader = new StringTableReader(createStringTable());
    expect(() => reader.string(1)).toThrow(RangeError);
    expect(() => reader.scope(1)).toThrow(RangeError);
  });
});

describe('scopes and resources', () => {
  it.each([undefined, 0])('are one object each for all their records (table of %s bytes)', (tableBytes) => {
    const rig = new FrameRig({ tableBytes: tableBytes as number });
    const resources = [resourceFromAttributes({ a: 1 }), resourceFromAttributes({ a: 1 })];
    const scopes = [{ name: 'a', version: '1', attributes: { x: ['y'] } }, { name: 'a' }];
    const read = [0, 1, 0, 1].map((index) => rig.through(recordByHand({ resource: resources[index], instrumentationScope: scopes[index] })));
    expect(new Set(read.map(({ resource }) => resource)).size).toBe(2);
    expect(new Set(read.map(({ instrumentationScope }) => instrumentationScope)).size).toBe(2);
    expect(read[0]?.resource).toBe(read[2]?.resource);
    expect(read[0]?.instrumentationScope).toBe(read[2]?.instrumentationScope);
    expect(read[0]?.instrumentationScope).toEqual(scopes[0]);
    expect(read[1]?.instrumentationScope).toEqual(scopes[1]);
  });

  it('past the bound of the table come with each frame, and the reader keeps a bounded number of them', () => {
    const rig = new FrameRig({ tableBytes: 4096 });
    const scopes = Array.from({ length: 3 * MAX_INLINE_DEFINITIONS }, (_, index) => ({ name: `scope ${index}`, attributes: { index } }));
    for (const instrumentationScope of [...scopes, ...scopes]) {
      expect(rig.through(recordByHand({ instrumentationScope })).instrumentationScope).toEqual(instrumentationScope);
    }
    expect(rig.table.bytes).toBeLessThanOrEqual(4096);
    // The first is in the table, the last among those that the reader keeps.
    for (const instrumentationScope of [scopes[0], scopes.at(-1)]) {
      const [one, other] = [0, 1].map(() => rig.through(recordByHand({ instrumentationScope })).instrumentationScope);
      expect(one).toBe(other);
    }
  });

  it('are as they were when they were first met', () => {
    const rig = new FrameRig();
    const scope = { name: 'scope', attributes: { a: 1 } };
    rig.through(recordByHand({ instrumentationScope: scope }));
    scope.attributes.a = 2;
    expect(rig.through(recordByHand({ instrumentationScope: scope })).instrumentationScope).toEqual({ name: 'scope', attributes: { a: 1 } });
  });

  it.each(['attributes', 'schemaUrl'])('refuse the record if the getter of %s throws', (field) => {
    const rig = new FrameRig();
    const resource = Object.defineProperty({ attributes: {} }, field, { get: () => { throw new Error('hostile'); } });
    expect(rig.writer.write(recordByHand({ resource }), 0, rig.bytes.length)).toBe(-1);
    expect(rig.through(recordByHand({ body: 'next' })).body).toBe('next');
  });
});

describe('a resource whose attributes have not settled', () => {
  let diagnostics: ReturnType<typeof captureDiag>;
  beforeEach(() => void (diagnostics = captureDiag()));
  afterEach(() => {
    diagnostics.restore();
    // The SDK complains there if the attributes of a pending resource are touched.
    expect(diagnostics.lines).toEqual([]);
  });

  it('is pending in the thread as well, and settles for all its records when it is published', async () => {
    const { resource, settle } = pendingResource();
    const pending: number[] = [];
    const rig = new FrameRig({ onUnsettled: (_resource, id) => pending.push(id) });
    const [before, second] = [1, 2].map((body) => rig.through(recordByHand({ resource, body })));
    expect(before?.resource).toBe(second?.resource);
    expect(before?.resource).toMatchObject({ asyncAttributesPending: true, attributes: { 'service.name': 'shop' } });
    expect(before?.resource.getRawAttributes()).toEqual([['service.name', 'shop']]);
    const id = pending[0] as number;
    expect(pending).toHaveLength(1);
    expect(rig.table.isSettled(id)).toBe(false);

    const wait = new ResourceWait().for([before as never], 0);
    await settle('host-1');
    expect(rig.table.publishResource(id, resource.attributes, resource.schemaUrl)).toBe(true);
    rig.tableReader.refresh();
    await wait;
    expect(rig.table.isSettled(id)).toBe(true);
    for (const record of [before, second, rig.through(recordByHand({ resource }))]) {
      expect(record?.resource).toBe(before?.resource);
      expect(record?.resource).toMatchObject({ asyncAttributesPending: false, attributes: { 'service.name': 'shop', 'host.id': 'host-1' }, schemaUrl: 'https://example.test/1' });
    }
    await before?.resource.waitForAsyncAttributes?.();
    expect(ProtobufLogsSerializer.serializeRequest([before as never])).toEqual(ProtobufLogsSerializer.serializeRequest([recordByHand({ resource, body: 1 })]));
    // What comes later changes nothing.
    rig.table.publishResource(id, { late: true }, undefined);
    rig.tableReader.refresh();
    expect(before?.resource.attributes).not.toHaveProperty('late');
  });

  it('is published at the end with what has settled', async () => {
    const { resource } = pendingResource();
    const rig = new FrameRig();
    const record = rig.through(recordByHand({ resource }));
    rig.table.publishUnsettled();
    rig.tableReader.refresh();
    await record.resource.waitForAsyncAttributes?.();
    expect(record.resource).toMatchObject({ asyncAttributesPending: false, attributes: { 'service.name': 'shop' }, schemaUrl: 'https://example.test/1' });
  });

  it('that is hostile settles without attributes, and nothing throws', () => {
    const hostile = { asyncAttributesPending: true, getRawAttributes: () => rawAttributes() };
    let rawAttributes = (): unknown[] => [];
    const rig = new FrameRig();
    const record = rig.through(recordByHand({ resource: hostile }));
    rawAttributes = () => {
      throw new Error('hostile');
    };
    rig.table.publishUnsettled();
    rig.tableReader.refresh();
    expect(record.resource).toMatchObject({ asyncAttributesPending: false, attributes: {} });

    const ids: number[] = [];
    const other = new FrameRig({ onUnsettled: (_resource, id) => ids.push(id) });
    const read = other.through(recordByHand({ resource: pendingResource().resource }));
    const throwing = { get key(): never { throw new Error('hostile'); } };
    expect(other.table.publishResource(ids[0] as number, throwing, undefined)).toBe(false);
    other.tableReader.refresh();
    expect(read.resource).toMatchObject({ asyncAttributesPending: false, attributes: { 'service.name': 'shop' } });
  });

  it('that does not fit settles with what it had, and each later record carries all of it', async () => {
    const { resource, settle } = pendingResource();
    const ids: number[] = [];
    const rig = new FrameRig({ tableBytes: 2048, onUnsettled: (_resource, id) => ids.push(id) });
    const before = rig.through(recordByHand({ resource }));
    // The place that is kept for the word that it has settled is not given away.
    for (let index = 0; index < 100; index++) {
      rig.table.stringId(`key ${index}`);
      rig.table.scopeId({ name: `scope ${index}` });
      rig.table.resourceId(resourceFromAttributes({ index }));
    }
    await settle('x'.repeat(4096));
    expect(rig.table.publishResource(ids[0] as number, resource.attributes, resource.schemaUrl)).toBe(false);
    expect(rig.table.bytes).toBeLessThanOrEqual(2048);
    rig.tableReader.refresh();
    expect(before.resource).toMatchObject({ asyncAttributesPending: false, attributes: { 'service.name': 'shop' } });
    const [later, last] = [1, 2].map(() => rig.through(recordByHand({ resource })).resource);
    expect(later).toBe(last);
    expect(later?.attributes).toEqual(resource.attributes);
  });

  it('beyond so many at one time is sent with what has settled at emit', async () => {
    const rig = new FrameRig();
    for (let index = 0; index < MAX_UNSETTLED; index++) {
      expect(rig.through(recordByHand({ resource: pendingResource().resource })).resource.asyncAttributesPending).toBe(true);
    }
    const { resource, settle } = pendingResource();
    expect(rig.through(recordByHand({ resource })).resource).toMatchObject({ asyncAttributesPending: false, attributes: { 'service.name': 'shop' } });
    await settle('host-1');
    expect(rig.through(recordByHand({ resource })).resource).toMatchObject({ asyncAttributesPending: false, attributes: { 'host.id': 'host-1' } });
  });
});

it('another thread reads every entry of a table that grows, whole, as soon as it is told its id', async () => {
  const total = 3 * 1000;
  const table: GrowingTable = { shared: createStringTable(), announced: new SharedArrayBuffer(4 * (2 + total)), total };
  const words = new Int32Array(table.announced);
  const code = `require(${JSON.stringify(require.resolve('ts-node/register/transpile-only'))}); require(${JSON.stringify(join(__dirname, 'fixtures', 'read-growing-table.ts'))});`;
  const worker = new Worker(code, { eval: true, execArgv: [], workerData: table });
  const result = once(worker, 'message') as Promise<[{ wrong: number; waits: number }]>;
  try {
    await Promise.race([until(() => Atomics.load(words, 1) === 1), once(worker, 'error').then(([error]) => Promise.reject(error as Error))]);
    const writer = new StringTableWriter(table.shared);
    for (let index = 0; index < total; index++) {
      const kind = kindOf(index);
      const text = `${kind} ${index} €`;
      words[2 + index] = kind === 'key' ? writer.stringId(text) : kind === 'scope' ? writer.scopeId({ name: text, attributes: { index } }) : writer.resourceId(resourceFromAttributes({ index }));
      Atomics.store(words, 0, index + 1);
    }
    const [{ wrong, waits }] = await result;
    expect(Math.min(...words.subarray(2))).toBeGreaterThan(0);
    expect(wrong).toBe(0);
    // It was at the end of the table again and again: the two threads met there.
    expect(waits).toBeGreaterThan(10);
  } finally {
    await worker.terminate();
  }
});
