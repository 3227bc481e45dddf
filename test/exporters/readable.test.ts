import fc from 'fast-check';
import { PrettyLine } from '../../src/exporters/pretty';
import { ReadableJson, severityName } from '../../src/exporters/readable';
import { TimeTexts } from '../../src/exporters/time-text';
import type { LogRecord } from '../../src/record';
import { makeRecord } from '../support/records';

const SCOPE = { name: 'test-scope', version: '1.2.3' };

function plainRecord(fields: Partial<LogRecord> = {}): LogRecord {
  return makeRecord(0, { hrTime: [1_700_000_000, 123_456_789], hrTimeObserved: [1_700_000_001, 0], body: 'request completed', attributes: {}, instrumentationScope: SCOPE, ...fields });
}

const json = new ReadableJson();
const parsed = (record: LogRecord): unknown => JSON.parse(json.line(record) ?? 'undefined');
const pretty = (fields: Partial<LogRecord>): string | undefined => new PrettyLine(false).line(plainRecord(fields));

const traceId = '0af7651916cd43dd8448eb211c80319c';
const spanId = 'b7ad6b7169203331';

function throwing(): never {
  throw new Error('for a test');
}

function nested(levels: number, wrap: (inner: unknown) => unknown): unknown {
  let value: unknown = 'leaf';
  for (let level = 0; level < levels; level++) {
    value = wrap(value);
  }
  return value;
}

const CYCLE: { self?: unknown } = {};
CYCLE.self = [CYCLE, CYCLE];

/** Everything that a body or an attribute can be by mistake or by malice. */
const hostileValue = fc.oneof(
  { weight: 20, arbitrary: fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true, withObjectString: true, withSparseArray: true, withTypedArray: true }) },
  { weight: 10, arbitrary: fc.string({ unit: 'binary' }) },
  { weight: 10, arbitrary: fc.string({ unit: fc.integer({ min: 0xd7f0, max: 0xe010 }).map((code) => String.fromCharCode(code)) }) },
  { weight: 10, arbitrary: fc.string({ unit: fc.integer({ min: 0, max: 0xa0 }).map((code) => String.fromCharCode(code)) }) },
  { weight: 5, arbitrary: fc.constantFrom<unknown>(NaN, Infinity, -Infinity, -0, 10n ** 30n, Symbol('s'), throwing, new Date(NaN), CYCLE) },
  // A record with one of these is lost, so that they should be rare.
  { weight: 1, arbitrary: fc.constantFrom<unknown>({ get inside() { return throwing(); } }, { toJSON: throwing }, nested(60, (inner) => [inner, inner]), nested(10_000, (inner) => ({ inner }))) },
);

const hostileRecord = fc.record({
  hrTime: hostileValue,
  hrTimeObserved: hostileValue,
  severityNumber: fc.oneof(fc.integer(), hostileValue),
  severityText: hostileValue,
  body: hostileValue,
  eventName: hostileValue,
  spanContext: fc.oneof(fc.record({ traceId: hostileValue, spanId: hostileValue, traceFlags: hostileValue }), hostileValue),
  attributes: fc.oneof(fc.dictionary(fc.string({ unit: 'binary' }), hostileValue), fc.record({ 'exception.stacktrace': fc.string({ unit: 'binary' }) }), hostileValue),
  instrumentationScope: fc.oneof(fc.record({ name: hostileValue, version: hostileValue }), hostileValue),
  resource: fc.oneof(fc.record({ attributes: fc.record({ 'service.name': hostileValue }), asyncAttributesPending: fc.boolean() }), hostileValue),
}, { requiredKeys: [] }) as fc.Arbitrary<unknown> as fc.Arbitrary<LogRecord>;

