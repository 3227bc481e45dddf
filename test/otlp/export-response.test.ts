import fc from 'fast-check';
import { parsePartialSuccess, parseStatusMessage } from '../../src/otlp/export-response';

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const nothing = { rejected: 0, message: '' };

test.each([
  ['a string, as OTLP/JSON has it', json({ partialSuccess: { rejectedLogRecords: '3', errorMessage: 'three' } }), { rejected: 3, message: 'three' }],
  ['a number', json({ partialSuccess: { rejectedLogRecords: 3 } }), { rejected: 3, message: '' }],
  ['a message alone', json({ partialSuccess: { errorMessage: 'be careful' } }), { rejected: 0, message: 'be careful' }],
  ['an empty object', json({}), nothing],
  ['null', json(null), nothing],
  ['a negative count', json({ partialSuccess: { rejectedLogRecords: '-3' } }), nothing],
  ['a count that is none', json({ partialSuccess: { rejectedLogRecords: {}, errorMessage: 5 } }), nothing],
  ['no JSON', Buffer.from('<html>'), nothing],
  ['no bytes', Buffer.alloc(0), nothing],
])('JSON: %s', (_name, body, expected) => {
  expect(parsePartialSuccess(body, 'json')).toEqual(expected);
});

test.each([
  ['count and message', '0a0908032205' + '00', nothing],
  ['a count', '0a020803', { rejected: 3, message: '' }],
  ['a count of several bytes', '0a0308ac02', { rejected: 300, message: '' }],
  ['a count and a message', '0a0708031203616263', { rejected: 3, message: 'abc' }],
  ['a message alone', '0a051203616263', { rejected: 0, message: 'abc' }],
  ['a negative count', '0a0b08ffffffffffffffffff01', nothing],
  ['fields from the future', '1001' + '190102030405060708' + '22026869' + '2d01020304' + '0a020803', { rejected: 3, message: '' }],
  ['a cut field', '0a0908', nothing],
  ['an endless number', '0a0cffffffffffffffffffffffff', nothing],
  ['a wire type that does not exist', '0f', nothing],
  ['no bytes', '', nothing],
])('protobuf: %s', (_name, hex, expected) => {
  expect(parsePartialSuccess(Buffer.from(hex, 'hex'), 'protobuf')).toEqual(expected);
});

test('the message of a failure is read from a Status', () => {
  const status = Buffer.concat([Buffer.from([0x08, 0x03, 0x12, 0x07]), Buffer.from('too old')]);
  expect(Buffer.from(parseStatusMessage(status) ?? []).toString()).toBe('too old');
  expect(parseStatusMessage(Buffer.from('plain text'))).toBeUndefined();
  expect(parseStatusMessage(Buffer.alloc(0))).toBeUndefined();
});

test('any bytes give a count of records and a text', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), fc.constantFrom('json' as const, 'protobuf' as const), (body, format) => {
      const { rejected, message } = parsePartialSuccess(body, format);
      expect(rejected).toBeGreaterThanOrEqual(0);
      expect(typeof message).toBe('string');
      parseStatusMessage(body);
    }),
  );
});
