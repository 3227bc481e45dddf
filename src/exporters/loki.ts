import { diag } from '@opentelemetry/api';
import type { Environment } from '../environment';
import type { LogRecord } from '../record';
import { VERSION } from '../version';
import { BuiltInExporter, type ExportOutcome } from './built-in-exporter';
import type { ExecutionPlace } from './execution-place';
import { ExportError } from './export-error';
import { gzipBody } from './gzip';
import { HttpPoster } from './http';
import { headerSecrets } from './http-options';
import { LokiMapping } from './loki-mapping';
import { resolveLokiOptions, type LokiExporterOptions, type ResolvedLokiOptions } from './loki-options';
import { LokiJsonPush } from './loki-json';
import { LokiProtobufPush } from './loki-protobuf';
import { judgePush } from './loki-response';
import { encodeInSlices } from './time-slice';

export { resolveLokiOptions, type LokiExporterOptions, type ResolvedLokiOptions } from './loki-options';

/** Says how to make a `LokiLogRecordExporter`. */
export interface LokiExporterDescription {
  readonly type: 'loki';
  readonly options: ResolvedLokiOptions;
}

/**
 * Delivers to Grafana Loki, or to what takes its pushes.
 *
 * @throws TypeError or RangeError for a wrong option
 */
export function loki(options?: LokiExporterOptions): LokiExporterDescription {
  return { type: 'loki', options: resolveLokiOptions(options) };
}

/**
 * What `loki()` describes: one push for each batch and resource. Stores what Loki's own OTLP endpoint would; `LokiMapping` has the exceptions.
 * To send a batch again is harmless: Loki stores an entry with the same time, line and structured metadata once.
 */
export class LokiLogRecordExporter extends BuiltInExporter {
  readonly maxBatchBytes = 1024 * 1024;
  readonly #url: string;
  readonly #isProtobuf: boolean;
  readonly #compress: boolean;
  readonly #place: ExecutionPlace;
  readonly #poster: HttpPoster;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #mapping: LokiMapping;
  readonly #reportedCuts = new Set<string>();

  /**
   * @param place where it runs; nothing but the worker thread of this package gives another one
   * @throws TypeError or RangeError for a wrong option
   */
  constructor(options?: LokiExporterOptions, environment: Environment = process.env, place: ExecutionPlace = 'event-loop') {
    super();
    this.#place = place;
    const resolved = resolveLokiOptions(options, environment);
    const { url, headers, timeoutMillis, tls } = resolved;
    this.#url = url;
    // The tenant is no credential, and Loki's messages are about it.
    const secrets = headerSecrets(Object.fromEntries(Object.entries(headers).filter(([name]) => name !== 'x-scope-orgid')));
    this.#isProtobuf = resolved.encoding === 'protobuf';
    this.#compress = resolved.compression === 'gzip';
    this.#poster = new HttpPoster({ url, headers: { 'user-agent': `otel-log-queue/${VERSION}`, ...headers }, timeoutMillis, secrets, tls });
    this.#headers = { 'content-type': this.#isProtobuf ? 'application/x-protobuf' : 'application/json', ...(this.#compress && { 'content-encoding': 'gzip' }) };
    this.#mapping = new LokiMapping(resolved, (what) => this.#reportCut(what));
    if (place === 'thread') {
      this.#poster.openAhead();
    }
  }

  /** What its metrics name it by. */
  get backend(): { readonly url: string } {
    return { url: this.#url };
  }

  sizeOf(record: LogRecord): number {
    return this.#mapping.sizeOf(record);
  }

  async exportOnce(records: readonly LogRecord[], signal: AbortSignal): Promise<ExportOutcome> {
    const push = this.#isProtobuf ? new LokiProtobufPush() : new LokiJsonPush();
    let invalid = 0;
    const write = (record: LogRecord): void => {
      try {
        this.#mapping.write(record, push);
      } catch {
        invalid++;
      }
    };
    try {
      this.#mapping.startBatch();
      await encodeInSlices(records, write, signal);
      let rejected = 0;
      let status: number | undefined;
      let message = 'the records have no valid form';
      for (const body of push.finish()) {
        const response = await this.#poster.post(this.#compress ? await gzipBody(body.bytes, this.#place) : body.bytes, this.#headers, signal);
        const judged = judgePush(response, body.records, this.#poster);
        rejected += judged.rejected;
        status = response.status;
        message = judged.words || message;
      }
      return {
        ...(status !== undefined && { status }),
        ...((invalid > 0 || rejected > 0) && { lost: { ...(invalid > 0 && { invalid }), ...(rejected > 0 && { rejected }) }, message }),
      };
    } catch (error) {
      throw error === signal.reason && !(error instanceof ExportError) ? new ExportError('aborted', { retryable: true }) : error;
    }
  }

  protected close(): void {
    this.#poster.close();
  }

  /** Once for each kind: an application whose lines are too long has many of them. */
  #reportCut(what: string): void {
    if (!this.#reportedCuts.has(what)) {
      this.#reportedCuts.add(what);
      diag.warn(`otel-log-queue: some ${what} are more or longer than Loki takes; they are cut, and the records are delivered without the rest (said once)`);
    }
  }
}
