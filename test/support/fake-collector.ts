import type { ServerResponse } from 'node:http';
import type { FaultStep, RecordedRequest } from './fault-server';
import { decodeLogsJson } from './otlp-json-decode';
import { decodeLogsRequest } from './otlp-decode';

const JSON_TYPE = 'application/json';
const PROTOBUF_TYPE = 'application/x-protobuf';

// google.rpc.Code, as the Collector chooses it.
const CODES: Readonly<Record<number, number>> = { 400: 3, 401: 16, 403: 7, 404: 5, 429: 8, 500: 2, 503: 14 };

/** Answers as the OTLP receiver of a Collector does (0.158.0): what it refuses, and in which form it says so. */
export const collector: FaultStep = {
  answer: (response, _request, recorded) => {
    const type = recorded.headers['content-type']?.split(';')[0] ?? '';
    const text = refusalInText(recorded, type);
    if (text !== undefined) {
      response.writeHead(text.status, { 'content-type': 'text/plain' });
      response.end(text.words);
      return;
    }
    const problem = problemOf(recorded, type);
    if (problem !== undefined) {
      answerStatus(response, type, 400, problem);
      return;
    }
    response.writeHead(200, { 'content-type': type });
    response.end(type === JSON_TYPE ? '{"partialSuccess":{}}' : Buffer.from([0x0a, 0]));
  },
};

/** What a Collector answers that was refused itself: it passes some statuses on, and no Retry-After. */
export function collectorFailure(behind: number, status: number): FaultStep {
  return {
    answer: (response, _request, { headers }) =>
      answerStatus(response, headers['content-type'] ?? '', status, `error exporting items, request to http://127.0.0.1/v1/logs responded with HTTP Status Code ${behind}, Message=, Details=[]`),
  };
}

/** What is refused before the body is looked at. */
function refusalInText({ method, url }: RecordedRequest, type: string): { readonly status: number; readonly words: string } | undefined {
  if (url !== '/v1/logs') {
    return { status: 404, words: '404 page not found\n' };
  }
  if (method !== 'POST') {
    return { status: 405, words: '405 method not allowed, supported: [POST]' };
  }
  return type === JSON_TYPE || type === PROTOBUF_TYPE ? undefined : { status: 415, words: '415 unsupported media type, supported: [application/json, application/x-protobuf]' };
}

function problemOf({ headers, body }: RecordedRequest, type: string): string | undefined {
  const encoding = headers['content-encoding'] ?? '';
  if (!['', 'gzip', 'zstd', 'zlib', 'deflate', 'snappy'].includes(encoding)) {
    return `unsupported Content-Encoding: ${encoding}`;
  }
  try {
    if (type === JSON_TYPE) {
      decodeLogsJson(String(body));
    } else {
      decodeLogsRequest(body);
    }
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** google.rpc.Status, in the format of the request. */
function answerStatus(response: ServerResponse, type: string, status: number, message: string): void {
  const code = CODES[status] as number;
  response.writeHead(status, { 'content-type': type });
  if (type === JSON_TYPE) {
    response.end(JSON.stringify({ code, message }));
  } else {
    const text = Buffer.from(message).subarray(0, 16_383);
    response.end(Buffer.concat([Buffer.from([0x08, code, 0x12, (text.length & 0x7f) | 0x80, text.length >> 7]), text]));
  }
}
