import { LokiMapping, type LokiMappingOptions } from '../../src/exporters/loki-mapping';
import { lokiName, LokiNames } from '../../src/exporters/loki-names';
import { LokiJsonPush } from '../../src/exporters/loki-json';
import { truncateUtf8 } from '../../src/exporters/loki-values';
import type { LogRecord } from '../../src/record';

const OPTIONS: LokiMappingOptions = { labels: {}, indexAttributes: ['service.name'], maxLineBytes: 262_144, detectedLevel: true };

function resourceOf(attributes: Record<string, unknown>): LogRecord['resource'] {
  return { attributes, getRawAttributes: () => Object.entries(attributes) } as unknown as LogRecord['resource'];
}

/** A record without anything that would become structured metadata, unless `fields` has it. */
function bareRecord(fields: Record<string, unknown> = {}): LogRecord {
  return { hrTime: [1_700_000_000, 5], hrTimeObserved: [0, 0], attributes: {}, droppedAttributesCount: 0, resource: resourceOf({ 'service.name': 'shop' }), ...fields } as unknown as LogRecord;
}

interface Mapped {
  readonly labels: Record<string, string>;
  readonly timestamp: string;
  readonly line: string;
  readonly metadata: Record<string, string>;
  readonly raw: string;
  readonly cuts: string[];
}

function map(fields: Record<string, unknown>, options: Partial<LokiMappingOptions> = {}): Mapped {
  const cuts: string[] = [];
  return { ...mapWith(new LokiMapping({ ...OPTIONS, ...options }, (what) => cuts.push(what)), bareRecord(fields)), cuts };
}

function mapWith(mapping: LokiMapping, record: LogRecord): Omit<Mapped, 'cuts'> {
  const push = new LokiJsonPush();
  mapping.startBatch();
  mapping.write(record, push);
  const raw = push.finish()[0]?.bytes.toString() ?? '';
  const [stream] = (JSON.parse(raw) as { streams: { stream: Record<string, string>; values: [string, string, Record<string, string>][] }[] }).streams;
  const [timestamp, line, metadata] = stream?.values[0] as [string, string, Record<string, string>];
  return { labels: stream?.stream as Record<string, string>, timestamp, line, metadata, raw };
}

const attributesOf = (attributes: unknown): Record<string, string> => map({ attributes }).metadata;
const lineOf = (body: unknown): string => map({ body }).line;

describe('names', () => {
  // Each was put through LabelNamer of prometheus/otlptranslator 1.0.0, which Loki 3.7.6 uses.
  it.each([
    ['a.b', 'a_b'],
    ['a__b', 'a_b'],
    ['A:B c', 'A_B_c'],
    ['é.k', '_k'],
    ['_lead', '_lead'],
    ['trail_', 'trail_'],
    ['__x.y__', '__x_y__'],
    ['__a__b__', '__a_b__'],
    ['___a___', '___a___'],
    ['__a', '_a'],
    ['1st', 'key_1st'],
    ['__1__', '__1__'],
    ['😀x', '_x'],
  ])('%j becomes %j', (key, name) => {
    expect(lokiName(key)).toBe(name);
    expect(lokiName(name)).toBe(name);
  });

  it.each([
    ['_', 'key_5f'],
    ['$', 'key_24'],
    ['é', 'key_e9'],
    ['日本', 'key_65e5_672c'],
    ['', 'key_'],
    ['____', 'key_5f_5f_5f_5f'],
    ['__é__', 'key_5f_5f_e9_5f_5f'],
  ])('%j, for which Loki refuses a whole request, becomes %j', (key, name) => {
    expect(lokiName(key)).toBe(name);
    expect(lokiName(name)).toBe(name);
  });

  it('are remembered within a bound', () => {
    const mapping = new LokiMapping(OPTIONS, () => undefined);
    const before = new LokiNames();
    for (let index = 0; index < 5000; index++) {
      before.of(`k${index}`);
    }
    expect(before.isFull).toBe(true);
    before.clear();
    expect([before.isFull, before.size]).toEqual([false, 0]);
    before.of('x'.repeat(2_000_000));
    expect(before.isFull).toBe(true);

    // Forgetting them changes nothing, although the resource's own were noted under the old ones.
    const resource = resourceOf({ 'service.name': 'shop', 'host.name': 'a' });
    for (let index = 0; index < 4200; index++) {
      const { metadata, raw } = mapWith(mapping, bareRecord({ resource, attributes: { [`k${index}`]: 1, 'host.name': 'b', severity_number: 5 }, severityNumber: 9 }));
      if (index < 4050) {
        continue;
      }
      expect(metadata).toEqual({ [`k${index}`]: '1', host_name: 'a', severity_number: '9', detected_level: 'info' });
      expect(raw.split('"host_name"')).toHaveLength(2);
      expect(raw.split('"severity_number"')).toHaveLength(2);
    }
  });
});

