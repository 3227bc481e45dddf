import type { Environment } from '../../src/environment';
import { otlp } from '../../src/exporters/otlp';
import { resolveOtlpOptions } from '../../src/exporters/otlp-options';
import type { OtlpExporterOptions } from '../../src/exporters/otlp-options';
import { captureDiag } from '../support/capture-diag';

const DEFAULTS = { url: 'http://localhost:4318/v1/logs', headers: {}, timeoutMillis: 10_000, compression: 'none', protocol: 'http/protobuf' };

let capture: ReturnType<typeof captureDiag>;

beforeEach(() => {
  capture = captureDiag();
});

afterEach(() => {
  capture.restore();
});

test('without options and environment there are defaults', () => {
  expect(resolveOtlpOptions(undefined, {})).toEqual(DEFAULTS);
  expect(resolveOtlpOptions({ url: undefined, headers: undefined, userAgent: undefined }, {})).toEqual(DEFAULTS);
  expect(capture.lines).toEqual([]);
});

test.each<[Environment, Partial<typeof DEFAULTS>]>([
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }, { url: 'http://collector:4318/v1/logs' }],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'https://collector/base/' }, { url: 'https://collector/base/v1/logs' }],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector/base?key=1' }, { url: 'http://collector/base/v1/logs?key=1' }],
  [{ OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: 'http://collector:4318' }, { url: 'http://collector:4318/' }],
  [{ OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: 'http://collector:4318/own/path/' }, { url: 'http://collector:4318/own/path/' }],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://all', OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: 'http://logs/x' }, { url: 'http://logs/x' }],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: ' ', OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: '' }, {}],
  [{ OTEL_EXPORTER_OTLP_HEADERS: 'A=1,b=two%20words' }, { headers: { a: '1', b: 'two words' } }],
  [{ OTEL_EXPORTER_OTLP_HEADERS: 'a=1,b=2', OTEL_EXPORTER_OTLP_LOGS_HEADERS: 'B=3' }, { headers: { a: '1', b: '3' } }],
  [
    { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://u:pw@host', OTEL_EXPORTER_OTLP_HEADERS: 'x=1' },
    { url: 'http://host/v1/logs', headers: { authorization: 'Basic dTpwdw==', x: '1' } },
  ],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://u:pw@host', OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer x' }, { url: 'http://host/v1/logs', headers: { authorization: 'Bearer x' } }],
  [{ OTEL_EXPORTER_OTLP_TIMEOUT: '500' }, { timeoutMillis: 500 }],
  [{ OTEL_EXPORTER_OTLP_TIMEOUT: '500', OTEL_EXPORTER_OTLP_LOGS_TIMEOUT: '0' }, { timeoutMillis: 0 }],
  [{ OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip' }, { compression: 'gzip' }],
  [{ OTEL_EXPORTER_OTLP_COMPRESSION: 'GZIP', OTEL_EXPORTER_OTLP_LOGS_COMPRESSION: 'none' }, { compression: 'none' }],
  [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' }, { protocol: 'http/json' }],
  [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc', OTEL_EXPORTER_OTLP_LOGS_PROTOCOL: 'http/json' }, { protocol: 'http/json' }],
])('the environment %j is read', (environment, expected) => {
  expect(resolveOtlpOptions({}, environment)).toEqual({ ...DEFAULTS, ...expected });
  expect(capture.lines).toEqual([]);
});

test.each<[Environment, RegExp]>([
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'user:hunter2@collector:4318' }, /OTEL_EXPORTER_OTLP_ENDPOINT must be .*ignored/],
  [{ OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: 'ftp://user:hunter2@collector/?key=hunter2' }, /OTEL_EXPORTER_OTLP_LOGS_ENDPOINT must be .*ignored/],
  [{ OTEL_EXPORTER_OTLP_HEADERS: 'hunter2' }, /OTEL_EXPORTER_OTLP_HEADERS must be/],
  [{ OTEL_EXPORTER_OTLP_HEADERS: 'bad name=hunter2' }, /OTEL_EXPORTER_OTLP_HEADERS: 'bad name' .*ignored/],
  [{ OTEL_EXPORTER_OTLP_LOGS_HEADERS: 'x-key=hunter2%0a' }, /OTEL_EXPORTER_OTLP_LOGS_HEADERS: the value of 'x-key' .*ignored/],
  [{ OTEL_EXPORTER_OTLP_HEADERS: 'content-length=1' }, /'content-length' cannot be set.*ignored/],
  [{ OTEL_EXPORTER_OTLP_TIMEOUT: '10s' }, /OTEL_EXPORTER_OTLP_TIMEOUT must be/],
  [{ OTEL_EXPORTER_OTLP_TIMEOUT: '-1' }, /OTEL_EXPORTER_OTLP_TIMEOUT must be/],
  [{ OTEL_EXPORTER_OTLP_TIMEOUT: '2147483648' }, /OTEL_EXPORTER_OTLP_TIMEOUT must be/],
  [{ OTEL_EXPORTER_OTLP_COMPRESSION: 'zstd' }, /OTEL_EXPORTER_OTLP_COMPRESSION must be one of none, gzip/],
  [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'http/xml' }, /OTEL_EXPORTER_OTLP_PROTOCOL must be one of/],
  [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, /grpc is not supported, http\/protobuf is used/],
])('the wrong environment %j is reported once, without credentials, and ignored', (environment, line) => {
  expect(resolveOtlpOptions({}, environment)).toEqual(DEFAULTS);
  expect(capture.lines).toHaveLength(1);
  expect(capture.lines[0]).toMatch(line);
  expect(capture.lines[0]).not.toContain('hunter2');
});

