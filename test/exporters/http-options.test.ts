import { checkHeaders, checkHttpUrl, headerSecrets } from '../../src/exporters/http-options';

function messageOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`;
  }
  throw new Error('expected a throw');
}

describe('a URL', () => {
  test.each([
    ['http://localhost:4318/v1/logs', 'http://localhost:4318/v1/logs'],
    ['https://example.com', 'https://example.com/'],
    ['http://[::1]:4318/x?key=1#part', 'http://[::1]:4318/x?key=1'],
  ])('%s is taken', (value, url) => {
    expect(checkHttpUrl('url', value)).toEqual({ url, secrets: [] });
  });

  test('gives its userinfo away as a header', () => {
    const checked = checkHttpUrl('url', 'http://us%40er:p%3Ass@host/path');
    const credentials = Buffer.from('us@er:p:ss').toString('base64');
    expect(checked).toMatchObject({ url: 'http://host/path', authorization: `Basic ${credentials}` });
    expect(checked.secrets).toEqual(expect.arrayContaining(['p:ss', credentials]));
  });

  test('with a user alone has a token for a user', () => {
    expect(checkHttpUrl('url', 'http://token1234@host/').secrets).toContain('token1234');
  });

  test('with userinfo that is wrongly encoded is taken as it is', () => {
    expect(checkHttpUrl('url', 'http://user:%zz@host/').authorization).toBe(`Basic ${Buffer.from('user:%zz').toString('base64')}`);
  });

  test.each([
    [undefined, 'TypeError: url must be an http:// or https:// URL, received a value of type undefined'],
    [null, 'TypeError: url must be an http:// or https:// URL, received null'],
    [4318, 'TypeError: url must be an http:// or https:// URL, received a value of type number'],
    ['', 'RangeError: url must be an http:// or https:// URL, received a string that is no URL'],
    ['http://user:hunter2@', 'RangeError: url must be an http:// or https:// URL, received a string that is no URL'],
    ['http://user:hunter2@host:99999/?key=hunter2', 'RangeError: url must be an http:// or https:// URL, received a string that is no URL'],
    ['ftp://user:hunter2@host/', 'RangeError: url must be an http:// or https:// URL, received a URL that begins with ftp://'],
    ['hunter2:hunter2@host:4318', 'RangeError: url must be an http:// or https:// URL, received a URL without http://'],
    ['localhost:4318', 'RangeError: url must be an http:// or https:// URL, received a URL without http://'],
  ])('%p is refused without its credentials', (value, message) => {
    expect(messageOf(() => checkHttpUrl('url', value))).toBe(message);
  });
});

describe('headers', () => {
  test('get lower-case names', () => {
    expect(checkHeaders('headers', { Authorization: 'Bearer x', 'x-Y': '' })).toEqual({ authorization: 'Bearer x', 'x-y': '' });
  });

  test.each([
    [null, 'TypeError: headers must be an object, received null'],
    [['x'], 'TypeError: headers must be an object, received an array'],
    ['x-api-key: hunter2', 'TypeError: headers must be an object, received a string'],
    [{ Token: 5 }, "TypeError: headers: the value of 'Token' must be a string, received a value of type number"],
    [{ Token: 'hunter2\n' }, "RangeError: headers: the value of 'Token' has characters that an HTTP header cannot have"],
    [{ Token: 'hunter2 \u20ac' }, "RangeError: headers: the value of 'Token' has characters that an HTTP header cannot have"],
    [{ 'To ken': 'hunter2' }, "RangeError: headers: 'To ken' is no valid HTTP header name"],
    [{ '': 'hunter2' }, "RangeError: headers: '' is no valid HTTP header name"],
    [{ 'Content-Length': '5' }, "RangeError: headers: 'Content-Length' cannot be set, the exporter does that"],
    [{ 'transfer-encoding': 'chunked' }, "RangeError: headers: 'transfer-encoding' cannot be set, the exporter does that"],
  ])('%p are refused without their values', (value, message) => {
    expect(messageOf(() => checkHeaders('headers', value))).toBe(message);
  });

  test('have as secrets their values and every form of a credential', () => {
    const basic = Buffer.from('user:password').toString('base64');
    expect(headerSecrets({ authorization: `Basic ${basic}`, 'x-api-key': 'key-1234', 'x-scope': '1' })).toEqual([`Basic ${basic}`, basic, 'password', 'key-1234']);
    expect(headerSecrets({ authorization: 'Bearer  token-1234' })).toEqual(['Bearer  token-1234', 'token-1234']);
    expect(headerSecrets({})).toEqual([]);
  });
});