describe('structured metadata', () => {
  it('flattens maps, and writes arrays as JSON', () => {
    expect(attributesOf({ m: { deep: { k: 'v' }, 'a.b': 1 }, list: ['x', 1, true, null, { b: 2, a: 1 }], empty: {}, none: [] })).toEqual({
      m_deep_k: 'v',
      m_a_b: '1',
      list: '["x",1,true,null,{"a":1,"b":2}]',
      none: '[]',
    });
  });

  it.each([
    [1, '1'],
    [-0, '0'],
    [1.5, '1.5'],
    [1e21, '1e+21'],
    [1e-7, '1e-7'],
    [123456.789, '123456.789'],
    [Number.MAX_SAFE_INTEGER, '9007199254740991'],
    [2 ** 62, '4611686018427387904'],
    [-(2 ** 62), '-4611686018427387904'],
    [2 ** 64, '18446744073709552000'],
    [NaN, 'NaN'],
    [Infinity, 'Infinity'],
    [-Infinity, '-Infinity'],
    [12345678901234567890n, '12345678901234567890'],
    [true, 'true'],
    [false, 'false'],
    [new Uint8Array([1, 2, 255]), 'AQL/'],
    [Buffer.from('hi'), 'aGk='],
    ['<a&b>', '<a&b>'],
  ])('writes %p as %j', (value, text) => {
    expect(attributesOf({ value })).toEqual({ value: text });
  });

  it('drops what is empty or has no form', () => {
    expect(attributesOf({ a: '', b: null, c: undefined, d: () => 1, e: Symbol('x'), f: new Uint8Array(0), g: 'kept' })).toEqual({ g: 'kept' });
  });

  it('has the fields of the record', () => {
    const { metadata } = map({
      hrTimeObserved: [1_700_000_001, 7],
      severityNumber: 17,
      severityText: 'ERROR',
      droppedAttributesCount: 3,
      eventName: 'order.placed',
      spanContext: { traceId: '0123456789ABCDEF0123456789abcdef', spanId: '0123456789abcdef', traceFlags: 1 },
      instrumentationScope: { name: 'scope', version: '1.0', attributes: { 's.k': 'v' } },
      resource: resourceOf({ 'service.name': 'shop', 'host.name': 'a', 'process.pid': 12 }),
      attributes: { 'http.method': 'GET' },
    });
    expect(metadata).toEqual({
      observed_timestamp: '1700000001000000007',
      severity_number: '17',
      detected_level: 'error',
      severity_text: 'ERROR',
      dropped_attributes_count: '3',
      flags: '1',
      event_name: 'order.placed',
      trace_id: '0123456789abcdef0123456789abcdef',
      span_id: '0123456789abcdef',
      scope_name: 'scope',
      scope_version: '1.0',
      s_k: 'v',
      host_name: 'a',
      process_pid: '12',
      http_method: 'GET',
    });
  });

  it('has no field that is unset or has a wrong type', () => {
    const spanContext = { traceId: '0'.repeat(32), spanId: 'no id', traceFlags: 0 };
    expect(map({ severityNumber: 0, severityText: '', eventName: '', spanContext, instrumentationScope: { name: '', version: undefined } }).metadata).toEqual({});
    expect(map({ severityNumber: 'x', severityText: 1, eventName: {}, spanContext: 5, droppedAttributesCount: NaN, attributes: 'no', instrumentationScope: null }).metadata).toEqual({});
  });

  it.each([
    [1, 'trace'],
    [4, 'trace'],
    [5, 'debug'],
    [8, 'debug'],
    [9, 'info'],
    [10, 'info'],
    [13, 'warn'],
    [16, 'warn'],
    [17, 'error'],
    [21, 'fatal'],
    [24, 'fatal'],
    [25, undefined],
    [-3, undefined],
  ])('says for severity number %d the level %s, whatever the severity text', (severityNumber, level) => {
    expect(map({ severityNumber, severityText: 'INFO2' }).metadata).toEqual({
      severity_number: String(severityNumber),
      severity_text: 'INFO2',
      ...(level !== undefined && { detected_level: level }),
    });
  });

  it('leaves the level to Loki without a severity number, on demand, and where the application has set it', () => {
    expect(map({ severityText: 'notice' }).metadata).toEqual({ severity_text: 'notice' });
    expect(map({ severityNumber: 9 }, { detectedLevel: false }).metadata).toEqual({ severity_number: '9' });
    expect(map({ severityNumber: 9, attributes: { detected_level: 'critical' } }).metadata).toEqual({ severity_number: '9', detected_level: 'critical' });
  });

  it('has every name once: scope over resource over fields over attributes, and of two attributes the later', () => {
    const { metadata, raw } = map({
      severityNumber: 9,
      attributes: { 'a.b': 1, 'x.y': 'attribute', host_name: 'attribute', severity_number: 'attribute', a_b: 2, 'scope.name': 'attribute', a: { b: 3 }, 'severity.number': 5 },
      resource: resourceOf({ 'service.name': 'shop', 'host.name': 'resource', host_name: 'later', scope_version: 'resource' }),
      instrumentationScope: { name: 'scope', version: '1' },
    });
    expect(metadata).toEqual({ severity_number: '9', detected_level: 'info', a_b: '3', x_y: 'attribute', host_name: 'later', scope_name: 'scope', scope_version: '1' });
    for (const name of Object.keys(metadata)) {
      expect(raw.split(`"${name}":`)).toHaveLength(2);
    }
  });

  it('keeps an attribute that has the name of a label: Loki shows it as <name>_extracted', () => {
    const { labels, metadata } = map({ attributes: { 'service.name': 'other' } });
    expect(labels).toEqual({ service_name: 'shop' });
    expect(metadata).toEqual({ service_name: 'other' });
  });

  it('has no lone surrogate anywhere', () => {
    const { raw, line, metadata, labels } = map({
      body: 'x\ud800',
      severityText: '\udc00y',
      attributes: { 'k\ud800': 'v\udfff😀', list: ['\ud83d'], map: { '\udc00z': 1 } },
      resource: resourceOf({ 'service.name': 'shop\ud800' }),
    });
    expect(raw).not.toMatch(/\\ud/i);
    expect([line, labels['service_name'], metadata]).toEqual(['x\ufffd', 'shop\ufffd', { severity_text: '\ufffdy', k_: 'v\ufffd😀', list: '["\ufffd"]', map_z: '1' }]);
  });
});

