import { performance } from 'node:perf_hooks';
import { diag } from '@opentelemetry/api';
import type { Environment } from '../environment';
import { LogsEncoder } from '../otlp/encode';
import { parsePartialSuccess, parseStatusMessage } from '../otlp/export-response';
import type { ResponseFormat } from '../otlp/export-response';
import { orderByGroup } from '../otlp/grouping';
import { LogsJsonEncoder } from '../otlp/json';
import { estimateRecordBytes } from '../record-size';
import type { LogRecord } from '../record';
import { VERSION } from '../version';
import { BuiltInExporter } from './built-in-exporter';
import type { ExportOutcome } from './built-in-exporter';
import type { ExecutionPlace } from './execution-place';
import { ExportError } from './export-error';
import { gzipBody } from './gzip';
import { HttpPoster, retryAfterMillis } from './http';
import type { HttpResponse } from './http';
import { headerSecrets } from './http-options';
import { resolveOtlpOptions } from './otlp-options';
import type { OtlpExporterOptions, ResolvedOtlpOptions } from './otlp-options';
import { encodeInSlices } from './time-slice';

export type { OtlpExporterOptions } from './otlp-options';

/** Says how to make an `OtlpLogRecordExporter`. */
export interface OtlpExporterDescription {
  readonly type: 'otlp';
  readonly options: ResolvedOtlpOptions;
}

/**
 * Delivers to an OTLP/HTTP receiver: a Collector, or a backend that speaks OTLP.
 *
 * @throws TypeError or RangeError for a wrong option
 */
export function otlp(options?: OtlpExporterOptions): OtlpExporterDescription {
  return { type: 'otlp', options: resolveOtlpOptions(options) };
}

// OTLP exporter specification, "Request size limit": before compression; what is larger must not be sent.
const MAX_REQUEST_BYTES = 64 * 1024 * 1024;

// OTLP specification, "Retryable Response Codes".
const RETRYABLE_STATUSES: readonly number[] = [429, 502, 503, 504];

// A receiver that warns does so in every answer.
const WARNING_INTERVAL_MILLIS = 30_000;

interface Encoder {
  begin(): void;
  add(record: LogRecord): boolean;
  finish(): Uint8Array | string;
}

/** What `otlp()` describes: one POST for each batch. */
export class OtlpLogRecordExporter extends BuiltInExporter {
  readonly maxBatchBytes = 4 * 1024 * 1024;
  readonly #options: ResolvedOtlpOptions;
  readonly #place: ExecutionPlace;
  readonly #poster: HttpPoster;
  readonly #headers: Readonly<Record<string, string>>;
  // Kept for its grown buffer and its cached keys. Absent while an export uses it; an export that overlaps gets one of its own.
  #idleEncoder: Encoder | undefined;
  #lastWarningMillis = -Infinity;

