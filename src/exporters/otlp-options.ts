import { validateHeaderValue } from 'node:http';
import { diag } from '@opentelemetry/api';
import { checkInteger, checkOneOf, checkString, warnUnknownKeys } from '../check';
import { readInteger, readKeyValueList, readOneOf, readString } from '../environment';
import type { Environment } from '../environment';
import { checkHeaders, checkHttpUrl, checkSecretObject } from './http-options';
import type { CheckedHttpUrl } from './http-options';
import { withTls } from './tls-options';
import type { ResolvedTlsOptions, TlsOptions } from './tls-options';

/** Options of `otlp()`. What is not given comes from `OTEL_EXPORTER_OTLP_LOGS_*`, then from `OTEL_EXPORTER_OTLP_*`, then from the default. */
export interface OtlpExporterOptions {
  /** Where to POST to, used as it is. Userinfo becomes basic authentication. Default `http://localhost:4318/v1/logs`. */
  readonly url?: string | undefined;
  /** Sent with every request, over the headers of the environment. Names ignore case. Default none. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** For one request, up to the last byte of its answer, in milliseconds; 0 is no limit. Default 10000. */
  readonly timeoutMillis?: number | undefined;
  /** Default `none`. */
  readonly compression?: 'none' | 'gzip' | undefined;
  /** Default `http/protobuf`. */
  readonly protocol?: 'http/protobuf' | 'http/json' | undefined;
  /** Put before this package's own name in the `User-Agent` header. Default nothing. */
  readonly userAgent?: string | undefined;
  /** For an `https:` URL. Default: what Node trusts, and no client certificate. */
  readonly tls?: TlsOptions | undefined;
}

/** Plain, cloneable and complete. */
export interface ResolvedOtlpOptions {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMillis: number;
  readonly compression: 'none' | 'gzip';
  readonly protocol: 'http/protobuf' | 'http/json';
  readonly userAgent?: string;
  readonly tls?: ResolvedTlsOptions;
}

const DEFAULT_ENDPOINT = 'http://localhost:4318';
const DEFAULT_TIMEOUT_MILLIS = 10_000;

// setTimeout turns anything larger into 1 ms.
const MAX_TIMEOUT_MILLIS = 2 ** 31 - 1;

const LOGS_PREFIX = 'OTEL_EXPORTER_OTLP_LOGS_';
const PREFIX = 'OTEL_EXPORTER_OTLP_';

const COMPRESSIONS = ['none', 'gzip'] as const;
const PROTOCOLS = ['http/protobuf', 'http/json'] as const;
const KEYS: readonly string[] = ['url', 'headers', 'timeoutMillis', 'compression', 'protocol', 'userAgent', 'tls'];

/**
 * The options, completed from the environment (OTLP exporter specification, "Configuration Options") and the defaults. Its own result is left as it is.
 *
 * @throws TypeError or RangeError for a wrong option; never shows credentials. Wrong values of the environment are reported to `diag` and ignored.
 */
export function resolveOtlpOptions(options: OtlpExporterOptions = {}, environment: Environment = process.env): ResolvedOtlpOptions {
  checkSecretObject('the options of otlp()', options);
  warnUnknownKeys('otlp()', options, KEYS);
  const { url, headers, timeoutMillis, compression, protocol, userAgent, tls } = options;

  const target = url === undefined ? environmentUrl(environment) : checkHttpUrl('otlp url', url);
  const mergedHeaders: Record<string, string> = {
    ...(target.authorization !== undefined && { authorization: target.authorization }),
    ...environmentHeaders(environment, `${PREFIX}HEADERS`),
    ...environmentHeaders(environment, `${LOGS_PREFIX}HEADERS`),
    // The userinfo of a URL from the code is as much an option as its headers are.
    ...(url !== undefined && target.authorization !== undefined && { authorization: target.authorization }),
    ...(headers !== undefined && checkHeaders('otlp headers', headers)),
  };
  return {
    url: target.url,
    headers: mergedHeaders,
    timeoutMillis:
      timeoutMillis === undefined
        ? (firstOf((prefix) => readInteger(environment, `${prefix}TIMEOUT`, 0, MAX_TIMEOUT_MILLIS)) ?? DEFAULT_TIMEOUT_MILLIS)
        : checkInteger('otlp timeoutMillis', timeoutMillis, 0, MAX_TIMEOUT_MILLIS),
    compression:
      compression === undefined
        ? (firstOf((prefix) => readOneOf(environment, `${prefix}COMPRESSION`, COMPRESSIONS)) ?? 'none')
        : checkOneOf('otlp compression', compression, COMPRESSIONS),
    protocol: protocol === undefined ? environmentProtocol(environment) : checkOneOf('otlp protocol', protocol, PROTOCOLS),
    ...(userAgent !== undefined && { userAgent: checkUserAgent(userAgent) }),
    ...withTls('otlp', tls, target.url, url !== undefined, environment, [LOGS_PREFIX, PREFIX]),
  };
}

/** The variable for logs, else the one for all signals. */
function firstOf<T>(read: (prefix: string) => T | undefined): T | undefined {
  return read(LOGS_PREFIX) ?? read(PREFIX);
}

function environmentUrl(environment: Environment): CheckedHttpUrl {
  return (
    environmentEndpoint(environment, `${LOGS_PREFIX}ENDPOINT`, (url) => url) ??
    environmentEndpoint(environment, `${PREFIX}ENDPOINT`, withLogsPath) ??
    checkHttpUrl('the default', withLogsPath(DEFAULT_ENDPOINT))
  );
}

function environmentEndpoint(environment: Environment, name: string, toUrl: (endpoint: string) => string): CheckedHttpUrl | undefined {
  const endpoint = readString(environment, name);
  if (endpoint === undefined) {
    return undefined;
  }
  try {
    checkHttpUrl(name, endpoint);
    return checkHttpUrl(name, toUrl(endpoint));
  } catch (error) {
    diag.warn(`otel-log-queue: ${(error as Error).message}; ignored`);
    return undefined;
  }
}

function withLogsPath(endpoint: string): string {
  const url = new URL(endpoint);
  url.pathname = `${url.pathname.replace(/\/$/, '')}/v1/logs`;
  return url.href;
}

function environmentHeaders(environment: Environment, name: string): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [header, value] of Object.entries(readKeyValueList(environment, name))) {
    try {
      Object.assign(headers, checkHeaders(name, { [header]: value }));
    } catch (error) {
      diag.warn(`otel-log-queue: ${(error as Error).message}; ignored`);
    }
  }
  return headers;
}

function environmentProtocol(environment: Environment): 'http/protobuf' | 'http/json' {
  const protocol = firstOf((prefix) => readOneOf(environment, `${prefix}PROTOCOL`, [...PROTOCOLS, 'grpc'] as const));
  if (protocol === 'grpc') {
    diag.warn('otel-log-queue: the OTLP protocol grpc is not supported, http/protobuf is used; a receiver usually has it at port 4318');
  }
  return protocol === undefined || protocol === 'grpc' ? 'http/protobuf' : protocol;
}

function checkUserAgent(value: unknown): string {
  const userAgent = checkString('otlp userAgent', value);
  try {
    validateHeaderValue('user-agent', userAgent);
  } catch {
    throw new RangeError('otlp userAgent must be a text that an HTTP header can have');
  }
  return userAgent;
}