describe('the limits of structured metadata', () => {
  const bytesOf = (metadata: Record<string, string>): number => Object.entries(metadata).reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(value), 0);

  it('cuts the largest value to 64 KiB in all, at a character', () => {
    const { metadata, cuts } = map({ attributes: { small: 'kept', large: 'é'.repeat(40_000) }, severityNumber: 9 });
    expect(bytesOf(metadata)).toBeLessThanOrEqual(65_536);
    expect(bytesOf(metadata)).toBeGreaterThan(65_536 - 4);
    expect(metadata).toMatchObject({ small: 'kept', severity_number: '9', large: expect.stringMatching(/^é+$/) as string });
    expect(cuts).toEqual(['attributes']);
  });

  it('leaves exactly 64 KiB alone, and reports nothing', () => {
    const { metadata, cuts } = map({ attributes: { v: 'x'.repeat(65_535) } });
    expect([bytesOf(metadata), cuts]).toEqual([65_536, []]);
    expect(bytesOf(map({ attributes: { v: 'x'.repeat(65_536) } }).metadata)).toBe(65_536);
  });

  it('counts what the resource and the scope have', () => {
    const resource = resourceOf({ 'service.name': 'shop', command: 'c'.repeat(50_000) });
    const { metadata, cuts } = map({ resource, instrumentationScope: { name: 'scope' }, attributes: { stack: 's'.repeat(30_000) } });
    expect(bytesOf(metadata)).toBe(65_536);
    expect(metadata).toMatchObject({ scope_name: 'scope', stack: 's'.repeat(30_000) });
    expect(cuts).toEqual(['attributes']);
    const little = map({ resource: resourceOf({ command: 'c'.repeat(60_000) }), attributes: { stack: 's'.repeat(6000) } });
    expect([bytesOf(little.metadata), little.cuts]).toEqual([65_536, ['attributes']]);
  });

  it('counts the value that stays where two attributes have one name', () => {
    expect(bytesOf(map({ attributes: { 'a.b': 'small', a_b: 'x'.repeat(70_000) } }).metadata)).toBe(65_536);
    expect(map({ attributes: { 'a.b': 'x'.repeat(70_000), a_b: 'small', c: 'x'.repeat(65_000) } }).cuts).toEqual([]);
  });

  it('drops entries whose names alone are too large', () => {
    const { metadata, cuts } = map({ attributes: { ['n'.repeat(70_000)]: 'v', kept: 1 } });
    expect([metadata, cuts]).toEqual([{ kept: '1' }, ['attributes']]);
  });

  it('keeps 128 entries: fields, resource and scope before attributes', () => {
    const attributes = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`k${index}`, index]));
    const { metadata, cuts } = map({ attributes, severityNumber: 9, resource: resourceOf({ 'service.name': 'shop', host: 'a' }), instrumentationScope: { name: 'scope' } });
    expect(Object.keys(metadata)).toHaveLength(128);
    expect(metadata).toMatchObject({ severity_number: '9', detected_level: 'info', host: 'a', scope_name: 'scope', k0: '0', k123: '123' });
    expect(cuts).toEqual(['attributes']);
    const common = resourceOf(Object.fromEntries([...Object.entries(attributes).slice(0, 10), ['r', 1]]));
    const both = map({ attributes: Object.fromEntries(Object.entries(attributes).slice(5, 130)), resource: common });
    expect(Object.keys(both.metadata)).toHaveLength(128);
    expect(both.metadata).toMatchObject({ r: '1', k0: '0', k126: '126' });
    expect(both.raw.split('"k7":')).toHaveLength(2);
    expect(both.cuts).toEqual(['attributes']);
    expect(map({ attributes: Object.fromEntries(Object.entries(attributes).slice(0, 128)) }).cuts).toEqual([]);
  });
});

