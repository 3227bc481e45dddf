import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { LogValue } from './logger-source';
import type { ResolvedRequestLogOptions } from './request-log-options';

type Attributes = Record<string, LogValue>;

/** What Express and Fastify add to Node's request. Written down here, so that their types need not be installed. */
export interface FrameworkRequest extends IncomingMessage {
  readonly originalUrl?: string;
  readonly baseUrl?: string;
  readonly protocol?: string;
  readonly ip?: string;
  readonly route?: { readonly path?: unknown };
}

// https://opentelemetry.io/docs/specs/semconv/registry/attributes/http/: any other method is `_OTHER`, so that the attribute has few values.
const METHODS: readonly string[] = ['CONNECT', 'DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT', 'QUERY', 'TRACE'];

// https://opentelemetry.io/docs/specs/semconv/registry/attributes/url/: the values of these parameters should be redacted.
const SECRET_PARAMETERS = /(^|&)(AWSAccessKeyId|Signature|sig|X-Goog-Signature)=[^&]*/g;

const AUTHORITY = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i;

/** The path and the query of what was asked for, before any router has cut off its own part. */
export function targetOf({ originalUrl, url = '' }: FrameworkRequest): { path: string; query: string } {
  // A proxy's client sends the whole URL.
  const target = (originalUrl ?? url).replace(AUTHORITY, '');
  const mark = target.indexOf('?');
  return mark === -1 ? { path: target, query: '' } : { path: target.slice(0, mark), query: target.slice(mark + 1) };
}

/** The attributes of an HTTP server span, as far as nothing in them is secret or was asked for. */
export function requestAttributes(request: FrameworkRequest, response: ServerResponse, options: ResolvedRequestLogOptions): Attributes {
  const { method = '', headers, httpVersion } = request;
  const { path, query } = targetOf(request);
  const isKnown = METHODS.includes(method);
  const attributes: Attributes = {
    'http.request.method': isKnown ? method : '_OTHER',
    ...(!isKnown && { 'http.request.method_original': method }),
    'url.path': path,
    'url.scheme': request.protocol ?? ((request.socket as Partial<TLSSocket>).encrypted === true ? 'https' : 'http'),
    ...(options.query && query !== '' && { 'url.query': query.replace(SECRET_PARAMETERS, '$1$2=REDACTED') }),
    ...serverAttributes(headers.host),
    'network.protocol.version': httpVersion,
  };
  const address = options.clientAddress ? (request.ip ?? request.socket.remoteAddress) : undefined;
  setIfText(attributes, 'client.address', address);
  setIfText(attributes, 'user_agent.original', headers['user-agent']);
  setIfText(attributes, 'http.route', routeOf(request, path));
  for (const name of options.requestHeaders) {
    setHeader(attributes, `http.request.header.${name}`, headers[name]);
  }
  if (response.headersSent) {
    attributes['http.response.status_code'] = response.statusCode;
    for (const name of options.responseHeaders) {
      setHeader(attributes, `http.response.header.${name}`, response.getHeader(name));
    }
  }
  return attributes;
}

/** From the header `Host`: what the client has called this server. */
function serverAttributes(host: string | undefined): Attributes {
  const [, address, port] = /^(.*?)(?::(\d{1,5}))?$/.exec(host ?? '') ?? [];
  return {
    ...(address !== undefined && address !== '' && { 'server.address': address }),
    ...(port !== undefined && { 'server.port': Number(port) }),
  };
}

/** The pattern of the route that answered: the mount path of its router, and its own. */
function routeOf({ baseUrl = '', route }: FrameworkRequest, path: string): string | undefined {
  if (typeof route?.path !== 'string') {
    return undefined;
  }
  const pattern = route.path === '/' && baseUrl !== '' ? baseUrl : baseUrl + route.path;
  // Express forgets the mount path on the way to an error handler; half a pattern would be that of another route.
  const isWhole = /[*{(?+]/.test(pattern) || segments(pattern) === segments(path);
  return isWhole ? pattern : undefined;
}

function segments(path: string): number {
  return path.split('/').filter((segment) => segment !== '').length;
}

function setIfText(attributes: Attributes, key: string, value: string | undefined): void {
  if (value !== undefined && value !== '') {
    attributes[key] = value;
  }
}

function setHeader(attributes: Attributes, key: string, value: number | string | string[] | undefined): void {
  if (value !== undefined) {
    attributes[key] = Array.isArray(value) ? value.map(String) : [String(value)];
  }
}
