import { validateHeaderName, validateHeaderValue } from 'node:http';
import { checkObject } from '../check';

// The exporter frames its requests by itself; a second opinion about where a request ends is how requests get smuggled.
const FRAMING_HEADERS: readonly string[] = ['connection', 'content-length', 'expect', 'keep-alive', 'transfer-encoding', 'trailer', 'upgrade'];

// A header or query value shorter than this is no credential, and hiding it would hide every "1" of a message.
const MIN_SECRET_LENGTH = 4;

/** A URL without its userinfo, which has become a header. */
export interface CheckedHttpUrl {
  /** The URL as it is requested: without userinfo and fragment. */
  readonly url: string;
  /** `Basic …`, if the URL had userinfo. */
  readonly authorization?: string;
  /** What no message may show of the userinfo. */
  readonly secrets: string[];
}

/**
 * Splits the userinfo off a URL.
 *
 * @throws TypeError if the value is no string, RangeError if it is no http or https URL; the message never shows userinfo or query
 */
export function checkHttpUrl(option: string, value: unknown): CheckedHttpUrl {
  const range = 'an http:// or https:// URL';
  if (typeof value !== 'string') {
    throw new TypeError(`${option} must be ${range}, received ${value === null ? 'null' : `a value of type ${typeof value}`}`);
  }
  if (!URL.canParse(value)) {
    throw new RangeError(`${option} must be ${range}, received a string that is no URL`);
  }
  const url = new URL(value);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    // `user:password@host` parses, with the user as its scheme.
    const received = value.startsWith(`${url.protocol}//`) ? `a URL that begins with ${url.protocol}//` : 'a URL without http://';
    throw new RangeError(`${option} must be ${range}, received ${received}`);
  }
  const user = percentDecoded(url.username);
  const password = percentDecoded(url.password);
  url.username = '';
  url.password = '';
  url.hash = '';
  if (user === '' && password === '') {
    return { url: url.href, secrets: [] };
  }
  const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  return { url: url.href, authorization, secrets: headerSecrets({ authorization }) };
}

function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/**
 * Like `checkObject` for what may hold credentials: a URL or a header that was given in place of an object is not shown.
 *
 * @throws TypeError if the value is no plain object
 */
export function checkSecretObject(option: string, value: unknown): Record<string, unknown> {
  if (typeof value === 'string') {
    throw new TypeError(`${option} must be an object, received a string`);
  }
  return checkObject(option, value);
}

/**
 * The headers with lower-case names, so that two sources of headers can be merged.
 *
 * @throws TypeError or RangeError that names the header and never shows its value
 */
export function checkHeaders(option: string, value: unknown): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, text] of Object.entries(checkSecretObject(option, value))) {
    if (typeof text !== 'string') {
      throw new TypeError(`${option}: the value of '${name}' must be a string, received a value of type ${typeof text}`);
    }
    const lowerCaseName = name.toLowerCase();
    if (FRAMING_HEADERS.includes(lowerCaseName)) {
      throw new RangeError(`${option}: '${name}' cannot be set, the exporter does that`);
    }
    try {
      validateHeaderName(name);
    } catch {
      throw new RangeError(`${option}: '${name}' is no valid HTTP header name`);
    }
    try {
      validateHeaderValue(name, text);
    } catch {
      throw new RangeError(`${option}: the value of '${name}' has characters that an HTTP header cannot have`);
    }
    headers[lowerCaseName] = text;
  }
  return headers;
}

/** What no message may show of a URL: its query can hold a key. */
export function querySecrets(url: URL): string[] {
  const parts = [url.search.slice(1), ...[...url.searchParams].flat()];
  return parts.filter((each) => each.length >= MIN_SECRET_LENGTH);
}

/** What no message may show of some headers: their values, and of an `authorization` its credentials in every form that a backend might repeat. */
export function headerSecrets(headers: Readonly<Record<string, string>>): string[] {
  const secrets: string[] = [];
  for (const value of Object.values(headers)) {
    const text = value.trim();
    if (text.length < MIN_SECRET_LENGTH) {
      continue;
    }
    secrets.push(text);
    const [scheme = '', credentials] = text.split(/ +/, 2);
    if (credentials === undefined || !/^[a-z]+$/i.test(scheme)) {
      continue;
    }
    secrets.push(credentials);
    if (scheme.toLowerCase() === 'basic') {
      const userAndPassword = Buffer.from(credentials, 'base64').toString();
      const colon = userAndPassword.indexOf(':');
      const password = userAndPassword.slice(colon + 1);
      // Some backends take a token as the user and no password.
      secrets.push(password === '' ? userAndPassword.slice(0, colon) : password);
    }
  }
  return secrets.filter((each) => each !== '');
}