describe('the line', () => {
  it.each([
    ['text', 'text'],
    [undefined, ''],
    [null, ''],
    ['', ''],
    [5, '5'],
    [true, 'true'],
    [2 ** 60, '1152921504606846976'],
    [new Uint8Array([104, 105]), 'aGk='],
    [{}, '{}'],
    [[], '[]'],
    [{ b: 1, a: [1.5, null, undefined], c: new Uint8Array([1]), d: new Uint8Array(0) }, '{"a":[1.5,null,null],"b":1,"c":"AQ==","d":null}'],
    [{ t: '<&>"\\\n\u0001\u007f\u2028\u2029é' }, '{"t":"<&>\\"\\\\\\n\\u0001\u007f\\u2028\\u2029é"}'],
    [{ '\u{1f600}': 1, '\uffee': 2, Z: 3, a: 4 }, '{"Z":3,"a":4,"\uffee":2,"\u{1f600}":1}'],
    [{ n: NaN, i: [Infinity], big: 2 ** 60, huge: 1e300 }, '{"big":1152921504606846976,"huge":1e+300,"i":["Infinity"],"n":"NaN"}'],
    [{ f: () => 1, u: undefined }, '{"f":null,"u":null}'],
  ])('of %p is %j', (body, line) => {
    expect(lineOf(body)).toBe(line);
  });

  it('may have 262,144 bytes and not one more, cut at a character', () => {
    const exact = map({ body: 'x'.repeat(262_144) });
    expect([exact.line.length, exact.cuts]).toEqual([262_144, []]);
    const longer = map({ body: 'x'.repeat(262_145) });
    expect([longer.line.length, longer.cuts]).toEqual([262_144, ['lines']]);
    const euros = map({ body: '€'.repeat(100_000) }).line;
    expect(euros).toBe('€'.repeat(Math.floor(262_144 / 3)));
    expect(map({ body: 'a😀b' }, { maxLineBytes: 4 }).line).toBe('a');
    expect(map({ body: 'a😀b' }, { maxLineBytes: 5 }).line).toBe('a😀');
    expect(Buffer.byteLength(map({ body: { list: Array.from({ length: 100_000 }, () => 'ééé') } }).line)).toBeLessThanOrEqual(262_144);
  });

  it('of 20 million characters is cut before it is escaped', () => {
    expect(map({ body: '\n'.repeat(20_000_000) }).line).toHaveLength(262_144);
    expect(map({ body: ['\n'.repeat(20_000_000)] }).line).toHaveLength(262_144);
    expect(map({ body: new Uint8Array(20_000_000) }).line).toHaveLength(262_144);
    expect(map({ body: new Array(2 ** 31) }).line).toHaveLength(262_144);
  });

  it('never takes more than the bound', () => {
    for (const text of ['', 'abc', 'éé', '€€', '😀😀', '\ud800x', 'a\ud83d']) {
      for (let max = 0; max < 12; max++) {
        const cut = truncateUtf8(text, max);
        expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(max);
        expect(text.startsWith(cut)).toBe(true);
        const more = text.slice(0, cut.length + ((text.codePointAt(cut.length) ?? 0) > 0xffff ? 2 : 1));
        expect(cut === text || Buffer.byteLength(more) > max).toBe(true);
      }
    }
  });
});

