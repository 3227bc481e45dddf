import { settledResourceAttributes, type InstrumentationScope, type LogRecord, type Resource } from '../record';
import { AnyValueWriter } from './any-value';
import { hexDigit, int32Of, objectOf, textOf, uint32Of } from './record-fields';
import { UnixNanos } from './unix-nanos';
import { WireBuffer } from './wire-buffer';

/** A record that takes more is rejected: it is the specification's default limit for a whole request. */
export const MAX_RECORD_BYTES = 64 * 1024 * 1024;

const RESOURCE_LOGS_TAG = 0x0a;
const RESOURCE_TAG = 0x0a;
const RESOURCE_ATTRIBUTES_TAG = 0x0a;
const SCOPE_LOGS_TAG = 0x12;
const SCOPE_TAG = 0x0a;
const SCOPE_NAME_TAG = 0x0a;
const SCOPE_VERSION_TAG = 0x12;
const SCOPE_ATTRIBUTES_TAG = 0x1a;
const SCOPE_DROPPED_TAG = 0x20;
const SCHEMA_URL_TAG = 0x1a;
const LOG_RECORD_TAG = 0x12;
const TIME_TAG = 0x09;
const SEVERITY_NUMBER_TAG = 0x10;
const SEVERITY_TEXT_TAG = 0x1a;
const BODY_TAG = 0x2a;
const ATTRIBUTES_TAG = 0x32;
const DROPPED_TAG = 0x38;
const FLAGS_TAG = 0x45;
const TRACE_ID_TAG = 0x4a;
const SPAN_ID_TAG = 0x52;
const OBSERVED_TIME_TAG = 0x59;
const EVENT_NAME_TAG = 0x62;

// Most records take 128 bytes to 16 KiB. Those of the envelopes hold 4 GiB.
const RECORD_LENGTH_WIDTH = 2;
const ENVELOPE_LENGTH_WIDTH = 5;

// More than the fields of a record without strings, attributes and body take.
const SCALAR_FIELDS_BYTES = 96;

/**
 * Writes an OTLP `ExportLogsServiceRequest` (the same bytes as `LogsData`) in one pass into a buffer that is used again.
 * Every record has a nearest valid form: fields of a wrong type are left out, ids that are not hexadecimal as well, values OTLP does not know are empty.
 * Give it the records in the order of `orderByGroup`: each change of resource or scope opens an envelope.
 */
export class LogsEncoder {
  readonly #wire = new WireBuffer();
  readonly #values = new AnyValueWriter(this.#wire);
  readonly #nanos = new UnixNanos();
  readonly #resourceHeads = new WeakMap<object, Uint8Array>();
  readonly #scopeHeads = new WeakMap<object, Uint8Array>();
  #resource: unknown;
  #scope: unknown;
  // Where the content of the open envelopes begins; 0 if none is open. An open envelope always holds a record.
  #resourceStart = 0;
  #scopeStart = 0;

  /** Starts a new request. */
  begin(): void {
    this.#wire.position = 0;
    this.#resourceStart = 0;
    this.#scopeStart = 0;
  }

  /**
   * Never throws.
   * @returns false if the record has no valid form (a getter throws, it is larger than `MAX_RECORD_BYTES`, its values are too many): then nothing of it is in the request
   */
  add(record: LogRecord): boolean {
    let undoPosition = this.#wire.position;
    try {
      const resource: unknown = record.resource;
      const scope: unknown = record.instrumentationScope;
      const sameResource = this.#resourceStart !== 0 && resource === this.#resource;
      if (!sameResource || this.#scopeStart === 0 || scope !== this.#scope) {
        this.#closeScope();
        if (!sameResource) {
          this.#closeResource();
        }
        undoPosition = this.#wire.position;
        this.#wire.limit = undoPosition + MAX_RECORD_BYTES;
        this.#openGroup(resource, scope);
      }
      this.#wire.limit = undoPosition + MAX_RECORD_BYTES;
      this.#record(record);
      if (this.#wire.position > this.#wire.limit) {
        throw new RangeError(`a record takes at most ${MAX_RECORD_BYTES} bytes`);
      }
      return true;
    } catch {
      this.#undo(undoPosition);
      return false;
    }
  }

  /** The request, empty if no record was added. It is a view on the encoder's buffer, valid until the next `begin()`. */
  finish(): Uint8Array {
    this.#closeScope();
    this.#closeResource();
    return this.#wire.take();
  }

