import { diag } from '@opentelemetry/api';
import { warnUnknownKeys } from '../check';
import type { Environment } from '../environment';
import { checkSecretObject } from './http-options';
import { checkCertificates, checkKeyPair, pemText } from './pem';
import { environmentAuthorities, environmentKeyPair } from './tls-environment';

/**
 * What a connection by `https:` needs beyond the defaults of Node; names as in `node:tls`.
 * `ca`, `cert` and `key` are PEM: the text (a string with `-----BEGIN`), its bytes, or the path of a file (any other string), which is read once, when the option is given.
 */
export interface TlsOptions {
  /** The certificates of authorities to trust, instead of those that Node trusts. */
  readonly ca?: string | Uint8Array | undefined;
  /** The client certificate, and after it those between it and its authority. Together with `key`. */
  readonly cert?: string | Uint8Array | undefined;
  /** The private key of `cert`. */
  readonly key?: string | Uint8Array | undefined;
  /** Of `key`, if it is encrypted. */
  readonly passphrase?: string | undefined;
}

/** PEM texts, so that a thread needs no file. */
export interface ResolvedTlsOptions {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly passphrase?: string;
}

const KEYS: readonly (keyof TlsOptions)[] = ['ca', 'cert', 'key', 'passphrase'];

/**
 * The resolved option `tls`, or nothing where the URL is not `https:`.
 *
 * @param owner `otlp` or `loki`
 * @param isUrlFromCode whether the URL was given beside `tls`, so that the two can contradict each other
 * @param prefixes of the variables that are read where `tls` has no `ca`, or no `cert`
 * @throws TypeError or RangeError that names the option; shows paths, and nothing that is in the files
 */
export function withTls(owner: string, tls: unknown, url: string, isUrlFromCode: boolean, environment: Environment, prefixes: readonly string[]): { readonly tls?: ResolvedTlsOptions } {
  const given = tls === undefined ? {} : checkTls(owner, tls);
  if (!url.startsWith('https:')) {
    if (tls !== undefined && isUrlFromCode) {
      throw new RangeError(`${owner} tls needs a url that begins with https://`);
    }
    if (tls !== undefined) {
      diag.warn(`otel-log-queue: ${owner} tls has no effect, because the endpoint does not begin with https://`);
    }
    return {};
  }
  const resolved = {
    ...(given.ca === undefined && environmentAuthorities(environment, prefixes)),
    ...(given.cert === undefined && environmentKeyPair(environment, prefixes)),
    ...given,
  };
  return Object.keys(resolved).length === 0 ? {} : { tls: resolved };
}

/** @throws as `withTls` */
function checkTls(owner: string, value: unknown): ResolvedTlsOptions {
  const options = checkSecretObject(`${owner} tls`, value) as TlsOptions;
  warnUnknownKeys(`tls of ${owner}()`, options, KEYS);
  const { ca, passphrase } = options;
  const cert = options.cert === undefined ? undefined : pemText(`${owner} tls.cert`, options.cert);
  const key = options.key === undefined ? undefined : pemText(`${owner} tls.key`, options.key);
  if ((cert === undefined) !== (key === undefined)) {
    throw new TypeError(`${owner} tls.${cert === undefined ? 'key' : 'cert'} is given without tls.${cert === undefined ? 'cert' : 'key'}`);
  }
  if (passphrase !== undefined && typeof passphrase !== 'string') {
    throw new TypeError(`${owner} tls.passphrase must be a string`);
  }
  return {
    ...(ca !== undefined && { ca: checkCertificates(`${owner} tls.ca`, pemText(`${owner} tls.ca`, ca)) }),
    ...(cert !== undefined && key !== undefined && checkKeyPair(`${owner} tls.cert`, cert, `${owner} tls.key`, key, passphrase)),
  };
}
