import type { IncomingHttpHeaders } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { uncompress } from 'snappyjs';
import { readMessage } from './protobuf-reader';

export interface DecodedEntry {
  readonly timestamp: bigint;
  readonly line: string;
  readonly metadata: readonly [string, string][];
}

export interface DecodedStream {
  readonly labels: Readonly<Record<string, string>>;
  readonly values: readonly DecodedEntry[];
  readonly isJson: boolean;
}

/** An answer of Loki that is no success. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** The body without the encoding of HTTP; Snappy is none in the eyes of Loki, but a part of its protobuf. */
export function uncompressed(headers: IncomingHttpHeaders, body: Buffer): Buffer {
  const encoding = headers['content-encoding'] ?? '';
  const isSnappy = encoding === 'snappy' && headers['content-type'] === 'application/x-protobuf';
  if (encoding !== '' && encoding !== 'gzip' && !isSnappy) {
    throw new Refusal(400, `Content-Encoding "${encoding}" not supported`);
  }
  return encoding === 'gzip' ? gunzipSync(body) : body;
}

/**
 * Reads a push as strictly as Loki, by no code of the exporter.
 * @param body without the encoding of HTTP
 * @throws Refusal for what costs the whole request
 */
export function decodePush(headers: IncomingHttpHeaders, body: Buffer): DecodedStream[] {
  const type = headers['content-type']?.split(';')[0];
  switch (type) {
    case 'application/json':
      return decodeJson(new TextDecoder('utf-8', { fatal: true }).decode(body));
    case 'application/x-protobuf':
      return decodeProtobuf(body);
    default:
      throw new Refusal(400, type === undefined ? 'mime: no media type' : `content type ${type} is not faked`);
  }
}

function decodeJson(text: string): DecodedStream[] {
  if (text === '') {
    throw new Refusal(400, 'EOF');
  }
  const withoutPairs = text.replace(/\\\\/g, '').replace(/\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}/g, '');
  if (/\\u[dD][89a-fA-F][0-9a-fA-F]{2}/.test(withoutPairs)) {
    throw new Refusal(400, 'loghttp.PushRequest.Streams: unmarshalerDecoder: Value looks like Number/Boolean/None, but can\'t find its end');
  }
  const { streams = [] } = JSON.parse(text) as { streams?: { stream: Record<string, unknown>; values?: unknown[] }[] };
  return streams.map(({ stream, values = [] }) => {
    const labels: Record<string, string> = {};
    for (const [name, value] of Object.entries(stream)) {
      if (!/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name)) {
        throw new Refusal(400, `couldn't parse labels: 1:5: parse error: unexpected character in ${JSON.stringify(name)}`);
      }
      labels[name] = String(value);
    }
    return { labels, values: values.map(decodeJsonEntry), isJson: true };
  });
}

function decodeJsonEntry(entry: unknown): DecodedEntry {
  const [timestamp, line, metadata = {}] = entry as unknown[];
  if (typeof timestamp !== 'string' || typeof line !== 'string' || !/^-?\d+$/.test(timestamp) || BigInt.asIntN(64, BigInt(timestamp)) !== BigInt(timestamp)) {
    throw new Refusal(400, 'loghttp.PushRequest.Streams: unmarshalerDecoder: Value is string, but can\'t find closing \'"\' symbol');
  }
  const isObject = typeof metadata === 'object' && metadata !== null && !Array.isArray(metadata);
  if (!isObject || Object.values(metadata).some((value) => typeof value !== 'string')) {
    throw new Refusal(400, 'loghttp.PushRequest.Streams: unmarshalerDecoder: Value looks like object, but can\'t find closing \'}\' symbol');
  }
  return { timestamp: BigInt(timestamp), line, metadata: Object.entries(metadata as Record<string, string>) };
}

/** `logproto.PushRequest` in a block of Snappy. Stricter than Loki: fields that it sets by itself (format, hash, parsed) are refused. */
function decodeProtobuf(body: Buffer): DecodedStream[] {
  let bytes: Uint8Array;
  try {
    bytes = uncompress(body);
  } catch {
    throw new Refusal(400, 'snappy: corrupt input');
  }
  const streams: DecodedStream[] = [];
  readMessage(bytes, { 1: (reader) => streams.push(decodeStream(reader.message())) }, [1]);
  return streams;
}

function decodeStream(bytes: Uint8Array): DecodedStream {
  let labels = '';
  const values: DecodedEntry[] = [];
  readMessage(bytes, { 1: (reader) => (labels = reader.string()), 2: (reader) => values.push(decodeEntry(reader.message())) }, [2]);
  return { labels: decodeLabels(labels), values, isJson: false };
}

function decodeEntry(bytes: Uint8Array): DecodedEntry {
  let timestamp = 0n;
  let line = '';
  const metadata: [string, string][] = [];
  readMessage(
    bytes,
    {
      1: (reader) => {
        let [seconds, nanos] = [0n, 0n];
        readMessage(reader.message(), { 1: (inner) => (seconds = BigInt.asIntN(64, inner.varint())), 2: (inner) => (nanos = BigInt.asIntN(32, inner.varint())) });
        if (nanos < 0n || nanos > 999_999_999n) {
          throw new Refusal(400, `timestamp: nanos not in range: ${nanos}`);
        }
        timestamp = seconds * 1_000_000_000n + nanos;
      },
      2: (reader) => (line = reader.string()),
      3: (reader) => {
        let [name, value] = ['', ''];
        readMessage(reader.message(), { 1: (inner) => (name = inner.string()), 2: (inner) => (value = inner.string()) });
        metadata.push([name, value]);
      },
    },
    [3],
  );
  return { timestamp, line, metadata };
}

/** `{a="v", b="w"}`. Loki takes other quotes, other orders and spaces too; this does not, because the exporter does not write them. */
function decodeLabels(text: string): Record<string, string> {
  const refusal = (at: number): Refusal => new Refusal(400, `couldn't parse labels: 1:${at}: parse error: unexpected ${JSON.stringify(text.slice(at, at + 10))}`);
  const labels: Record<string, string> = {};
  const pair = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\.)*)"(, |\}$)/y;
  let previous = '';
  pair.lastIndex = 1;
  if (!text.startsWith('{')) {
    throw refusal(0);
  }
  for (let at = 1; at < text.length; at = pair.lastIndex) {
    const [, name = '', value = ''] = pair.exec(text) ?? [];
    if (name === '' || name <= previous) {
      throw refusal(at);
    }
    labels[name] = goUnquoted(value);
    previous = name;
  }
  return labels;
}

/** Of the escapes of Go those that `strconv.Quote` makes. */
function goUnquoted(text: string): string {
  return text.replace(/\\(?:(["\\abfnrtv])|x([0-7][0-9a-f])|u([0-9a-f]{4})|U([0-9a-f]{8})|(.))/g, (_, simple?: string, x?: string, u?: string, long?: string, other?: string) => {
    if (other !== undefined) {
      throw new Refusal(400, `couldn't parse labels: unknown escape ${other}`);
    }
    return simple === undefined ? String.fromCodePoint(parseInt(x ?? u ?? long ?? '', 16)) : ({ a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' }[simple] ?? simple);
  });
}