describe('nesting', () => {
  const cycle: Record<string, unknown> = { name: 'c' };
  cycle['self'] = cycle;
  cycle['again'] = [cycle];
  let twice: unknown = {};
  let twiceArray: unknown = [];
  for (let level = 0; level < 60; level++) {
    twice = { x: twice, y: twice };
    twiceArray = [twiceArray, twiceArray];
  }
  const nested = (depth: number): unknown => (depth === 0 ? 'end' : { k: nested(depth - 1) });

  it('ends at cycles', () => {
    expect(lineOf(cycle)).toBe('{"again":[null],"name":"c","self":null}');
    expect(attributesOf({ cycle })).toEqual({ cycle_name: 'c', cycle_again: '[{"again":null,"name":"c","self":null}]' });
  });

  it('ends at 64 levels', () => {
    expect(lineOf(nested(64))).toContain('"end"');
    expect(lineOf(nested(65))).not.toContain('end');
    expect(Object.values(attributesOf({ a: nested(64) }))).toEqual(['end']);
    expect(attributesOf({ a: nested(65) })).toEqual({});
  });

  it('ends where an object refers to another one twice on every level', () => {
    expect(lineOf(twiceArray)).toHaveLength(262_144);
    const { metadata, cuts } = map({ attributes: { twice, twiceArray, kept: 1 } });
    expect(Object.keys(metadata)).toEqual(['twiceArray', 'kept']);
    expect(cuts.length).toBeGreaterThan(0);
  });
});

