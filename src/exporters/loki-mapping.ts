import { estimateRecordBytes } from '../record-size';
import type { LogRecord } from '../record';
import { UnixNanos } from '../otlp/unix-nanos';
import { LokiContexts } from './loki-contexts';
import { LokiMetadata } from './loki-metadata';
import { LokiNames, type LokiName } from './loki-names';
import type { LokiPush } from './loki-push';
import { textOf, truncateUtf8 } from './loki-values';

export interface LokiMappingOptions {
  readonly labels: Readonly<Record<string, string>>;
  readonly indexAttributes: readonly string[];
  readonly maxLineBytes: number;
  readonly detectedLevel: boolean;
}

// The names and values of a record's fields with all of them set, less what `estimateRecordBytes` has for them already.
const FIELD_BYTES = 100;

// Where there is nothing to measure yet: the resource waits for its attributes.
const UNKNOWN_CONTEXT_BYTES = 1024;

const MAX_METADATA_BYTES = 65_536;

// What Loki makes of a severity number (pkg/distributor/field_detection.go), in steps of four.
const LEVELS: readonly string[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'];

const FIELD_NAMES = [
  'observed_timestamp',
  'severity_number',
  'severity_text',
  'dropped_attributes_count',
  'flags',
  'trace_id',
  'span_id',
  'event_name',
  'detected_level',
] as const;

type FieldNames = Readonly<Record<(typeof FIELD_NAMES)[number], LokiName>>;

/**
 * Writes records as Loki's own OTLP endpoint would store them: attributes of the index list as labels, all others as structured metadata, the body as the line.
 *
 * It differs on purpose in these:
 * - `detected_level` is sent, as Loki would derive it from the severity number. Left alone, Loki derives it from the severity text first and keeps words that it does not know.
 * - `event_name` is sent, as Loki versions after 3.7 do.
 * - An attribute whose name Loki refuses (`日本`) gets one that it takes; at Loki's OTLP endpoint it costs the request.
 * - NaN and infinities inside a map or an array are strings; there the whole text would be empty.
 * - What is beyond Loki's limits is cut, so that the record arrives.
 */
export class LokiMapping {
  readonly #options: LokiMappingOptions;
  readonly #onCut: (what: string) => void;
  readonly #names = new LokiNames();
  readonly #contexts: LokiContexts;
  readonly #metadata: LokiMetadata;
  readonly #nanos = new UnixNanos();
  readonly #arrivals = new WeakMap<LogRecord, string>();
  #fields: FieldNames;

  /** @param onCut called with `lines`, `attributes` or `labels` whenever some of them were cut */
  constructor(options: LokiMappingOptions, onCut: (what: string) => void) {
    this.#options = options;
    this.#onCut = onCut;
    this.#contexts = new LokiContexts(options.labels, options.indexAttributes, this.#names, onCut);
    this.#metadata = new LokiMetadata(this.#names, onCut);
    this.#fields = this.#fieldNames();
  }

  /** About how many bytes of line and structured metadata the record makes. Never throws. */
  sizeOf(record: LogRecord): number {
    const own = Math.min(estimateRecordBytes(record), this.#options.maxLineBytes + MAX_METADATA_BYTES) + FIELD_BYTES;
    try {
      return own + (this.#contexts.ofSettled(record.resource, record.instrumentationScope)?.bytes ?? UNKNOWN_CONTEXT_BYTES);
    } catch {
      return own + UNKNOWN_CONTEXT_BYTES;
    }
  }

  startBatch(): void {
    this.#contexts.startBatch();
  }

  /** Adds the record to the push. Throws what a getter of the record throws, and then has added nothing. */
  write(record: LogRecord, push: LokiPush): void {
    if (this.#names.isFull) {
      this.#names.clear();
      this.#metadata.forget();
      this.#fields = this.#fieldNames();
    }
    const context = this.#contexts.of(record.resource, record.instrumentationScope);
    const { hrTime, hrTimeObserved } = record;
    const time = this.#nanoseconds(hrTime);
    // Mostly both are the moment of the call.
    const observed = isSameTime(hrTime, hrTimeObserved) ? time : this.#nanoseconds(hrTimeObserved);
    this.#metadata.start(context);
    this.#addFields(record, time === '' ? '' : observed);
    this.#metadata.addAttributes(record.attributes);
    const line = this.#line(record.body);
    const timestamp = time || observed || this.#arrival(record);
    push.add(context, timestamp, line, this.#metadata);
  }

  #fieldNames(): FieldNames {
    return Object.fromEntries(FIELD_NAMES.map((name) => [name, this.#names.of(name)])) as FieldNames;
  }

  #addFields(record: LogRecord, observed: string): void {
    const metadata = this.#metadata;
    const fields = this.#fields;
    const severity: number = record.severityNumber ?? 0;
    const { severityText, droppedAttributesCount, spanContext, eventName } = record;
    if (observed !== '') {
      metadata.addField(fields.observed_timestamp, observed);
    }
    if (Number.isInteger(severity) && severity !== 0) {
      metadata.addField(fields.severity_number, String(severity));
      const level = LEVELS[Math.ceil(severity / 4) - 1];
      if (this.#options.detectedLevel && level !== undefined && record.attributes?.['detected_level'] === undefined) {
        metadata.addField(fields.detected_level, level);
      }
    }
    if (typeof severityText === 'string' && severityText !== '') {
      metadata.addField(fields.severity_text, severityText);
    }
    if (droppedAttributesCount > 0) {
      metadata.addField(fields.dropped_attributes_count, String(droppedAttributesCount));
    }
    if (typeof spanContext === 'object' && spanContext !== null) {
      const { traceFlags, traceId, spanId } = spanContext;
      if (traceFlags > 0) {
        metadata.addField(fields.flags, String(traceFlags));
      }
      if (isId(traceId, 32)) {
        metadata.addField(fields.trace_id, traceId.toLowerCase());
      }
      if (isId(spanId, 16)) {
        metadata.addField(fields.span_id, spanId.toLowerCase());
      }
    }
    if (typeof eventName === 'string' && eventName !== '') {
      metadata.addField(fields.event_name, eventName);
    }
  }

  #line(body: unknown): string {
    const { maxLineBytes } = this.#options;
    const text = textOf(body, maxLineBytes);
    const line = truncateUtf8(text, maxLineBytes);
    if (line.length < text.length) {
      this.#onCut('lines');
    }
    return line;
  }

  /** Empty if it is unset or no time that fits into an int64, for which Loki would refuse the whole request. */
  #nanoseconds(time: unknown): string {
    const nanos = this.#nanos;
    nanos.set(time);
    return (nanos.high === 0 && nanos.low === 0) || nanos.high >= 0x8000_0000 ? '' : nanos.toString();
  }

  /** The time of the first attempt to write a record without a time: Loki takes a repeated push for the same only if its times are the same. */
  #arrival(record: LogRecord): string {
    let arrival = this.#arrivals.get(record);
    if (arrival === undefined) {
      arrival = `${Date.now()}000000`;
      this.#arrivals.set(record, arrival);
    }
    return arrival;
  }
}

function isSameTime(a: LogRecord['hrTime'], b: LogRecord['hrTime']): boolean {
  return a?.[0] === b?.[0] && a?.[1] === b?.[1];
}

function isId(id: unknown, length: number): id is string {
  return typeof id === 'string' && id.length === length && /^[0-9a-f]*$/i.test(id) && /[^0]/.test(id);
}
