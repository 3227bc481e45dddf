import { diag } from '@opentelemetry/api';
import { checkBoolean, checkInteger, checkObject, checkOneOf, checkString, warnUnknownKeys } from '../check';
import { readString, type Environment } from '../environment';
import { checkHeaders, checkHttpUrl, checkSecretObject, type CheckedHttpUrl } from './http-options';
import { MAX_LABEL_VALUE_BYTES } from './loki-contexts';
import { wellFormed } from './loki-values';
import { withTls, type ResolvedTlsOptions, type TlsOptions } from './tls-options';

/** Options of `loki()`. */
export interface LokiExporterOptions {
  /**
   * Loki's address; `/loki/api/v1/push` is added to its path unless it ends with that. Userinfo becomes basic authentication.
   * Default `OTEL_LOG_QUEUE_LOKI_URL`, else `http://localhost:3100`.
   */
  readonly url?: string | undefined;
  /** Labels of every stream, over those made of resource attributes. Few, and with few values: every combination is a stream. Default none. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** Loki's tenant, sent as `X-Scope-OrgID`. Default none. */
  readonly tenantId?: string | undefined;
  /** Not together with `bearerToken`. Default none. */
  readonly basicAuth?: { readonly username: string; readonly password: string } | undefined;
  /** Not together with `basicAuth`. Default none. */
  readonly bearerToken?: string | undefined;
  /** Sent with every request. The options above win over them. Names ignore case. Default none. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** For one request, up to the last byte of its answer, in milliseconds; 0 is no limit. Default 10000. */
  readonly timeoutMillis?: number | undefined;
  /**
   * How a push is written. `protobuf` is exact on every version of Loki: before 3.6 it keeps the escapes of JSON in structured metadata, such as those of a stack trace.
   * Default `json`.
   */
  readonly encoding?: 'json' | 'protobuf' | undefined;
  /** Default `gzip`. VictoriaLogs takes protobuf only with `none`. */
  readonly compression?: 'gzip' | 'none' | undefined;
  /**
   * Resource attributes that become labels; all others become structured metadata. Loki takes 15 labels a stream, what is beyond them stays structured metadata.
   * Default: those of Loki's OTLP endpoint without `service.instance.id` and `k8s.pod.name`, which make a stream of every process.
   */
  readonly indexAttributes?: readonly string[] | undefined;
  /** Longer lines are cut, in bytes of UTF-8. Default 262144, which is Loki's own limit: it drops longer ones. */
  readonly maxLineBytes?: number | undefined;
  /** Sends `detected_level` as structured metadata, made of the severity number. Left alone, Loki believes the severity text first. Default true. */
  readonly detectedLevel?: boolean | undefined;
  /** For an `https:` URL. Default: what Node trusts, and no client certificate. */
  readonly tls?: TlsOptions | undefined;
}

/** Plain, cloneable and complete. Tenant and credentials are among the headers. */
export interface ResolvedLokiOptions {
  readonly url: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMillis: number;
  readonly encoding: 'json' | 'protobuf';
  readonly compression: 'gzip' | 'none';
  readonly indexAttributes: readonly string[];
  readonly maxLineBytes: number;
  readonly detectedLevel: boolean;
  readonly tls?: ResolvedTlsOptions;
}

const DEFAULT_URL = 'http://localhost:3100';
const URL_VARIABLE = 'OTEL_LOG_QUEUE_LOKI_URL';
const PUSH_PATH = '/loki/api/v1/push';
const DEFAULT_TIMEOUT_MILLIS = 10_000;

// setTimeout turns anything larger into 1 ms.
const MAX_TIMEOUT_MILLIS = 2 ** 31 - 1;

// Loki's default of max_line_size.
const DEFAULT_MAX_LINE_BYTES = 262_144;
const MAX_TENANT_BYTES = 150;

// Loki's default_resource_attributes_as_index_labels (pkg/loghttp/push/otlp_config.go), but for the two that its documentation no longer recommends.
const DEFAULT_INDEX_ATTRIBUTES: readonly string[] = [
  'service.name',
  'service.namespace',
  'deployment.environment',
  'deployment.environment.name',
  'cloud.region',
  'cloud.availability_zone',
  'k8s.cluster.name',
  'k8s.namespace.name',
  'k8s.container.name',
  'container.name',
  'k8s.replicaset.name',
  'k8s.deployment.name',
  'k8s.statefulset.name',
  'k8s.daemonset.name',
  'k8s.cronjob.name',
  'k8s.job.name',
];

const KEYS: readonly (keyof LokiExporterOptions)[] = [
  'url',
  'labels',
  'tenantId',
  'basicAuth',
  'bearerToken',
  'headers',
  'timeoutMillis',
  'encoding',
  'compression',
  'indexAttributes',
  'maxLineBytes',
  'detectedLevel',
  'tls',
];

/**
 * The options, completed from the environment and the defaults. Its own result is left as it is.
 *
 * @throws TypeError or RangeError for a wrong option; never shows credentials. A wrong URL in the environment is reported to `diag` and ignored.
 */
