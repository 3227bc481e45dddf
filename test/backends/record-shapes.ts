import type { HrTime } from '@opentelemetry/api';
import type { EmittedRecord } from '../support/captured-records';
import type { DecodedLogRecord, DecodedValue } from '../support/otlp-decode';

/** A record as an application emits it, and what a receiver has to make of it. */
export interface RecordShape {
  readonly name: string;
  readonly emitted: EmittedRecord;
  readonly expected: DecodedLogRecord;
  /** Whether a Collector takes what the stock JSON exporter makes of it: it refuses some numbers. */
  readonly isStockJson: boolean;
}

const TIME: HrTime = [1_700_000_000, 123_456_789];
const NANOS = 1_700_000_000_123_456_789n;

const PLAIN: DecodedLogRecord = {
  timeUnixNano: NANOS,
  observedTimeUnixNano: NANOS,
  severityNumber: 0,
  severityText: '',
  body: undefined,
  attributes: [],
  droppedAttributesCount: 0,
  flags: 0,
  traceId: '',
  spanId: '',
  eventName: '',
};

function shape(name: string, emitted: EmittedRecord, expected: Partial<DecodedLogRecord>, isStockJson = true): RecordShape {
  return { name, emitted: { timestamp: TIME, observedTimestamp: TIME, ...emitted }, expected: { ...PLAIN, ...expected }, isStockJson };
}

/** As a body, as an attribute, in an array and in a map. */
function value(name: string, given: unknown, expected: DecodedValue, isStockJson = true): RecordShape {
  const emitted = { body: { map: { inner: given }, list: [given], value: given }, attributes: { value: given, map: { inner: given } } } as EmittedRecord;
  const map = { kvlistValue: [{ key: 'inner', value: expected }] };
  const body = { kvlistValue: [{ key: 'map', value: map }, { key: 'list', value: { arrayValue: [expected] } }, { key: 'value', value: expected }] };
  return shape(name, emitted, { body, attributes: [{ key: 'value', value: expected }, { key: 'map', value: map }] }, isStockJson);
}

const LONG = '0123456789abcdef'.repeat(6_000);
const STACK = 'Error: "quoted" \\ and\n\tat f (/app/a.js:1:2)\r\n    at ünïcode (C:\\x.js)';

/** Written by hand, not by an encoder: what OTLP says each of them is. */
export const RECORD_SHAPES: readonly RecordShape[] = [
  shape('a plain text', { body: 'hello' }, { body: { stringValue: 'hello' } }),
  shape('nothing but times', {}, {}),
  shape('an empty text', { body: '' }, { body: { stringValue: '' } }),
  shape('severity', { body: 's', severityNumber: 17, severityText: 'ERROR' }, { body: { stringValue: 's' }, severityNumber: 17, severityText: 'ERROR' }),
  shape('the highest severity', { body: 's', severityNumber: 24, severityText: 'FATAL4' }, { body: { stringValue: 's' }, severityNumber: 24, severityText: 'FATAL4' }),
  shape('an event name', { eventName: 'user.login', body: 'e' }, { eventName: 'user.login', body: { stringValue: 'e' } }),
  shape(
    'a trace context',
    { body: 't', spanContext: { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', traceFlags: 1 } },
    { body: { stringValue: 't' }, traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', flags: 1 },
  ),
  shape('two times', { body: '2', timestamp: [1_600_000_000, 999_999_999], observedTimestamp: [1_700_000_001, 1] }, {
    body: { stringValue: '2' },
    timeUnixNano: 1_600_000_000_999_999_999n,
    observedTimeUnixNano: 1_700_000_001_000_000_001n,
  }),
  shape('more attributes than the SDK takes', { body: 'm', attributes: Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`k${index}`, index])) }, {
    body: { stringValue: 'm' },
    attributes: Array.from({ length: 128 }, (_, index) => ({ key: `k${index}`, value: { intValue: BigInt(index) } })),
    droppedAttributesCount: 72,
  }),
  shape('an exception', { exception: Object.assign(new RangeError('out of range'), { stack: STACK }) }, {
    attributes: [
      { key: 'exception.type', value: { stringValue: 'RangeError' } },
      { key: 'exception.message', value: { stringValue: 'out of range' } },
      { key: 'exception.stacktrace', value: { stringValue: STACK } },
    ],
  }),
  shape('a dotted and a foreign key', { attributes: { 'http.request.method': 'GET', '日本': 1, '': 'no key' } }, {
    // The SDK takes no empty key.
    attributes: [{ key: 'http.request.method', value: { stringValue: 'GET' } }, { key: '日本', value: { intValue: 1n } }],
  }),
  value('text with every width of UTF-8', 'a\u007fé€😀\u2028\ufeff', { stringValue: 'a\u007fé€😀\u2028\ufeff' }),
  value('text with all that JSON escapes', '"\\/\b\f\n\r\t\0\u001f', { stringValue: '"\\/\b\f\n\r\t\0\u001f' }),
  value('a stack trace', STACK, { stringValue: STACK }),
  value('half a surrogate pair', 'x\ud83dy', { stringValue: 'x\ufffdy' }),
  value('text of 96 KB', LONG, { stringValue: LONG }),
  value('zero', 0, { intValue: 0n }),
  value('the largest safe integer', Number.MAX_SAFE_INTEGER, { intValue: 9_007_199_254_740_991n }),
  value('a negative integer', -2_147_483_649, { intValue: -2_147_483_649n }),
  value('the smallest int64', -(2 ** 63), { intValue: -(2n ** 63n) }, false),
  value('a fraction', 0.1, { doubleValue: 0.1 }),
  value('a huge number', 1e300, { doubleValue: 1e300 }, false),
  value('no number', NaN, { doubleValue: NaN }, false),
  value('infinity', Infinity, { doubleValue: Infinity }, false),
  value('minus infinity', -Infinity, { doubleValue: -Infinity }, false),
  value('true', true, { boolValue: true }),
  value('false', false, { boolValue: false }),
  value('null', null, {}),
  value('bytes', new Uint8Array([0, 1, 254, 255]), { bytesValue: '0001feff' }),
  value('no bytes', new Uint8Array(), { bytesValue: '' }),
  value('an empty array', [], { arrayValue: [] }),
  value('an array of many kinds', ['a', 1, 0.5, true, null], {
    arrayValue: [{ stringValue: 'a' }, { intValue: 1n }, { doubleValue: 0.5 }, { boolValue: true }, {}],
  }),
  value('an empty map', {}, { kvlistValue: [] }),
  value('a map in an array', [{ a: [{ b: 'deep' }] }], {
    arrayValue: [{ kvlistValue: [{ key: 'a', value: { arrayValue: [{ kvlistValue: [{ key: 'b', value: { stringValue: 'deep' } }] }] } }] }],
  }),
];
