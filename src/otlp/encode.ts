import { settledResourceAttributes, type InstrumentationScope, type LogRecord, type Resource } from '../record';
import { AnyValueWriter } from './any-value';
import { LogRecordWriter } from './log-record';
import { objectOf } from './record-fields';
import { writeCount, writeText } from './scalar-fields';
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

// Widths of lengths: a resource or scope takes 128 bytes to 16 KiB, mostly, an envelope up to 4 GiB.
const HEAD_LENGTH_WIDTH = 2;
const ENVELOPE_LENGTH_WIDTH = 5;

/**
 * Writes an OTLP `ExportLogsServiceRequest` (the same bytes as `LogsData`) in one pass into a buffer that is used again.
 * Every record has a nearest valid form: fields of a wrong type are left out, ids that are not hexadecimal as well, values OTLP does not know are empty.
 * Give it the records in the order of `orderByGroup`: each change of resource or scope opens an envelope.
 */
export class LogsEncoder {
  readonly #wire = new WireBuffer();
  readonly #values = new AnyValueWriter(this.#wire);
  readonly #records = new LogRecordWriter(this.#wire, this.#values);
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
      this.#records.write(record);
      if (this.#wire.position > this.#wire.limit) {
        throw new RangeError(`more than ${this.#wire.limit} bytes`);
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
    const start = wire.open(HEAD_LENGTH_WIDTH);
    this.#values.attributes(RESOURCE_ATTRIBUTES_TAG, settledResourceAttributes(resource as Resource));
    wire.close(start, HEAD_LENGTH_WIDTH);
    writeText(wire, SCHEMA_URL_TAG, resource.schemaUrl);
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
    const start = wire.open(HEAD_LENGTH_WIDTH);
    writeText(wire, SCOPE_NAME_TAG, scope.name);
    writeText(wire, SCOPE_VERSION_TAG, scope.version);
    this.#values.attributes(SCOPE_ATTRIBUTES_TAG, scope.attributes);
    writeCount(wire, SCOPE_DROPPED_TAG, scope.droppedAttributesCount);
    wire.close(start, HEAD_LENGTH_WIDTH);
    writeText(wire, SCHEMA_URL_TAG, scope.schemaUrl);
    this.#scopeHeads.set(scope, wire.copyFrom(headStart));
  }
}