  /**
   * @param place where it runs; nothing but the worker thread of this package gives another one
   * @throws TypeError or RangeError for a wrong option
   */
  constructor(options?: OtlpExporterOptions, environment: Environment = process.env, place: ExecutionPlace = 'event-loop') {
    super();
    this.#place = place;
    this.#options = resolveOtlpOptions(options, environment);
    const { url, headers, timeoutMillis, userAgent, protocol, compression, tls } = this.#options;
    const ownUserAgent = `otel-log-queue/${VERSION}`;
    this.#poster = new HttpPoster({
      url,
      headers: { 'user-agent': userAgent === undefined ? ownUserAgent : `${userAgent} ${ownUserAgent}`, ...headers },
      timeoutMillis,
      secrets: headerSecrets(headers),
      tls,
    });
    this.#headers = {
      'content-type': protocol === 'http/json' ? 'application/json' : 'application/x-protobuf',
      ...(compression === 'gzip' && { 'content-encoding': 'gzip' }),
    };
    if (place === 'thread') {
      this.#poster.openAhead();
    }
  }

  /** What its metrics name it by. */
  get backend(): Pick<ResolvedOtlpOptions, 'url' | 'protocol'> {
    const { url, protocol } = this.#options;
    return { url, protocol };
  }

  sizeOf(record: LogRecord): number {
    return estimateRecordBytes(record);
  }

  async exportOnce(records: readonly LogRecord[], signal: AbortSignal): Promise<ExportOutcome> {
    const encoder = this.#idleEncoder ?? this.#newEncoder();
    this.#idleEncoder = undefined;
    let requestBytes = 0;
    try {
      encoder.begin();
      let invalid = 0;
      const add = (record: LogRecord): void => {
        if (!encoder.add(record)) {
          invalid++;
        }
      };
      await encodeInSlices(orderByGroup(records), add, signal);
      const sent = records.length - invalid;
      if (sent === 0) {
        return outcomeOf(invalid, 0, '');
      }
      const encoded = encoder.finish();
      const body = typeof encoded === 'string' ? Buffer.from(encoded) : encoded;
      requestBytes = body.byteLength;
      if (requestBytes > MAX_REQUEST_BYTES) {
        throw new ExportError(`a request of ${requestBytes} bytes is not sent: the limit is ${MAX_REQUEST_BYTES}`, { retryable: false, reason: 'too_large' });
      }
      const response = await this.#poster.post(this.#options.compression === 'gzip' ? await gzipBody(body, this.#place) : body, this.#headers, signal);
      return this.#judge(response, sent, invalid);
    } catch (error) {
      throw error === signal.reason && !(error instanceof ExportError) ? new ExportError('aborted', { retryable: true }) : error;
    } finally {
      // One huge batch must not keep its memory for ever.
      if (requestBytes <= 2 * this.maxBatchBytes) {
        this.#idleEncoder = encoder;
      }
    }
  }

  protected close(): void {
    this.#poster.close();
  }

  #newEncoder(): Encoder {
    return this.#options.protocol === 'http/json' ? new LogsJsonEncoder() : new LogsEncoder();
  }

  #judge(response: HttpResponse, sent: number, invalid: number): ExportOutcome {
    const { status, headers, body } = response;
    const format = this.#formatOf(response);
    if (status >= 200 && status < 300) {
      const { rejected, message } = parsePartialSuccess(body, format);
      const words = this.#poster.firstWords(Buffer.from(message));
      if (rejected === 0 && words !== '') {
        this.#warn(`${this.#poster.shownUrl} has taken all records and says: ${words}`);
      }
      return { ...outcomeOf(invalid, Math.min(rejected, sent), words), status };
    }
    const words = this.#poster.firstWords((format === 'protobuf' ? parseStatusMessage(body) : undefined) ?? body);
    const isRedirect = status >= 300 && status < 400;
    throw new ExportError(
      `POST ${this.#poster.shownUrl} answered ${status}${isRedirect ? ', redirects are not followed' : ''}${words === '' ? '' : `: ${words}`}`,
      {
        status,
        retryable: RETRYABLE_STATUSES.includes(status),
        retryAfterMillis: retryAfterMillis(headers['retry-after'], Date.now()),
        reason: status === 400 ? 'rejected' : status === 413 ? 'too_large' : 'export_failed',
      },
    );
  }

  /** A receiver answers in the format of the request; what stands between the two may answer in another. */
  #formatOf({ headers }: HttpResponse): ResponseFormat {
    const contentType = headers['content-type'] ?? this.#headers['content-type'] ?? '';
    return contentType.includes('protobuf') ? 'protobuf' : 'json';
  }

  #warn(text: string): void {
    const now = performance.now();
    if (now - this.#lastWarningMillis >= WARNING_INTERVAL_MILLIS) {
      this.#lastWarningMillis = now;
      diag.warn(`otel-log-queue: ${text}`);
    }
  }
}

function outcomeOf(invalid: number, rejected: number, message: string): ExportOutcome {
  if (invalid === 0 && rejected === 0) {
    return {};
  }
  return {
    lost: { ...(invalid > 0 && { invalid }), ...(rejected > 0 && { rejected }) },
    message: message === '' ? (rejected > 0 ? 'the receiver gave no reason' : 'the records have no valid form') : message,
  };
}