describe('the time', () => {
  it.each([
    [[1_700_000_000, 123_456_789], [0, 0], '1700000000123456789'],
    [[1_700_000_000, 1], [0, 0], '1700000000000000001'],
    [[0, 0], [1_700_000_001, 2], '1700000001000000002'],
    [[0, 7], [0, 0], '7'],
    [[9_223_372_036, 854_775_807], [0, 0], '9223372036854775807'],
    [[9_223_372_036, 854_775_808], [5, 0], '5000000000'],
    [[NaN, 0], [5, 0], '5000000000'],
    ['no time', [5, 0], '5000000000'],
    [[1e300, 0], [5, 0], '5000000000'],
  ])('of %j, observed %j, is %s', (hrTime, hrTimeObserved, timestamp) => {
    expect(map({ hrTime, hrTimeObserved }).timestamp).toBe(timestamp);
  });

  it('observed is structured metadata only beside another one', () => {
    expect(map({ hrTime: [5, 0], hrTimeObserved: [5, 0] }).metadata).toEqual({ observed_timestamp: '5000000000' });
    expect(map({ hrTime: [5, 0], hrTimeObserved: [5, 1] }).metadata).toEqual({ observed_timestamp: '5000000001' });
    expect(map({ hrTime: [0, 0], hrTimeObserved: [5, 0] }).metadata).toEqual({});
  });

  it('of a record without one is now, and the same in every attempt', async () => {
    const mapping = new LokiMapping(OPTIONS, () => undefined);
    const record = bareRecord({ hrTime: undefined, hrTimeObserved: undefined });
    const before = Date.now();
    const { timestamp } = mapWith(mapping, record);
    expect(timestamp).toMatch(/^\d{13}000000$/);
    expect(Number(timestamp.slice(0, 13))).toBeGreaterThanOrEqual(before);
    while (Date.now() <= before + 2) {
      await new Promise(setImmediate);
    }
    expect(mapWith(mapping, record).timestamp).toBe(timestamp);
  });
});

describe('labels', () => {
  it('are index attributes and static labels, which win', () => {
    const resource = resourceOf({ 'service.name': 'shop', 'cloud.region': 'eu', 'host.name': 'a', empty: '' });
    const { labels, metadata } = map({ resource }, { labels: { env: 'prod', cloud_region: 'static', none: '' }, indexAttributes: ['service.name', 'cloud.region', 'empty'] });
    expect(labels).toEqual({ env: 'prod', cloud_region: 'static', service_name: 'shop' });
    expect(metadata).toEqual({ cloud_region: 'eu', host_name: 'a' });
  });

  it('are flattened like attributes', () => {
    expect(map({ resource: resourceOf({ 'service.name': { a: 1, b: ['x'] } }) }).labels).toEqual({ service_name_a: '1', service_name_b: '["x"]' });
  });

  it('are never none, because Loki drops a stream without labels', () => {
    expect(map({ resource: undefined }).labels).toEqual({ service_name: 'unknown_service' });
    expect(map({ resource: resourceOf({}) }, { labels: { app: 'x' } }).labels).toEqual({ app: 'x' });
  });

  it('are 15 at most beside service_name; the others stay structured metadata', () => {
    const names = Array.from({ length: 20 }, (_, index) => `l${index}`);
    for (const order of [['service.name', ...names], [...names, 'service.name']]) {
      const resource = resourceOf(Object.fromEntries(order.map((name) => [name, 'v'])));
      const { labels, metadata, cuts } = map({ resource }, { indexAttributes: order });
      expect(Object.keys(labels)).toHaveLength(16);
      expect(Object.keys(metadata)).toEqual(['l15', 'l16', 'l17', 'l18', 'l19']);
      expect(cuts).toContain('labels');
    }
  });

  it('have values of 2048 bytes at most', () => {
    const { labels, cuts } = map({ resource: resourceOf({ 'service.name': 'é'.repeat(1100) }) });
    expect([labels['service_name'], cuts]).toEqual(['é'.repeat(1024), ['labels']]);
    expect(map({ resource: resourceOf({ 'service.name': 'x'.repeat(2049) }) }).labels['service_name']).toHaveLength(2048);
  });
});

