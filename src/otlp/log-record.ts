import type { LogRecord } from '../record';
import type { AnyValueWriter } from './any-value';
import { hexDigit, int32Of, uint32Of } from './record-fields';
import { writeCount, writeText } from './scalar-fields';
import { UnixNanos } from './unix-nanos';
import type { WireBuffer } from './wire-buffer';

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

// Most records take 128 bytes to 16 KiB.
const RECORD_LENGTH_WIDTH = 2;

// More than the fields of a record without strings, attributes and body take.
const SCALAR_FIELDS_BYTES = 96;

/** Writes `LogRecord` messages. */
export class LogRecordWriter {
  readonly #wire: WireBuffer;
  readonly #values: AnyValueWriter;
  readonly #nanos = new UnixNanos();

  constructor(wire: WireBuffer, values: AnyValueWriter) {
    this.#wire = wire;
    this.#values = values;
  }

  /** @throws whatever a getter throws, with a part of the record in the buffer */
  write(record: LogRecord): void {
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
    writeText(wire, SEVERITY_TEXT_TAG, record.severityText);
    writeText(wire, EVENT_NAME_TAG, record.eventName);
    const body: unknown = record.body;
    if (body !== undefined) {
      this.#values.field(BODY_TAG, body);
    }
    this.#values.attributes(ATTRIBUTES_TAG, record.attributes);
    writeCount(wire, DROPPED_TAG, record.droppedAttributesCount);
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
}