test('a wrong variable for logs leaves the one for all signals', () => {
  const environment = { OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: 'nonsense', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://all', OTEL_EXPORTER_OTLP_LOGS_TIMEOUT: 'x', OTEL_EXPORTER_OTLP_TIMEOUT: '7' };
  expect(resolveOtlpOptions({}, environment)).toEqual({ ...DEFAULTS, url: 'http://all/v1/logs', timeoutMillis: 7 });
});

describe('options', () => {
  const environment: Environment = {
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://env:pw@env',
    OTEL_EXPORTER_OTLP_HEADERS: 'a=env,b=env,authorization=env',
    OTEL_EXPORTER_OTLP_TIMEOUT: '1',
    OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
    OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
  };
  const options: OtlpExporterOptions = {
    url: 'http://us%65r:pass@code/path?x=1',
    headers: { B: 'code' },
    timeoutMillis: 2,
    compression: 'none',
    protocol: 'http/json',
    userAgent: 'my-app/1',
  };
  const resolved = {
    url: 'http://code/path?x=1',
    headers: { a: 'env', b: 'code', authorization: `Basic ${Buffer.from('user:pass').toString('base64')}` },
    timeoutMillis: 2,
    compression: 'none',
    protocol: 'http/json',
    userAgent: 'my-app/1',
  };

  test('win over the environment, which is then not complained about', () => {
    expect(resolveOtlpOptions(options, environment)).toEqual(resolved);
    expect(capture.lines).toEqual([]);
  });

  test('win with an authorization header over the userinfo of the URL', () => {
    expect(resolveOtlpOptions({ url: 'http://user:pass@host/', headers: { Authorization: 'Bearer x' } }, {}).headers).toEqual({ authorization: 'Bearer x' });
  });

  test('once resolved stay as they are, in any environment and as a clone', () => {
    const once = resolveOtlpOptions(options, environment);
    expect(resolveOtlpOptions(structuredClone(once), environment)).toEqual(once);
    expect(resolveOtlpOptions(once, {})).toEqual(once);
    expect(resolveOtlpOptions(resolveOtlpOptions({}, {}), {})).toEqual(DEFAULTS);
  });

  test('that do not exist are reported once', () => {
    resolveOtlpOptions({ endpoint: 'x', concurrencyLimit: 3 } as OtlpExporterOptions, {});
    expect(capture.lines).toEqual(["warn otel-log-queue: otlp() has no option 'endpoint', 'concurrencyLimit'; ignored"]);
  });

  test.each<[Record<string, unknown>, string]>([
    [{ url: 4318 }, 'TypeError: otlp url must be an http:// or https:// URL, received a value of type number'],
    [{ url: 'http://user:hunter2@:/' }, 'RangeError: otlp url must be an http:// or https:// URL, received a string that is no URL'],
    [{ headers: [] }, 'TypeError: otlp headers must be an object, received an array'],
    [{ headers: { key: 'hunter2\r\n' } }, "RangeError: otlp headers: the value of 'key' has characters that an HTTP header cannot have"],
    [{ timeoutMillis: '5' }, 'TypeError: otlp timeoutMillis must be an integer from 0 to 2147483647, received "5"'],
    [{ timeoutMillis: -1 }, 'RangeError: otlp timeoutMillis must be an integer from 0 to 2147483647, received -1'],
    [{ timeoutMillis: 2 ** 31 }, 'RangeError: otlp timeoutMillis must be an integer from 0 to 2147483647, received 2147483648'],
    [{ compression: 'zstd' }, `RangeError: otlp compression must be one of 'none', 'gzip', received "zstd"`],
    [{ protocol: 'grpc' }, `RangeError: otlp protocol must be one of 'http/protobuf', 'http/json', received "grpc"`],
    [{ userAgent: '' }, 'TypeError: otlp userAgent must be a non-empty string, received ""'],
    [{ userAgent: 'a\nb' }, 'RangeError: otlp userAgent must be a text that an HTTP header can have'],
  ])('%j are refused', (wrong, message) => {
    let thrown: unknown;
    try {
      otlp(wrong);
    } catch (error) {
      thrown = error;
    }
    expect(String(thrown)).toBe(message);
  });

  test('that are no object are refused and not shown', () => {
    expect(() => otlp('http://user:hunter2@host' as never)).toThrow(new TypeError('the options of otlp() must be an object, received a string'));
  });

  test('make a description that can be cloned', () => {
    const description = otlp({ url: 'http://host/', headers: { a: 'b' } });
    expect(structuredClone(description)).toEqual({ type: 'otlp', options: { ...DEFAULTS, url: 'http://host/', headers: { a: 'b' } } });
  });
});
