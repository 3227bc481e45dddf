import { settledResourceAttributes, type InstrumentationScope, type LogRecord, type Resource } from '../record';
import { AnyValueJsonWriter } from './any-value-json';
import { MAX_RECORD_BYTES } from './encode';
import { writeQuoted } from './json-text';
import { textLiteral, type Literal } from './literal';
import { int32Of, isValidId, objectOf, textOf, uint32Of } from './record-fields';
import { UnixNanos } from './unix-nanos';
import { WireBuffer } from './wire-buffer';

// Half of what a string of V8 holds: `finish` must not fail.
const MAX_DOCUMENT_BYTES = 256 * 1024 * 1024;

const DOCUMENT = textLiteral('{"resourceLogs":[');
const DOCUMENT_END = textLiteral(']}]}]}');
const NEXT_RECORD = textLiteral(',');
const NEXT_SCOPE = textLiteral(']},');
const NEXT_RESOURCE = textLiteral(']}]},');

const RESOURCE = textLiteral('{"resource":{');
const RESOURCE_ATTRIBUTES = textLiteral('"attributes":');
const SCOPE_LOGS = textLiteral(',"scopeLogs":[');
const SCOPE = textLiteral('{"scope":{"name":');
const VERSION = textLiteral(',"version":');
const ATTRIBUTES = textLiteral(',"attributes":');
const DROPPED_ATTRIBUTES_COUNT = textLiteral(',"droppedAttributesCount":');
const END = textLiteral('}');
const SCHEMA_URL = textLiteral(',"schemaUrl":');
const LOG_RECORDS = textLiteral(',"logRecords":[');

const TIME = textLiteral('{"timeUnixNano":"');
const OBSERVED_TIME = textLiteral('","observedTimeUnixNano":"');
const QUOTE = textLiteral('"');
const SEVERITY_NUMBER = textLiteral(',"severityNumber":');
const SEVERITY_TEXT = textLiteral(',"severityText":');
const BODY = textLiteral(',"body":');
const FLAGS = textLiteral(',"flags":');
const TRACE_ID = textLiteral(',"traceId":"');
const SPAN_ID = textLiteral(',"spanId":"');
const EVENT_NAME = textLiteral(',"eventName":');

/**
 * Writes one `LogsData` document in the JSON of the OTLP specification ("JSON Protobuf Encoding"), without a line break in it.
 * Numbers and texts at their default are left out. The same rules as `LogsEncoder` for records that are not what their type says.
 */
export class LogsJsonEncoder {
  readonly #wire = new WireBuffer();
  readonly #values = new AnyValueJsonWriter(this.#wire);
  readonly #nanos = new UnixNanos();
  readonly #resourceHeads = new WeakMap<object, Uint8Array>();
  readonly #scopeHeads = new WeakMap<object, Uint8Array>();
  #resource: unknown;
  #scope: unknown;

  /** The document so far, without its end. */
  get bytes(): number {
    return this.#wire.position;
  }

  /** Starts a new document. */
  begin(): void {
    this.#wire.position = 0;
  }

  /**
   * Never throws.
   * @returns false if the record has no valid form (see `LogsEncoder.add`): then nothing of it is in the document
   */
  add(record: LogRecord): boolean {
    const wire = this.#wire;
    const undoPosition = wire.position;
    try {
      wire.limit = Math.min(undoPosition + MAX_RECORD_BYTES, MAX_DOCUMENT_BYTES);
      const resource: unknown = record.resource;
      const scope: unknown = record.instrumentationScope;
      this.#values.reset();
      this.#separator(resource, scope);
      this.#record(record);
      if (wire.position > wire.limit) {
        throw new RangeError(`more than ${wire.limit} bytes`);
      }
      this.#resource = resource;
      this.#scope = scope;
      return true;
    } catch {
      wire.position = undoPosition;
      return false;
    }
  }

  /** The document; an empty string if no record was added. */
  finish(): string {
    const { buffer, byteOffset, length } = this.finishBytes();
    return Buffer.from(buffer, byteOffset, length).toString();
  }

  /** The document in UTF-8, empty if no record was added: a view on the encoder's buffer, valid until the next `begin()`. Either this or `finish`, once. */
  finishBytes(): Uint8Array {
    if (this.#wire.position > 0) {
      this.#wire.limit = Infinity;
      this.#wire.literal(DOCUMENT_END);
    }
    return this.#wire.take();
  }

