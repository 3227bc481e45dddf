import fc from 'fast-check';
import { BackendText } from '../../src/exporters/backend-text';

const words = (text: string | Uint8Array, ...secrets: string[]): string => new BackendText(secrets).firstWords(Buffer.from(text as string));

test('text is put on one line', () => {
  expect(words('  first\r\n\tsecond\u0000\u001b[31m third\u202e ')).toBe('first second [31m third');
});

test('at most 1 KB is shown, and no character is split', () => {
  expect(words('x'.repeat(5000))).toBe('x'.repeat(1024));
  expect(words('€'.repeat(5000))).toBe('€'.repeat(341));
  expect(words('x'.repeat(1024))).toHaveLength(1024);
});

test('what is no text is not shown', () => {
  expect(words(Buffer.from([0x0a, 0xff, 0xfe, 0x80]))).toBe('');
  expect(words('')).toBe('');
});

test('secrets are replaced wherever and in whatever form they stand', () => {
  expect(words('token abcd-1234 of abcd-1234', 'abcd-1234')).toBe('token *** of ***');
  expect(words('{"got":"pa\\"ss\\\\word"}', 'pa"ss\\word')).toBe('{"got":"***"}');
  expect(words('/push?key=a%20b%2Fc', 'a b/c')).toBe('/push?key=***');
  expect(words('Bearer (a+b)*', '(a+b)*')).toBe('Bearer ***');
  expect(words('a   b', 'a   b')).toBe('***');
});

test('a secret that is a part of another does not uncover the rest of it', () => {
  expect(words('is user:password', 'password', 'user:password', 'user')).toBe('is ***');
});

test('an empty secret changes nothing', () => {
  expect(words('text', '')).toBe('text');
});

test('no part of a secret is shown, wherever the body is cut', () => {
  // Long, so that many of them shrink to a text in which the cut is still to be seen.
  const secret = 'SECRET42'.repeat(8);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 5000 }), fc.integer({ min: 1, max: 100 }), fc.integer({ min: 0, max: 5000 }), (before, times, after) => {
      const shown = words('x'.repeat(before) + secret.repeat(times) + 'y'.repeat(after), secret);
      expect(shown).toMatch(/^x*\**y*$/);
    }),
  );
});
