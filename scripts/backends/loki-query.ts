/** An entry as Loki gives it back. */
export interface LokiEntry {
  readonly labels: Readonly<Record<string, string>>;
  /** Nanoseconds. */
  readonly timestamp: string;
  readonly line: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Of Loki's default max_entries_limit_per_query. */
const PAGE_ENTRIES = 5000;

interface QueryRangeAnswer {
  readonly data: {
    readonly result: readonly {
      readonly stream: Readonly<Record<string, string>>;
      readonly values: readonly (readonly [string, string, { readonly structuredMetadata?: Readonly<Record<string, string>> }?])[];
    }[];
  };
}

/** Reads back from Loki's query API. */
export class LokiQuery {
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;

  /** @param headers sent with every request, for tenant and credentials */
  constructor(url: string, headers: Readonly<Record<string, string>> = {}) {
    this.#url = url.replace(/\/+$/, '');
    this.#headers = headers;
  }

  /**
   * What the selector finds from `from` on (nanoseconds, inclusive), in the order of time; at most 5000.
   * @throws Error for any answer but 200
   */
  async entries(selector: string, from: bigint): Promise<LokiEntry[]> {
    const until = BigInt(Date.now() + 15 * 60_000) * 1_000_000n;
    const parameters = { query: selector, start: String(from), end: String(until), direction: 'forward', limit: String(PAGE_ENTRIES) };
    const answer = (await this.#get('query_range', parameters)) as QueryRangeAnswer;
    const entries = answer.data.result.flatMap(({ stream, values }) =>
      values.map(([timestamp, line, categories]) => ({ labels: stream, timestamp, line, metadata: categories?.structuredMetadata ?? {} })),
    );
    // Stable: entries of one stream keep their order.
    return entries.sort((a, b) => (BigInt(a.timestamp) < BigInt(b.timestamp) ? -1 : BigInt(a.timestamp) > BigInt(b.timestamp) ? 1 : 0));
  }

  /** The same without that limit: page after page. */
  async all(selector: string, from: bigint): Promise<LokiEntry[]> {
    const all: LokiEntry[] = [];
    for (let start = from; ; ) {
      const page = await this.entries(selector, start);
      // A page begins with the time at which the one before has ended: what came at that time is there already.
      all.push(...page.slice(all.filter(({ timestamp }) => BigInt(timestamp) === start && start !== from).length));
      const last = page.at(-1);
      if (last === undefined || page.length < PAGE_ENTRIES || BigInt(last.timestamp) === start) {
        return all;
      }
      start = BigInt(last.timestamp);
    }
  }

  /**
   * How many entries of the last hour the selector finds.
   * @throws Error for any answer but 200
   */
  async count(selector: string): Promise<number> {
    const answer = (await this.#get('query', { query: `sum(count_over_time(${selector}[1h]))` })) as { data: { result: { value: [number, string] }[] } };
    return Number(answer.data.result[0]?.value[1] ?? 0);
  }

  async #get(path: string, parameters: Readonly<Record<string, string>>): Promise<unknown> {
    const url = `${this.#url}/loki/api/v1/${path}?${String(new URLSearchParams(parameters))}`;
    // Structured metadata apart from labels.
    const response = await fetch(url, { headers: { ...this.#headers, 'x-loki-response-encoding-flags': 'categorize-labels' } }).catch((error: unknown) => {
      throw new Error(`${this.#url} cannot be asked: ${String((error as Error).cause ?? error)}`);
    });
    const text = await response.text();
    if (response.status !== 200) {
      throw new Error(`the query was answered ${response.status}: ${text.trim().slice(0, 500)}`);
    }
    return JSON.parse(text) as unknown;
  }
}