export function resolveLokiOptions(options: LokiExporterOptions = {}, environment: Environment = process.env): ResolvedLokiOptions {
  checkSecretObject('the options of loki()', options);
  warnUnknownKeys('loki()', options, KEYS);
  const { url, labels, tenantId, headers, timeoutMillis, encoding, compression, indexAttributes, maxLineBytes, detectedLevel, tls } = options;
  const target = url === undefined ? (environmentUrl(environment) ?? pushUrl('the default', DEFAULT_URL)) : pushUrl('loki url', url);
  const authorization = authorizationOf(options);
  return {
    url: target.url,
    labels: labels === undefined ? {} : checkLabels(labels),
    headers: {
      ...(target.authorization !== undefined && { authorization: target.authorization }),
      ...(headers !== undefined && checkHeaders('loki headers', headers)),
      ...(authorization !== undefined && checkHeaders('loki credentials', { authorization })),
      ...(tenantId !== undefined && checkHeaders('loki tenantId', { 'x-scope-orgid': checkTenantId(tenantId) })),
    },
    timeoutMillis: checkInteger('loki timeoutMillis', timeoutMillis ?? DEFAULT_TIMEOUT_MILLIS, 0, MAX_TIMEOUT_MILLIS),
    encoding: checkOneOf('loki encoding', encoding ?? 'json', ['json', 'protobuf']),
    compression: checkOneOf('loki compression', compression ?? 'gzip', ['gzip', 'none']),
    indexAttributes: indexAttributes === undefined ? DEFAULT_INDEX_ATTRIBUTES : checkIndexAttributes(indexAttributes),
    maxLineBytes: checkInteger('loki maxLineBytes', maxLineBytes ?? DEFAULT_MAX_LINE_BYTES, 1),
    detectedLevel: checkBoolean('loki detectedLevel', detectedLevel ?? true),
    ...withTls('loki', tls, target.url, url !== undefined, environment, []),
  };
}

function environmentUrl(environment: Environment): CheckedHttpUrl | undefined {
  const url = readString(environment, URL_VARIABLE);
  if (url === undefined) {
    return undefined;
  }
  try {
    return pushUrl(URL_VARIABLE, url);
  } catch (error) {
    diag.warn(`otel-log-queue: ${(error as Error).message}; ignored`);
    return undefined;
  }
}

function pushUrl(option: string, value: unknown): CheckedHttpUrl {
  const checked = checkHttpUrl(option, value);
  const url = new URL(checked.url);
  const path = url.pathname.replace(/\/+$/, '');
  url.pathname = path.endsWith(PUSH_PATH) ? path : path + PUSH_PATH;
  return { ...checked, url: url.href };
}

/** One label that Loki does not take costs whole requests, so it must not come so far. */
function checkLabels(value: unknown): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const [name, text] of Object.entries(checkObject('loki labels', value))) {
    if (!/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name)) {
      throw new TypeError(`loki labels: a name must match [a-zA-Z_][a-zA-Z0-9_]*, received ${JSON.stringify(name.slice(0, 40))}`);
    }
    if (typeof text !== 'string') {
      throw new TypeError(`loki labels: the value of '${name}' must be a string, received a value of type ${typeof text}`);
    }
    if (Buffer.byteLength(text) > MAX_LABEL_VALUE_BYTES) {
      throw new RangeError(`loki labels: the value of '${name}' must have at most ${MAX_LABEL_VALUE_BYTES} bytes, received ${Buffer.byteLength(text)}`);
    }
    labels[name] = wellFormed(text);
  }
  return labels;
}

function checkTenantId(value: unknown): string {
  const tenantId = checkString('loki tenantId', value);
  if (tenantId.includes('|') || Buffer.byteLength(tenantId) > MAX_TENANT_BYTES) {
    throw new RangeError(`loki tenantId must be one tenant (no '|') of at most ${MAX_TENANT_BYTES} bytes`);
  }
  return tenantId;
}

function authorizationOf({ basicAuth, bearerToken }: LokiExporterOptions): string | undefined {
  if (basicAuth !== undefined && bearerToken !== undefined) {
    throw new TypeError('loki: only one of basicAuth and bearerToken can be given');
  }
  if (bearerToken !== undefined) {
    return `Bearer ${checkSecret('loki bearerToken', bearerToken)}`;
  }
  if (basicAuth === undefined) {
    return undefined;
  }
  const { username, password } = checkSecretObject('loki basicAuth', basicAuth);
  const user = checkSecret('loki basicAuth.username', username);
  if (user.includes(':')) {
    throw new RangeError('loki basicAuth.username must not have a colon');
  }
  return `Basic ${Buffer.from(`${user}:${checkSecret('loki basicAuth.password', password)}`).toString('base64')}`;
}

/** Like `checkString`, but says nothing of the value. */
function checkSecret(option: string, value: unknown): string {
  if (typeof value !== 'string' || value === '') {
    throw new TypeError(`${option} must be a non-empty string`);
  }
  return value;
}

function checkIndexAttributes(value: unknown): string[] {
  if (!Array.isArray(value)) {
    throw new TypeError(`loki indexAttributes must be an array of attribute names, received a value of type ${typeof value}`);
  }
  return value.map((each, index) => checkString(`loki indexAttributes[${index}]`, each));
}