describe('the readable JSON line', () => {
  it('has every field of a record', () => {
    const record = plainRecord({
      body: 'it broke',
      eventName: 'shop.broke',
      severityNumber: 17,
      severityText: 'error',
      spanContext: { traceId, spanId, traceFlags: 1 },
      attributes: { text: 'a', number: 1.5, flag: true, list: [1, 'two'], map: { inner: null } },
    });
    expect(json.line(record)).toBe(
      '{"time":"2023-11-14T22:13:20.123456789Z","severity_text":"error","severity_number":17,"event_name":"shop.broke","body":"it broke",' +
        `"trace_id":"${traceId}","span_id":"${spanId}","trace_flags":"01",` +
        '"attributes":{"text":"a","number":1.5,"flag":true,"list":[1,"two"],"map":{"inner":null}},' +
        '"scope":"test-scope","scope_version":"1.2.3","resource":{"service.name":"test"}}',
    );
  });

  it('leaves out what is unset', () => {
    expect(parsed({ hrTime: [0, 0], hrTimeObserved: [0, 0] } as unknown as LogRecord)).toEqual({});
    expect(json.line({} as LogRecord)).toBe('{}');
  });

  it('shows the observed time of a record without a time of its own', () => {
    expect(parsed(plainRecord({ hrTime: [0, 0] }))).toMatchObject({ time: '2023-11-14T22:13:21.000000000Z' });
  });

  it('keeps what JSON has no form for readable', () => {
    const body = { big: 2n ** 60n, small: 7n, bytes: new Uint8Array([1, 2, 255]), nan: NaN, minus: -Infinity, none: undefined, call: throwing, lone: '\ud800' };
    expect(parsed(plainRecord({ body: body as never }))).toMatchObject({
      body: { big: '1152921504606846976', small: 7, bytes: 'AQL/', nan: 'NaN', minus: '-Infinity', none: null, call: null, lone: '\ud800' },
    });
  });

  it('cuts what contains itself and what is nested deeper than 64 levels', () => {
    const cycle: Record<string, unknown> = { name: 'a' };
    cycle['self'] = cycle;
    expect(parsed(plainRecord({ body: cycle as never }))).toMatchObject({ body: { name: 'a', self: null } });
    const deep = nested(100, (inner) => [inner]);
    expect(json.line(plainRecord({ body: deep as never }))).toContain(`"body":${'['.repeat(64)}null${']'.repeat(64)}`);
  });

  it('gives up a record whose getter throws, and not the next one', () => {
    const attributes = { get broken() { return throwing(); } };
    expect(json.line(plainRecord({ attributes }))).toBeUndefined();
    expect(json.line(plainRecord())).toBeDefined();
  });

  it('gives up a record that would be written a billion times over', () => {
    const shared = nested(60, (inner) => [inner, inner]);
    expect(json.line(plainRecord({ body: shared as never }))).toBeUndefined();
  });

  it('takes the bound on the number of values for each record, not for all', () => {
    const body = Array.from({ length: 60_000 }, () => 1);
    for (let record = 0; record < 3; record++) {
      expect(json.line(plainRecord({ body }))).toContain('1,1');
    }
  });

  it('does not keep the attributes of a resource that is still waiting for some', () => {
    const raw: [string, unknown][] = [['service.name', Promise.resolve('late')]];
    const resource = { asyncAttributesPending: true, getRawAttributes: () => raw, get attributes() { return throwing(); } };
    const record = plainRecord({ resource: resource as never });
    expect(parsed(record)).not.toHaveProperty('resource');
    Object.defineProperty(resource, 'attributes', { value: { 'service.name': 'late' } });
    resource.asyncAttributesPending = false;
    expect(parsed(record)).toMatchObject({ resource: { 'service.name': 'late' } });
  });

  it('is one line that JSON.parse reads, or nothing, whatever the record is', () => {
    let written = 0;
    fc.assert(fc.property(hostileRecord, (record) => {
      const line = json.line(record);
      if (line !== undefined) {
        written++;
        expect(line).not.toMatch(/[\n\r]/);
        expect(line.isWellFormed()).toBe(true);
        expect(typeof JSON.parse(line)).toBe('object');
      }
    }), { numRuns: 500 });
    expect(written).toBeGreaterThan(250);
  });
});