  #undo(position: number): void {
    this.#wire.position = position;
    if (this.#scopeStart > position) {
      this.#scopeStart = 0;
    }
    if (this.#resourceStart > position) {
      this.#resourceStart = 0;
    }
  }

  #openGroup(resource: unknown, scope: unknown): void {
    const wire = this.#wire;
    this.#values.reset();
    if (this.#resourceStart === 0) {
      wire.reserve(1 + ENVELOPE_LENGTH_WIDTH);
      wire.byte(RESOURCE_LOGS_TAG);
      this.#resourceStart = wire.open(ENVELOPE_LENGTH_WIDTH);
      this.#resource = resource;
      this.#resourceHead(objectOf(resource));
    }
    wire.reserve(1 + ENVELOPE_LENGTH_WIDTH);
    wire.byte(SCOPE_LOGS_TAG);
    this.#scopeStart = wire.open(ENVELOPE_LENGTH_WIDTH);
    this.#scope = scope;
    this.#scopeHead(objectOf(scope));
  }

  #closeScope(): void {
    if (this.#scopeStart !== 0) {
      this.#wire.close(this.#scopeStart, ENVELOPE_LENGTH_WIDTH);
      this.#scopeStart = 0;
    }
  }

  #closeResource(): void {
    if (this.#resourceStart !== 0) {
      this.#wire.close(this.#resourceStart, ENVELOPE_LENGTH_WIDTH);
      this.#resourceStart = 0;
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
    const headStart = wire.position;
    wire.reserve(3);
    wire.byte(RESOURCE_TAG);
    const start = wire.open(RECORD_LENGTH_WIDTH);
    this.#values.attributes(RESOURCE_ATTRIBUTES_TAG, settledResourceAttributes(resource as Resource));
    wire.close(start, RECORD_LENGTH_WIDTH);
    this.#text(SCHEMA_URL_TAG, resource.schemaUrl);
    if (isSettled) {
      this.#resourceHeads.set(resource, wire.copyFrom(headStart));
    }
  }

  #scopeHead(scope: Partial<InstrumentationScope>): void {
    const wire = this.#wire;
    const cached = this.#scopeHeads.get(scope);
    if (cached !== undefined) {
      wire.raw(cached);
      return;
    }
    const headStart = wire.position;
    wire.reserve(3);
    wire.byte(SCOPE_TAG);
    const start = wire.open(RECORD_LENGTH_WIDTH);
    this.#text(SCOPE_NAME_TAG, scope.name);
    this.#text(SCOPE_VERSION_TAG, scope.version);
    this.#values.attributes(SCOPE_ATTRIBUTES_TAG, scope.attributes);
    this.#count(SCOPE_DROPPED_TAG, scope.droppedAttributesCount);
    wire.close(start, RECORD_LENGTH_WIDTH);
    this.#text(SCHEMA_URL_TAG, scope.schemaUrl);
    this.#scopeHeads.set(scope, wire.copyFrom(headStart));
  }

  #record(record: LogRecord): void {
    const wire = this.#wire;
    this.#values.reset();
    wire.reserve(SCALAR_FIELDS_BYTES);
    wire.byte(LOG_RECORD_TAG);
    const start = wire.open(RECORD_LENGTH_WIDTH);
    this.#time(TIME_TAG, record.hrTime);
    this.#time(OBSERVED_TIME_TAG, record.hrTimeObserved);
    const severityNumber = int32Of(record.severityNumber);
    if (severityNumber !== 0) {
      wire.byte(SEVERITY_NUMBER_TAG);
      wire.int64(severityNumber);
    }
    this.#spanContext(record.spanContext);
    this.#text(SEVERITY_TEXT_TAG, record.severityText);
    this.#text(EVENT_NAME_TAG, record.eventName);
    const body: unknown = record.body;
    if (body !== undefined) {
      this.#values.field(BODY_TAG, body);
    }
    this.#values.attributes(ATTRIBUTES_TAG, record.attributes);
    this.#count(DROPPED_TAG, record.droppedAttributesCount);
    wire.close(start, RECORD_LENGTH_WIDTH);
  }

  #time(tag: number, hrTime: unknown): void {
    const { low, high } = this.#nanos.set(hrTime);
    if (low !== 0 || high !== 0) {
      this.#wire.byte(tag);
      this.#wire.fixed32(low);
      this.#wire.fixed32(high);
    }
  }

  #spanContext(spanContext: LogRecord['spanContext']): void {
    if (typeof spanContext !== 'object' || spanContext === null) {
      return;
    }
    const { traceId, spanId, traceFlags } = spanContext;
    if (!this.#id(TRACE_ID_TAG, traceId, 32)) {
      return;
    }
    this.#id(SPAN_ID_TAG, spanId, 16);
    const flags = uint32Of(traceFlags);
    if (flags !== 0) {
      this.#wire.byte(FLAGS_TAG);
      this.#wire.fixed32(flags);
    }
  }

  /** The rule of `isValidId`, in the same pass as the writing. */
  #id(tag: number, hex: unknown, digits: number): boolean {
    if (typeof hex !== 'string' || hex.length !== digits) {
      return false;
    }
    const wire = this.#wire;
    const undoPosition = wire.position;
    wire.byte(tag);
    wire.byte(digits / 2);
    let all = 0;
    for (let index = 0; index < digits; index += 2) {
      const byte = (hexDigit(hex.charCodeAt(index)) << 4) | hexDigit(hex.charCodeAt(index + 1));
      all |= byte;
      wire.byte(byte);
    }
    if (all <= 0) {
      wire.position = undoPosition;
      return false;
    }
    return true;
  }

  #text(tag: number, value: unknown): void {
    const text = textOf(value);
    if (text !== '') {
      this.#wire.reserve(1);
      this.#wire.byte(tag);
      this.#wire.string(text);
    }
  }

  #count(tag: number, value: unknown): void {
    const count = uint32Of(value);
    if (count !== 0) {
      this.#wire.reserve(6);
      this.#wire.byte(tag);
      this.#wire.uint32(count);
    }
  }
}
