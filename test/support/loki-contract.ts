import { gzipSync } from 'node:zlib';
import type { AnswerShape, ContractRequest } from './contract';

const PATH = '/loki/api/v1/push';
const JSON_TYPE = { 'content-type': 'application/json' };

export interface LokiContractRow {
  readonly request: ContractRequest;
  readonly expected: AnswerShape;
  /** Words of the answer that the exporter, or who reads its reports, goes by. */
  readonly says?: string;
  /** How many entries it leaves behind. */
  readonly stored: number;
}

type Entry = readonly [unknown, unknown, unknown?];

// As Loki 3.7.6 has answered.
const TAKEN: AnswerShape = { status: 204, contentType: '', body: 'empty' };
const refused = (status: number): AnswerShape => ({ status, contentType: 'text/plain', body: 'text' });

/**
 * What an exporter can meet at Loki's push API.
 *
 * @param label value of the label `job`, by which what is stored can be found
 */
export function lokiContract(label: string): LokiContractRow[] {
  const nanos = BigInt(Date.now()) * 1_000_000n;
  let next = 0n;
  const now = (): string => String(nanos + next++);
  const push = (entries: readonly Entry[], labels: Readonly<Record<string, string>> = {}): string => JSON.stringify({ streams: [{ stream: { job: label, ...labels }, values: entries }] });
  const row = (name: string, body: string | Uint8Array<ArrayBuffer>, expected: AnswerShape, stored: number, says?: string, headers: Readonly<Record<string, string>> = {}): LokiContractRow => ({
    request: { name, path: PATH, headers: { ...JSON_TYPE, ...headers }, body },
    expected,
    stored,
    ...(says !== undefined && { says }),
  });
  const manyLabels = Object.fromEntries(Array.from({ length: 15 }, (_, index) => [`l${index}`, 'x']));
  const daysAgo = (days: number): string => String(nanos - BigInt(days) * 86_400_000_000_000n);
  return [
    row('one entry', push([[now(), 'a line']]), TAKEN, 1),
    row('structured metadata', push([[now(), 'a line', { trace_id: 'abc', 'a.b': 'x' }]]), TAKEN, 1),
    row('gzip', new Uint8Array(gzipSync(push([[now(), 'zipped']]))), TAKEN, 1, undefined, { 'content-encoding': 'gzip' }),
    row('a charset', push([[now(), 'charset']]), TAKEN, 1, undefined, { 'content-type': 'application/json; charset=utf-8' }),
    row('a stream without entries', push([]), TAKEN, 0),
    row('a line of 256 KiB', push([[now(), 'x'.repeat(262_144)]]), TAKEN, 1),
    row('no streams', '{"streams":[]}', refused(422), 0, 'at least one valid stream is required'),
    row('nothing', '', refused(400), 0),
    row('an encoding that it does not know', push([[now(), 'zstd']]), refused(400), 0, 'Content-Encoding "zstd" not supported', { 'content-encoding': 'zstd' }),
    row('structured metadata that is a number', push([[now(), 'good'], [now(), 'bad', { n: 5 }]]), refused(400), 0),
    row('a time that is a number', push([[Number(nanos / 1000n), 'bad']]), refused(400), 0),
    row('half a surrogate pair', push([[now(), 'x\ud800']]), refused(400), 0),
    row('a label with a dot', push([[now(), 'bad']], { 'a.b': 'x' }), refused(400), 0, "couldn't parse labels"),
    row('sixteen labels', push([[now(), 'bad']], manyLabels), refused(400), 0),
    row('a line that is too long, and a good one', push([[now(), 'x'.repeat(262_145)], [now(), 'good']]), refused(400), 1),
    row('metadata that is too large, and a good one', push([[now(), 'bad', { m: 'x'.repeat(65_536) }], [now(), 'good']]), refused(400), 1),
    row('129 names of metadata, and a good one', push([[now(), 'bad', Object.fromEntries(Array.from({ length: 129 }, (_, index) => [`m${index}`, 'x']))], [now(), 'good']]), refused(400), 1),
    row('an entry that is too old, and a good one', push([[daysAgo(8), 'old'], [now(), 'good']]), refused(400), 1, 'timestamp too old'),
    row('an entry of tomorrow, and a good one', push([[daysAgo(-1), 'new'], [now(), 'good']]), refused(400), 1, 'timestamp too new'),
    row('a name of metadata without a letter', push([[now(), 'good'], [now(), 'bad', { '日本': 'x' }]]), refused(500), 0, 'resulted in invalid name'),
    row('an empty name of metadata', push([[now(), 'bad', { '': 'x' }]]), refused(500), 0, 'label name is empty'),
    row('more than 4 MiB', push(Array.from({ length: 22 }, (): Entry => [now(), 'y'.repeat(200_000)])), refused(500), 0, 'received message larger than max'),
  ];
}