describe('resources and scopes', () => {
  it('are read once', () => {
    let reads = 0;
    const counted = { get attributes() { reads++; return { 'service.name': 'shop' }; }, getRawAttributes: () => [] } as unknown as LogRecord['resource'];
    const scope = { get name() { reads++; return 'scope'; } };
    const mapping = new LokiMapping(OPTIONS, () => undefined);
    for (let index = 0; index < 10; index++) {
      const record = bareRecord({ resource: counted, instrumentationScope: scope });
      mapping.sizeOf(record);
      mapWith(mapping, record);
    }
    expect(reads).toBe(2);
  });

  it('are read again after they have settled', () => {
    const attributes: Record<string, unknown> = { 'service.name': 'shop' };
    const resource = { asyncAttributesPending: true, attributes, getRawAttributes: () => [['service.name', 'shop'], ['host.name', Promise.resolve('a')]] };
    const mapping = new LokiMapping(OPTIONS, () => undefined);
    const record = bareRecord({ resource });
    expect(mapping.sizeOf(record)).toBeGreaterThan(1000);
    expect(mapWith(mapping, record).metadata).toEqual({});
    resource.asyncAttributesPending = false;
    attributes['host.name'] = 'a';
    expect(mapWith(mapping, record).metadata).toEqual({ host_name: 'a' });
  });

  it('of one kind each do not mix', () => {
    const mapping = new LokiMapping(OPTIONS, () => undefined);
    const a = bareRecord({ instrumentationScope: { name: 'a' }, attributes: { k: 1 }, resource: resourceOf({ k: 'resource' }) });
    const b = bareRecord({ instrumentationScope: { name: 'b' }, attributes: { k: 1 }, resource: resourceOf({}) });
    for (let index = 0; index < 3; index++) {
      expect(mapWith(mapping, a).metadata).toEqual({ k: 'resource', scope_name: 'a' });
      expect(mapWith(mapping, b).metadata).toEqual({ k: '1', scope_name: 'b' });
    }
  });
});

