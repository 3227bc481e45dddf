import type { StoredEntry } from './fake-loki';

/**
 * The answer to a GET of the query API, as far as the tests and the canary ask: `query_range` with one selector and equalities of structured metadata, and the count of a selector.
 * Undefined for any other path.
 */
export function answerQuery(url: string, entries: readonly StoredEntry[]): string | undefined {
  const { pathname, searchParams } = new URL(url, 'http://fake');
  const query = searchParams.get('query') ?? '';
  switch (pathname) {
    case '/ready':
      return 'ready\n';
    case '/loki/api/v1/query_range':
      return rangeAnswer(matching(entries, query), searchParams);
    case '/loki/api/v1/query': {
      const found = matching(entries, /^sum\(count_over_time\((\{.*)\[1h\]\)\)$/.exec(query)?.[1] ?? '');
      const result = found.length === 0 ? [] : [{ metric: {}, value: [Date.now() / 1000, String(found.length)] }];
      return JSON.stringify({ status: 'success', data: { resultType: 'vector', result } });
    }
    default:
      return undefined;
  }
}

function matching(entries: readonly StoredEntry[], selector: string): StoredEntry[] {
  const matchers = [...selector.matchAll(/([a-zA-Z_]\w*)="([^"]*)"/g)];
  return matchers.length === 0 ? [] : entries.filter(({ labels, metadata }) => matchers.every(([, name = '', value]) => (labels[name] ?? metadata[name]) === value));
}

/** Streams one after the other, each in the order of time, as Loki gives them. */
function rangeAnswer(entries: readonly StoredEntry[], parameters: URLSearchParams): string {
  const [start, end, limit] = [BigInt(parameters.get('start') ?? 0), BigInt(parameters.get('end') ?? 0), Number(parameters.get('limit'))];
  const found = entries.filter(({ timestamp }) => BigInt(timestamp) >= start && BigInt(timestamp) < end).sort((a, b) => (BigInt(a.timestamp) < BigInt(b.timestamp) ? -1 : 1));
  const streams = new Map<string, { stream: StoredEntry['labels']; values: unknown[] }>();
  for (const { labels, timestamp, line, metadata } of found.slice(0, limit)) {
    const key = JSON.stringify(labels);
    const stream = streams.get(key) ?? { stream: labels, values: [] };
    streams.set(key, stream);
    stream.values.push([timestamp, line, { structuredMetadata: metadata }]);
  }
  return JSON.stringify({ status: 'success', data: { resultType: 'streams', encodingFlags: ['categorize-labels'], result: [...streams.values()] } });
}
