import { createPrivateKey } from 'node:crypto';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { inspect } from 'node:util';
import type { BuiltInExporter } from '../../src/exporters/built-in-exporter';
import type { ExportError } from '../../src/exporters/export-error';
import { LokiLogRecordExporter } from '../../src/exporters/loki';
import { OtlpLogRecordExporter } from '../../src/exporters/otlp';
import type { TlsOptions } from '../../src/exporters/tls-options';
import { captureDiag } from '../support/capture-diag';
import { CertificateAuthority } from '../support/certificate-authority';
import { FaultServer, status, type TlsServerOptions } from '../support/fault-server';
import { lokiSequences, otlpSequences } from '../support/received-sequences';
import { makeRecord } from '../support/records';

const NEVER = new AbortController().signal;
const TOKEN = 'very-secret-token';
const PASSPHRASE = 'very-secret-passphrase';

const authority = new CertificateAuthority();
const stranger = new CertificateAuthority();
const server = authority.issue('server');
const client = authority.issue('client');
const foreignClient = stranger.issue('client');
const expiredClient = authority.issue('expired-client', { days: -1 });
const encryptedKey = createPrivateKey(client.key).export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: PASSPHRASE });
const trusting = { ca: authority.pem };
const mutual: TlsServerOptions = { ...server, ca: authority.pem, requestCert: true };

let diagnostics: ReturnType<typeof captureDiag>;
let backend: FaultServer | undefined;
let wire: Server | undefined;
let exporter: BuiltInExporter | undefined;
/** What the client has sent, as it was on the wire. */
const sent: Buffer[] = [];

beforeEach(() => {
  diagnostics = captureDiag();
  sent.length = 0;
});

afterEach(async () => {
  await exporter?.shutdown();
  await backend?.close();
  await new Promise((resolve) => (wire === undefined ? resolve(undefined) : wire.close(resolve)));
  backend = undefined;
  wire = undefined;
  exporter = undefined;
  diagnostics.restore();
});

afterAll(() => {
  authority.close();
  stranger.close();
});

/** A server, and in front of it a wire that is listened to. Returns the URL of the wire. */
async function start(options: TlsServerOptions): Promise<string> {
  backend = await FaultServer.startTls(options, status(200));
  const { port } = backend;
  wire = createServer((socket) => {
    const upstream = connect(port, '127.0.0.1');
    socket.on('data', (chunk) => sent.push(chunk));
    socket.on('error', () => upstream.destroy());
    upstream.on('error', () => socket.destroy());
    upstream.on('close', () => socket.destroy());
    socket.on('close', () => upstream.destroy());
    socket.pipe(upstream).pipe(socket);
  });
  await new Promise<void>((resolve) => wire?.listen(0, '127.0.0.1', resolve));
  return `https://127.0.0.1:${(wire.address() as AddressInfo).port}`;
}

async function failureOf(tls: TlsOptions, url: string, make: (typeof exporters)[number]['make']): Promise<ExportError> {
  exporter = make(url, tls);
  const error: unknown = await exporter.exportOnce([makeRecord(1, { body: TOKEN })], NEVER).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(Error);
  return error as ExportError;
}

const headers = { authorization: `Bearer ${TOKEN}` };
const exporters = [
  { name: 'otlp', make: (url: string, tls: TlsOptions) => new OtlpLogRecordExporter({ url, tls, headers }, {}), sequencesOf: otlpSequences },
  { name: 'loki', make: (url: string, tls: TlsOptions) => new LokiLogRecordExporter({ url, tls, headers, compression: 'none' }, {}), sequencesOf: lokiSequences },
];