describe('sizeOf', () => {
  it('counts line and structured metadata, with what resource and scope add to every line', () => {
    const mapping = new LokiMapping(OPTIONS, () => undefined);
    const size = (fields: Record<string, unknown>): number => mapping.sizeOf(bareRecord(fields));
    const base = size({});
    expect(size({ body: 'x'.repeat(1000) }) - base).toBeGreaterThanOrEqual(990);
    expect(size({ attributes: { k: 'x'.repeat(1000) } }) - base).toBeGreaterThanOrEqual(1001);
    expect(size({ resource: resourceOf({ command: 'é'.repeat(1000) }) }) - base).toBeGreaterThanOrEqual(2007);
    expect(size({ instrumentationScope: { name: 'x'.repeat(1000) } }) - base).toBeGreaterThanOrEqual(1010);
  });

  it('is never less than what is stored, for a record of ASCII', () => {
    const record = bareRecord({
      hrTimeObserved: [1_700_000_001, 7],
      severityNumber: 17,
      severityText: 'ERROR',
      spanContext: { traceId: '0123456789abcdef0123456789abcdef', spanId: '0123456789abcdef', traceFlags: 1 },
      body: 'request completed',
      attributes: { 'http.method': 'GET', 'http.status': 200 },
      instrumentationScope: { name: 'scope', version: '1' },
    });
    const mapping = new LokiMapping(OPTIONS, () => undefined);
    const { line, metadata } = mapWith(mapping, record);
    const stored = Object.entries(metadata).reduce((sum, [name, value]) => sum + name.length + value.length, line.length);
    expect(mapping.sizeOf(record)).toBeGreaterThanOrEqual(stored);
    expect(mapping.sizeOf(record)).toBeLessThan(stored * 1.5);
  });

  it('counts no more than can be sent, and never throws', () => {
    const mapping = new LokiMapping(OPTIONS, () => undefined);
    expect(mapping.sizeOf(bareRecord({ body: 'x'.repeat(20_000_000) }))).toBeLessThan(400_000);
    const hostile = { get body() { throw new Error('body'); }, get resource() { throw new Error('resource'); } } as unknown as LogRecord;
    expect(mapping.sizeOf(hostile)).toBeGreaterThan(0);
    expect(mapping.sizeOf(null as unknown as LogRecord)).toBeGreaterThan(0);
  });
});

describe('a push', () => {
  it('is one for each set of labels, in the order of the records', () => {
    const mapping = new LokiMapping(OPTIONS, () => undefined);
    const push = new LokiJsonPush();
    const resources = ['a', 'b', 'a'].map((name) => resourceOf({ 'service.name': name }));
    for (let index = 0; index < 9; index++) {
      mapping.write(bareRecord({ body: String(index), resource: resources[index % 3] }), push);
    }
    const bodies = push.finish();
    const streams = bodies.flatMap(({ bytes }) => (JSON.parse(String(bytes)) as { streams: { stream: unknown; values: [string, string][] }[] }).streams);
    expect(streams.map(({ stream, values }) => [stream, values.map(([, line]) => line).join('')])).toEqual([
      [{ service_name: 'a' }, '023568'],
      [{ service_name: 'b' }, '147'],
    ]);
    expect(bodies.map(({ records }) => records)).toEqual([6, 3]);
  });

  it('is split before it is larger than what Loki can take, and never empty', () => {
    const mapping = new LokiMapping(OPTIONS, () => undefined);
    const push = new LokiJsonPush();
    const resource = resourceOf({ 'service.name': 'shop' });
    for (let index = 0; index < 100; index++) {
      mapping.write(bareRecord({ body: '€'.repeat(40_000), resource }), push);
    }
    const bodies = push.finish();
    expect(bodies.map(({ records }) => records).reduce((a, b) => a + b)).toBe(100);
    expect(bodies.length).toBeGreaterThan(2);
    expect(bodies.length).toBeLessThan(6);
    for (const { bytes } of bodies) {
      expect(bytes.length).toBeLessThan(4 * 1024 * 1024 - 262_144);
      expect(() => JSON.parse(String(bytes)) as unknown).not.toThrow();
    }
    expect(new LokiJsonPush().finish()).toEqual([]);
  });

  it('has nothing of a record that threw', () => {
    const mapping = new LokiMapping(OPTIONS, () => undefined);
    const push = new LokiJsonPush();
    const throwing = { before: 1, get getter(): string { throw new Error('getter'); } };
    for (let index = 0; index < 100; index++) {
      expect(() => mapping.write(bareRecord({ attributes: { deep: throwing } }), push)).toThrow('getter');
    }
    expect(() => mapping.write(bareRecord({ body: throwing }), push)).toThrow('getter');
    expect(push.finish()).toEqual([]);
    expect(mapWith(mapping, bareRecord({ attributes: { deep: { a: { b: 1 } } } })).metadata).toEqual({ deep_a_b: '1' });
  });
});
