import type { IncomingMessage, ServerResponse } from 'node:http';
import { checkBoolean, checkObject, checkString } from '../check';

export interface RequestLogOptions {
  /** Called when a response has ended; true: no record of it. One that throws counts as false. Default: all are logged. */
  readonly skip?: (request: IncomingMessage, response: ServerResponse) => boolean;
  /** Names of request headers that become attributes `http.request.header.<name>`. Default none. What is named is logged as it is: leave out `authorization` and `cookie`. */
  readonly requestHeaders?: readonly string[];
  /** Names of response headers that become attributes `http.response.header.<name>`. Default none. */
  readonly responseHeaders?: readonly string[];
  /** Whether the query string is logged, as `url.query`; the values that the semantic conventions name as secret are replaced by `REDACTED`. Default false. */
  readonly query?: boolean;
  /** Whether the address of the client is logged, as `client.address`. In Express, `trust proxy` decides what that is. Default false: it is personal data. */
  readonly clientAddress?: boolean;
}

export interface ResolvedRequestLogOptions {
  readonly skip: (request: IncomingMessage, response: ServerResponse) => boolean;
  /** In lower case. */
  readonly requestHeaders: readonly string[];
  readonly responseHeaders: readonly string[];
  readonly query: boolean;
  readonly clientAddress: boolean;
}

export const REQUEST_LOG_OPTIONS: readonly (keyof RequestLogOptions)[] = ['skip', 'requestHeaders', 'responseHeaders', 'query', 'clientAddress'];

/**
 * @param prefix stands in front of the names of options in messages
 * @throws TypeError naming option and value received
 */
export function resolveRequestLogOptions(options: RequestLogOptions, prefix = ''): ResolvedRequestLogOptions {
  const { skip, requestHeaders, responseHeaders, query = false, clientAddress = false } = checkObject(`${prefix}options`, options) as RequestLogOptions;
  if (skip !== undefined && typeof skip !== 'function') {
    throw new TypeError(`${prefix}skip must be a function`);
  }
  return {
    skip: skip ?? (() => false),
    requestHeaders: headerNames(`${prefix}requestHeaders`, requestHeaders),
    responseHeaders: headerNames(`${prefix}responseHeaders`, responseHeaders),
    query: checkBoolean(`${prefix}query`, query),
    clientAddress: checkBoolean(`${prefix}clientAddress`, clientAddress),
  };
}

function headerNames(option: string, names: readonly string[] = []): readonly string[] {
  if (!Array.isArray(names)) {
    throw new TypeError(`${option} must be an array of header names`);
  }
  return names.map((name, index) => checkString(`${option}[${index}]`, name).toLowerCase());
}