describe.each(exporters)('$name', ({ make, sequencesOf }) => {
  it.each<[string, TlsServerOptions, () => TlsOptions]>([
    ['an authority of its own, as text', server, () => trusting],
    ['an authority of its own, as bytes', server, () => ({ ca: Buffer.from(authority.pem) })],
    ['an authority of its own, as a path', server, () => ({ ca: authority.path('ca.pem') })],
    ['two authorities', server, () => ({ ca: `# the first\n${stranger.pem}\n# the second\n${authority.pem}` })],
    ['a client certificate', mutual, () => ({ ...trusting, ...client })],
    ['a client certificate in files', mutual, () => ({ ...trusting, cert: authority.path('client.pem'), key: authority.path('client.key') })],
    ['a client certificate with an encrypted key', mutual, () => ({ ...trusting, cert: client.cert, key: encryptedKey, passphrase: PASSPHRASE })],
    ['a client certificate that nobody asks for', server, () => ({ ...trusting, ...client })],
  ])('delivers with %s', async (_, options, tls) => {
    const url = await start(options);
    exporter = make(url, tls());
    for (const seq of [1, 2]) {
      expect(await exporter.exportOnce([makeRecord(seq)], NEVER)).not.toHaveProperty('lost');
    }
    expect(backend?.requests.flatMap(sequencesOf)).toEqual([1, 2]);
    expect(backend?.connections).toBe(1);
    expect(Buffer.concat(sent).includes(TOKEN)).toBe(false);
  });

  it.each<[string, () => TlsServerOptions, () => TlsOptions, RegExp]>([
    ['an authority that Node does not know', () => server, () => ({}), /is not signed by an authority that is trusted here \(UNABLE_TO_VERIFY_LEAF_SIGNATURE\)$/],
    ['another authority', () => server, () => ({ ca: stranger.pem }), /is not signed by an authority that is trusted here \(UNABLE_TO_VERIFY_LEAF_SIGNATURE\)$/],
    ['a server certificate that has expired', () => authority.issue('expired', { days: -1 }), () => trusting, /the certificate of the server has expired \(CERT_HAS_EXPIRED\)$/],
    ['a server certificate for another host', () => authority.issue('other', { altName: 'DNS:other.example' }), () => trusting, /is for another host \(ERR_TLS_CERT_ALTNAME_INVALID\)$/],
    ['no client certificate where one is wanted', () => mutual, () => trusting, /has refused the TLS connection, perhaps for want of a client certificate \(ERR_SSL_\w+\)$/],
    ['a client certificate of another authority', () => mutual, () => ({ ...trusting, ...foreignClient }), /perhaps (because of )?the client certificate \(\w+\)$/],
    ['a client certificate that has expired', () => mutual, () => ({ ...trusting, ...expiredClient }), /perhaps (because of )?the client certificate \(\w+\)$/],
  ])('fails with %s: to be tried again, and nothing can be read on the wire', async (_, options, tls, message) => {
    const url = await start(options());
    const error = await failureOf(tls(), url, make);
    expect(error.retryable).toBe(true);
    expect(error.message).toMatch(message);
    expect(error.message).toContain(`POST ${url}`);
    expect(backend?.requests).toEqual([]);
    const bytes = Buffer.concat(sent);
    // A handshake record, and no word of HTTP.
    expect(bytes[0]).toBe(0x16);
    expect(bytes.includes(TOKEN) || bytes.includes('POST') || bytes.includes('HTTP/1')).toBe(false);
  });

  it('shows neither key nor passphrase', async () => {
    const url = await start(mutual);
    const tls = { ...trusting, cert: foreignClient.cert, key: createPrivateKey(foreignClient.key).export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: PASSPHRASE }) as string, passphrase: PASSPHRASE };
    const error = await failureOf(tls, url, make);
    const shown = [inspect(error, { depth: 10 }), inspect(exporter, { depth: 10 }), JSON.stringify(exporter), ...diagnostics.lines].join();
    expect(shown).not.toContain(PASSPHRASE);
    expect(shown).not.toContain(tls.key.split('\n')[1]);
    expect(shown).not.toContain('PRIVATE KEY');
  });

  it.each<[string, () => Record<string, unknown>, string]>([
    ['a file that is not there', () => ({ ca: '/no/such/ca.pem' }), 'RangeError: NAME tls.ca cannot be read: /no/such/ca.pem (ENOENT)'],
    ['a folder', () => ({ ca: authority.folder }), `RangeError: NAME tls.ca cannot be read: ${authority.folder} (EISDIR)`],
    ['a file without a certificate', () => ({ ca: authority.path('client.key') }), 'RangeError: NAME tls.ca must hold certificates in PEM (BEGIN CERTIFICATE); there are none'],
    ['a malformed certificate', () => ({ ca: authority.pem.replace(/M/g, 'N') }), 'RangeError: NAME tls.ca must hold certificates in PEM (BEGIN CERTIFICATE); one is malformed'],
    ['a second certificate that is malformed', () => ({ ca: authority.pem + authority.pem.replace(/M/g, 'N') }), 'RangeError: NAME tls.ca must hold certificates in PEM (BEGIN CERTIFICATE); one is malformed'],
    ['an empty path', () => ({ ca: '' }), 'TypeError: NAME tls.ca must be PEM text, its bytes or the path of a PEM file, received an empty string'],
    ['a number', () => ({ key: 5, cert: client.cert }), 'TypeError: NAME tls.key must be PEM text, its bytes or the path of a PEM file, received a value of type number'],
    ['a certificate without a key', () => ({ cert: client.cert }), 'TypeError: NAME tls.cert is given without tls.key'],
    ['a key without a certificate', () => ({ key: client.key }), 'TypeError: NAME tls.key is given without tls.cert'],
    ['the key of another certificate', () => ({ cert: client.cert, key: server.key }), 'RangeError: NAME tls.key does not belong to NAME tls.cert'],
    ['a certificate for a key', () => ({ cert: client.cert, key: client.cert }), 'RangeError: NAME tls.key is no private key in PEM, or is encrypted and has no or another passphrase (CODE)'],
    ['the wrong passphrase', () => ({ cert: client.cert, key: encryptedKey, passphrase: 'hunter2' }), 'RangeError: NAME tls.key is no private key in PEM, or is encrypted and has no or another passphrase (CODE)'],
    ['an encrypted key without its passphrase', () => ({ cert: client.cert, key: encryptedKey }), 'RangeError: NAME tls.key is no private key in PEM, or is encrypted and has no or another passphrase (CODE)'],
    ['a key as one line', () => ({ cert: client.cert, key: client.key.toString().split('\n').slice(1, -2).join('') }), 'RangeError: NAME tls.key cannot be read: a path that is not shown, because it may be a key (ENOENT)'],
    ['a key without its first line', () => ({ cert: client.cert, key: client.key.toString().split('\n').slice(1).join('\n') }), 'RangeError: NAME tls.key cannot be read: a path that is not shown, because it may be a key (ENOENT)'],
    ['a passphrase that is no string', () => ({ cert: client.cert, key: client.key, passphrase: 12345 }), 'TypeError: NAME tls.passphrase must be a string'],
    ['a path in place of an object', () => 'secret.pem' as never, 'TypeError: NAME tls must be an object, received a string'],
  ])('refuses %s', (_, tls, message) => {
    let thrown: unknown;
    try {
      exporter = make('https://127.0.0.1:1', tls());
    } catch (error) {
      thrown = error;
    }
    // Which one it is differs between versions of OpenSSL.
    expect(String(thrown).replace(/ERR_(OSSL|MISSING)_\w+/, 'CODE')).toBe(message.replaceAll('NAME', make === exporters[0]?.make ? 'otlp' : 'loki'));
    const keyLine = client.key.toString().split('\n')[1] as string;
    expect(inspect(thrown)).not.toContain(keyLine);
  });

  it('refuses certificates for a connection without TLS, and an option that is none', () => {
    expect(() => make('http://127.0.0.1:1', trusting)).toThrow('tls needs a url that begins with https://');
    exporter = make('https://127.0.0.1:1', { ...trusting, rejectUnauthorized: false } as TlsOptions);
    expect(diagnostics.lines).toEqual([expect.stringMatching(/^warn otel-log-queue: tls of (otlp|loki)\(\) has no option 'rejectUnauthorized'; ignored$/)]);
  });
});