describe('the pretty line', () => {
  it('shows time, severity, scope, event, body and attributes', () => {
    const line = pretty({ eventName: 'shop.sold', attributes: { plain: 'word', spaced: 'two words', 'odd key': 1, list: [1, 'two'] }, spanContext: { traceId, spanId, traceFlags: 1 } });
    expect(line).toBe(`2023-11-14T22:13:20.123Z INFO  [test-scope] <shop.sold> request completed plain=word spaced="two words" "odd key"=1 list=[1,"two"] trace_id=${traceId}`);
  });

  it('shows an object body as JSON', () => {
    expect(pretty({ body: { a: [1, null] } })).toContain(' {"a":[1,null]}');
  });

  it('is coloured by severity if asked to, and only then', () => {
    const record = plainRecord({ severityNumber: 17, severityText: 'ERROR' });
    expect(new PrettyLine(true).line(record)).toContain('\x1b[31mERROR\x1b[0m');
    expect(new PrettyLine(false).line(record)).not.toContain('\x1b');
  });

  it('escapes line breaks, terminal controls and changes of writing direction', () => {
    const line = pretty({ body: 'a\nb\r\x1b[2Jc\u2028d\u009b1me\u202ef\ttab', attributes: { 'k\n': 'v\n' } });
    expect(line).toContain('a\\nb\\r\\u001b[2Jc\\u2028d\\u009b1me\\u202ef\\ttab "k\\n"="v\\n"');
  });

  it('puts a stack trace on indented lines of its own', () => {
    const line = pretty({ attributes: { 'exception.stacktrace': 'Error: no\n    at a (x.js:1:1)\r\n\n2023-11-14T22:13:20.123Z INFO forged', other: 1 } });
    const [first, ...rest] = (line ?? '').split('\n');
    expect(first).toMatch(/request completed other=1$/);
    expect(rest).toEqual(['    Error: no', '        at a (x.js:1:1)', '    2023-11-14T22:13:20.123Z INFO forged']);
  });

  it('has no line break but before an indented line of a stack trace, whatever the record is', () => {
    const lines = new PrettyLine(false);
    fc.assert(fc.property(hostileRecord, (record) => {
      const [first = '', ...rest] = (lines.line(record) ?? '').split('\n');
      for (const each of [first, ...rest]) {
        // eslint-disable-next-line no-control-regex -- exactly these must not be there
        expect(each).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
        expect(each.isWellFormed()).toBe(true);
      }
      expect(rest.filter((each) => !each.startsWith('    '))).toEqual([]);
      const stack = (record.attributes as Record<string, unknown> | undefined)?.['exception.stacktrace'];
      expect(rest.length > 0 && typeof stack !== 'string').toBe(false);
    }), { numRuns: 500 });
  });
});

describe('severityName', () => {
  it.each([[1, 'TRACE'], [2, 'TRACE2'], [8, 'DEBUG4'], [9, 'INFO'], [13, 'WARN'], [17, 'ERROR'], [24, 'FATAL4'], [0, undefined], [25, undefined], [1.5, undefined]])('of %p is %p', (severityNumber, name) => {
    expect(severityName({ severityNumber } as unknown as LogRecord)).toBe(name);
  });

  it('prefers the text', () => {
    expect(severityName({ severityNumber: 9, severityText: 'Notice' } as LogRecord)).toBe('Notice');
  });
});

describe('TimeTexts', () => {
  const times = new TimeTexts();

  it('does not mix up seconds, in any order', () => {
    expect([[1, 5], [1, 6], [2, 5], [1, 5]].map((time) => times.text(time))).toEqual([
      '1970-01-01T00:00:01.000000005Z', '1970-01-01T00:00:01.000000006Z', '1970-01-01T00:00:02.000000005Z', '1970-01-01T00:00:01.000000005Z',
    ]);
  });

  it('carries nanoseconds into seconds', () => {
    expect(times.text([1, 1_500_000_000])).toBe('1970-01-01T00:00:02.500000000Z');
  });

  it.each([[undefined], [5], [[]], [[NaN, 0]], [[0, 0]], [[-5, 0]], [[1.5, 0]], [[1, NaN]], [[1, Infinity]], [[253_402_300_800, 0]], [['1', 0]]])('has no text for %p', (time) => {
    expect(times.text(time)).toBeUndefined();
  });
});