  /** What stands between the document so far and the next record. */
  #separator(resource: unknown, scope: unknown): void {
    const wire = this.#wire;
    const isFirst = wire.position === 0;
    if (isFirst || resource !== this.#resource) {
      wire.literal(isFirst ? DOCUMENT : NEXT_RESOURCE);
      this.#resourceHead(objectOf(resource));
      this.#scopeHead(objectOf(scope));
    } else if (scope !== this.#scope) {
      wire.literal(NEXT_SCOPE);
      this.#scopeHead(objectOf(scope));
    } else {
      wire.literal(NEXT_RECORD);
    }
  }

  #resourceHead(resource: Partial<Resource>): void {
    const wire = this.#wire;
    const cached = this.#resourceHeads.get(resource);
    if (cached !== undefined) {
      wire.raw(cached);
      return;
    }
    const isSettled = resource.asyncAttributesPending !== true;
    const start = wire.position;
    wire.literal(RESOURCE);
    this.#values.attributes(RESOURCE_ATTRIBUTES, settledResourceAttributes(resource as Resource));
    wire.literal(END);
    this.#text(SCHEMA_URL, resource.schemaUrl);
    wire.literal(SCOPE_LOGS);
    if (isSettled) {
      this.#resourceHeads.set(resource, wire.copyFrom(start));
    }
  }

  #scopeHead(scope: Partial<InstrumentationScope>): void {
    const wire = this.#wire;
    const cached = this.#scopeHeads.get(scope);
    if (cached !== undefined) {
      wire.raw(cached);
      return;
    }
    const start = wire.position;
    wire.literal(SCOPE);
    writeQuoted(wire, textOf(scope.name));
    this.#text(VERSION, scope.version);
    this.#values.attributes(ATTRIBUTES, scope.attributes);
    this.#number(DROPPED_ATTRIBUTES_COUNT, uint32Of(scope.droppedAttributesCount));
    wire.literal(END);
    this.#text(SCHEMA_URL, scope.schemaUrl);
    wire.literal(LOG_RECORDS);
    this.#scopeHeads.set(scope, wire.copyFrom(start));
  }

  #record(record: LogRecord): void {
    const wire = this.#wire;
    wire.literal(TIME);
    wire.ascii(this.#nanos.set(record.hrTime).toString());
    wire.literal(OBSERVED_TIME);
    wire.ascii(this.#nanos.set(record.hrTimeObserved).toString());
    wire.literal(QUOTE);
    this.#number(SEVERITY_NUMBER, int32Of(record.severityNumber));
    this.#text(SEVERITY_TEXT, record.severityText);
    const body: unknown = record.body;
    if (body !== undefined) {
      wire.literal(BODY);
      this.#values.value(body);
    }
    this.#values.attributes(ATTRIBUTES, record.attributes);
    this.#number(DROPPED_ATTRIBUTES_COUNT, uint32Of(record.droppedAttributesCount));
    this.#spanContext(record.spanContext);
    this.#text(EVENT_NAME, record.eventName);
    wire.literal(END);
  }

  #spanContext(spanContext: LogRecord['spanContext']): void {
    if (typeof spanContext !== 'object' || spanContext === null) {
      return;
    }
    const { traceId, spanId, traceFlags } = spanContext;
    if (!isValidId(traceId, 32)) {
      return;
    }
    this.#number(FLAGS, uint32Of(traceFlags));
    this.#id(TRACE_ID, traceId);
    if (isValidId(spanId, 16)) {
      this.#id(SPAN_ID, spanId);
    }
  }

  #id(name: Literal, id: string): void {
    this.#wire.literal(name);
    this.#wire.ascii(id.toLowerCase());
    this.#wire.literal(QUOTE);
  }

  #text(name: Literal, value: unknown): void {
    const text = textOf(value);
    if (text !== '') {
      this.#wire.literal(name);
      writeQuoted(this.#wire, text);
    }
  }

  #number(name: Literal, value: number): void {
    if (value !== 0) {
      this.#wire.literal(name);
      this.#wire.ascii(String(value));
    }
  }
}