describe('the environment of otlp()', () => {
  const [CA, CERT, KEY] = ['CERTIFICATE', 'CLIENT_CERTIFICATE', 'CLIENT_KEY'];
  const [ALL, LOGS] = ['OTEL_EXPORTER_OTLP_', 'OTEL_EXPORTER_OTLP_LOGS_'];
  const good = { [CA]: authority.path('ca.pem'), [CERT]: authority.path('client.pem'), [KEY]: authority.path('client.key') };
  const bad = { [CA]: stranger.path('ca.pem'), [CERT]: stranger.path('client.pem'), [KEY]: stranger.path('client.key') };
  const prefixed = (prefix: string, variables: Record<string, string>): Record<string, string> => Object.fromEntries(Object.entries(variables).map(([name, value]) => [prefix + name, value]));

  async function exportWith(environment: Record<string, string>, tls?: TlsOptions): Promise<unknown> {
    const url = await start(mutual);
    exporter = new OtlpLogRecordExporter({ timeoutMillis: 5000, tls }, { OTEL_EXPORTER_OTLP_ENDPOINT: url, ...environment });
    return exporter.exportOnce([makeRecord(1)], NEVER).catch((error: unknown) => error);
  }

  it.each<[string, Record<string, string>, TlsOptions | undefined]>([
    ['for all signals', prefixed(ALL, good), undefined],
    ['for logs', prefixed(LOGS, good), undefined],
    ['for logs over that for all signals', { ...prefixed(ALL, bad), ...prefixed(LOGS, good) }, undefined],
    ['in part for logs', { ...prefixed(ALL, good), ...prefixed(ALL, { [CA]: bad[CA] as string }), ...prefixed(LOGS, { [CA]: good[CA] as string }) }, undefined],
    ['for what the code does not have', { ...prefixed(ALL, good), ...prefixed(ALL, { [CA]: '/no/such/file' }) }, trusting],
    ['and the code, which wins', prefixed(ALL, { ...bad, [KEY]: '/no/such/file' }), { ...trusting, ...client }],
  ])('is read %s', async (_, environment, tls) => {
    expect(await exportWith(environment, tls)).not.toHaveProperty('lost');
    expect(backend?.requests).toHaveLength(1);
    expect(diagnostics.lines).toEqual([]);
  });

  it.each<[string, Record<string, string>, string]>([
    ['a file that is not there', { [CA]: '/no/such/ca.pem' }, 'ALL_CERTIFICATE cannot be read: /no/such/ca.pem (ENOENT); ignored'],
    ['a file without a certificate', { [CA]: authority.path('client.key') }, 'ALL_CERTIFICATE must hold certificates in PEM (BEGIN CERTIFICATE); there are none; ignored'],
    ['no key', { [CERT]: authority.path('client.pem') }, 'ALL_CLIENT_CERTIFICATE is set, but a client key is missing; ignored'],
    ['no certificate', { [KEY]: authority.path('client.key') }, 'ALL_CLIENT_KEY is set, but a client certificate is missing; ignored'],
    ['the key of another certificate', { [CERT]: authority.path('client.pem'), [KEY]: authority.path('server.key') }, 'ALL_CLIENT_KEY does not belong to ALL_CLIENT_CERTIFICATE; ignored'],
    ['a key in place of its path', { [CERT]: authority.path('client.pem'), [KEY]: client.key.toString() }, 'ALL_CLIENT_KEY cannot be read: a path that is not shown, because it may be a key (ENOENT); ignored'],
  ])('with %s is reported and ignored', (_, environment, line) => {
    exporter = new OtlpLogRecordExporter({ url: 'https://127.0.0.1:1' }, prefixed(ALL, environment));
    expect(diagnostics.lines[0]).toBe(`warn otel-log-queue: ${line.replaceAll('ALL_', ALL)}`);
    expect(diagnostics.lines.join()).not.toContain(client.key.toString().split('\n')[1]);
  });

  it('with a file for logs that cannot be read leaves the one for all signals', async () => {
    expect(await exportWith({ ...prefixed(ALL, good), ...prefixed(LOGS, { [CA]: '/no/such/file' }) })).not.toHaveProperty('lost');
    expect(diagnostics.lines).toHaveLength(1);
  });

  it('is not read where there is no TLS; certificates in code are then reported', () => {
    exporter = new OtlpLogRecordExporter({ tls: trusting }, { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1', ...prefixed(ALL, { [CA]: '/no/such/file' }) });
    expect(diagnostics.lines).toEqual(['warn otel-log-queue: otlp tls has no effect, because the endpoint does not begin with https://']);
  });

  it('with an empty variable is as without it', () => {
    exporter = new OtlpLogRecordExporter({ url: 'https://127.0.0.1:1' }, prefixed(ALL, { [CA]: ' ', [CERT]: '', [KEY]: '' }));
    expect(diagnostics.lines).toEqual([]);
  });
});
