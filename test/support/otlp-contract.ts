import { gzipSync } from 'node:zlib';
import { LogsEncoder } from '../../src/otlp/encode';
import { LogsJsonEncoder } from '../../src/otlp/json';
import type { AnswerShape, ContractRequest } from './contract';
import { makeRecord } from './records';

const PROTOBUF = { 'content-type': 'application/x-protobuf' };
const JSON_TYPE = { 'content-type': 'application/json' };
const PATH = '/v1/logs';

// As Collector 0.158.0 has answered.
const TAKEN_PROTOBUF: AnswerShape = { status: 200, contentType: 'application/x-protobuf', body: '1: bytes' };
const TAKEN_JSON: AnswerShape = { status: 200, contentType: 'application/json', body: '{ partialSuccess: object }' };
const refusedText = (status: number): AnswerShape => ({ status, contentType: 'text/plain', body: 'text' });
const refusedJson = (status: number): AnswerShape => ({ status, contentType: 'application/json', body: '{ code: number, message: string }' });
const refusedProtobuf = (status: number): AnswerShape => ({ status, contentType: 'application/x-protobuf', body: '1: varint, 2: bytes' });

function encoded(encoder: LogsEncoder | LogsJsonEncoder): Uint8Array<ArrayBuffer> {
  encoder.begin();
  encoder.add(makeRecord(1));
  return new Uint8Array(Buffer.from(encoder.finish()));
}

const protobuf = encoded(new LogsEncoder());
const json = encoded(new LogsJsonEncoder());
const zipped = (body: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(gzipSync(body));

/** What an exporter can meet at an OTLP/HTTP receiver. */
export const OTLP_CONTRACT: readonly { readonly request: ContractRequest; readonly expected: AnswerShape }[] = [
  { request: { name: 'protobuf', path: PATH, headers: PROTOBUF, body: protobuf }, expected: TAKEN_PROTOBUF },
  { request: { name: 'protobuf, gzip', path: PATH, headers: { ...PROTOBUF, 'content-encoding': 'gzip' }, body: zipped(protobuf) }, expected: TAKEN_PROTOBUF },
  { request: { name: 'JSON', path: PATH, headers: JSON_TYPE, body: json }, expected: TAKEN_JSON },
  { request: { name: 'JSON, gzip', path: PATH, headers: { ...JSON_TYPE, 'content-encoding': 'gzip' }, body: zipped(json) }, expected: TAKEN_JSON },
  { request: { name: 'JSON with a charset', path: PATH, headers: { 'content-type': 'application/json; charset=utf-8' }, body: json }, expected: TAKEN_JSON },
  { request: { name: 'an empty message', path: PATH, headers: PROTOBUF, body: '' }, expected: TAKEN_PROTOBUF },
  { request: { name: 'an empty object', path: PATH, headers: JSON_TYPE, body: '{}' }, expected: TAKEN_JSON },
  { request: { name: 'protobuf that ends too early', path: PATH, headers: PROTOBUF, body: protobuf.slice(0, -5) }, expected: refusedProtobuf(400) },
  { request: { name: 'JSON that ends too early', path: PATH, headers: JSON_TYPE, body: '{"resourceLogs":[' }, expected: refusedJson(400) },
  { request: { name: 'a trace id that is none', path: PATH, headers: JSON_TYPE, body: String(Buffer.from(json)).replace('"body"', '"traceId":"xyz","body"') }, expected: refusedJson(400) },
  { request: { name: 'an encoding that it does not know', path: PATH, headers: { ...JSON_TYPE, 'content-encoding': 'br' }, body: json }, expected: refusedJson(400) },
  { request: { name: 'a type that it does not know', path: PATH, headers: { 'content-type': 'text/plain' }, body: 'text' }, expected: refusedText(415) },
  { request: { name: 'another path', path: '/v1/log', headers: PROTOBUF, body: protobuf }, expected: refusedText(404) },
  { request: { name: 'a GET', method: 'GET', path: PATH, headers: {} }, expected: refusedText(405) },
];

/** What comes from behind the Collector, and what it answers then. */
export const OTLP_FAILURES: readonly { readonly behind: number; readonly status: number }[] = [
  { behind: 400, status: 400 },
  { behind: 401, status: 401 },
  { behind: 403, status: 403 },
  { behind: 404, status: 404 },
  { behind: 413, status: 500 },
  { behind: 429, status: 429 },
  { behind: 500, status: 500 },
  { behind: 502, status: 503 },
  { behind: 503, status: 503 },
  { behind: 504, status: 503 },
];

export const OTLP_REQUESTS = { protobuf: { name: 'protobuf', path: PATH, headers: PROTOBUF, body: protobuf }, json: { name: 'JSON', path: PATH, headers: JSON_TYPE, body: json } } as const;
export const OTLP_FAILURE_SHAPES = { protobuf: refusedProtobuf, json: refusedJson } as const;
