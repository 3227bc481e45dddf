import type { RecordedRequest } from './fault-server';
import { decodePush } from './loki-decode';
import { decodeLogsRequest, logRecordsOf } from './otlp-decode';

/** The attribute `seq` of each record of an OTLP/protobuf request, in order. */
export function otlpSequences({ body }: RecordedRequest): number[] {
  return logRecordsOf(decodeLogsRequest(body)).map((record) => {
    const seq = record.attributes.find(({ key }) => key === 'seq');
    return Number((seq?.value as { intValue: bigint }).intValue);
  });
}

/** The structured metadata `seq` of each entry of a Loki push, in order. */
export function lokiSequences({ headers, body }: RecordedRequest): number[] {
  return decodePush(headers, body).flatMap(({ values }) => values.map(({ metadata }) => Number(metadata.find(([name]) => name === 'seq')?.[1])));
}

/** The attribute `seq` of each record of a file of OTLP/JSON lines, in order. */
export function fileSequences(lines: string): number[] {
  return lines
    .split('\n')
    .filter((line) => line !== '')
    .flatMap((line) => (JSON.parse(line) as JsonLogs).resourceLogs.flatMap((resource) => resource.scopeLogs.flatMap((scope) => scope.logRecords)))
    .map((record) => Number(record.attributes.find(({ key }) => key === 'seq')?.value.intValue));
}

interface JsonLogs {
  readonly resourceLogs: readonly { readonly scopeLogs: readonly { readonly logRecords: readonly { readonly attributes: readonly { readonly key: string; readonly value: { readonly intValue?: string | number } }[] }[] }[] }[];
}
