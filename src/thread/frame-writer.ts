import { textOf, uint32Of } from '../otlp/record-fields';
import { settledResourceAttributes, type LogRecord, type Resource } from '../record';
import { BlockWriter } from './block-writer';
import { writeResource, writeScope } from './definitions';
import {
  DROPPED_COUNT_WORD,
  EVENT_NAME_WORD,
  FLAGS_WORD,
  FRAME_HEAD_SLOTS,
  HAS_BODY,
  HAS_INLINE_RESOURCE,
  HAS_INLINE_SCOPE,
  HAS_IS_REMOTE,
  HAS_SEVERITY_NUMBER,
  HAS_SPAN_CONTEXT,
  INLINE_TEXT,
  IS_REMOTE,
  OBSERVED_TIME_SLOT,
  RESOURCE_WORD,
  SCOPE_WORD,
  SEVERITY_NUMBER_WORD,
  SEVERITY_TEXT_WORD,
  SLOT_BYTES,
  TIME_SLOT,
  TRACE_FLAGS_WORD,
} from './frame-layout';
import type { StringTableWriter } from './string-table';

/**
 * Writes records as frames into shared memory: what crosses to the thread, private to this library (see `frame-layout`).
 * A record has its nearest valid form there, by the rules of the encoders: what has none is unset, the record is not lost for it.
 * `traceState` does not cross: no exporter of log records uses it.
 */
export class FrameWriter {
  readonly #table: StringTableWriter;
  readonly #block: BlockWriter;
  #isWriting = false;
  // Of the last record: nearly always those of the next one too.
  #severityText: string | undefined = undefined;
  #severityTextId = 0;
  #scope: unknown = undefined;
  #scopeId = 0;
  #resource: unknown = undefined;
  #resourceId = 0;

  /** @param data the memory of the ring */
  constructor(table: StringTableWriter, data: SharedArrayBuffer) {
    this.#table = table;
    this.#block = new BlockWriter(data, table);
  }

  /**
   * Writes the record at byte `offset`, a multiple of 8, and never at or beyond byte `limit`. Never throws.
   * @returns the bytes used, a multiple of 8; 0 if it does not fit; -1 if it has no valid form: a getter throws, the values or the text are too many, or a getter logs
   */
  write(record: LogRecord, offset: number, limit: number): number {
    // A getter of the body may log by itself: its record would be written into the middle of this one.
    if (this.#isWriting) {
      return -1;
    }
    this.#isWriting = true;
    try {
      return this.#write(record, offset, limit);
    } catch {
      this.#block.abandon();
      return -1;
    } finally {
      this.#isWriting = false;
    }
  }

  #write(record: LogRecord, offset: number, limit: number): number {
    const block = this.#block;
    if (!block.begin(offset, limit, FRAME_HEAD_SLOTS)) {
      return 0;
    }
    const words = block.words;
    const slot = offset / SLOT_BYTES;
    const word = 2 * slot;
    this.#time(slot + TIME_SLOT, record.hrTime);
    this.#time(slot + OBSERVED_TIME_SLOT, record.hrTimeObserved);
    words[word + DROPPED_COUNT_WORD] = uint32Of(record.droppedAttributesCount);
    words[word + SEVERITY_TEXT_WORD] = this.#severityTextReference(record.severityText);
    words[word + EVENT_NAME_WORD] = this.#nameReference(record.eventName);
    let flags = this.#spanContext(word, record.spanContext);
    const severityNumber: unknown = record.severityNumber;
    if (typeof severityNumber === 'number' && (severityNumber | 0) === severityNumber) {
      flags |= HAS_SEVERITY_NUMBER;
      words[word + SEVERITY_NUMBER_WORD] = severityNumber;
    }
    flags |= this.#scopeDefinition(word, record.instrumentationScope);
    flags |= this.#resourceDefinition(word, record.resource);
    const body: unknown = record.body;
    if (body !== undefined) {
      flags |= HAS_BODY;
      block.value(body);
    }
    block.attributes(record.attributes);
    words[word + FLAGS_WORD] = flags;
    return block.end();
  }

  #time(slot: number, hrTime: unknown): void {
    const doubles = this.#block.doubles;
    if (Array.isArray(hrTime)) {
      const seconds: unknown = hrTime[0];
      const nanos: unknown = hrTime[1];
      if (typeof seconds === 'number' && typeof nanos === 'number') {
        doubles[slot] = seconds;
        doubles[slot + 1] = nanos;
        return;
      }
    }
    doubles[slot] = 0;
    doubles[slot + 1] = 0;
  }

  #severityTextReference(severityText: unknown): number {
    if (severityText === undefined) {
      return 0;
    }
    if (severityText === this.#severityText) {
      return this.#severityTextId;
    }
    const reference = this.#nameReference(severityText);
    if (reference < INLINE_TEXT) {
      this.#severityText = severityText as string;
      this.#severityTextId = reference;
    }
    return reference;
  }

  #nameReference(name: unknown): number {
    if (name === undefined) {
      return 0;
    }
    const text = textOf(name);
    if (text === '' && typeof name !== 'string') {
      return 0;
    }
    const id = this.#table.nameId(text);
    if (id !== 0) {
      return id;
    }
    this.#block.text(text);
    return INLINE_TEXT + text.length;
  }

  /** @returns its flags */
  #spanContext(word: number, spanContext: LogRecord['spanContext']): number {
    if (typeof spanContext !== 'object' || spanContext === null) {
      return 0;
    }
    const block = this.#block;
    block.id(stringOf(spanContext.traceId));
    block.id(stringOf(spanContext.spanId));
    block.words[word + TRACE_FLAGS_WORD] = uint32Of(spanContext.traceFlags);
    const isRemote: unknown = spanContext.isRemote;
    return HAS_SPAN_CONTEXT | (typeof isRemote === 'boolean' ? HAS_IS_REMOTE | (isRemote ? IS_REMOTE : 0) : 0);
  }

  /** @returns its flags */
  #scopeDefinition(word: number, scope: unknown): number {
    if (typeof scope !== 'object' || scope === null) {
      this.#block.words[word + SCOPE_WORD] = 0;
      return 0;
    }
    if (scope !== this.#scope) {
      this.#scopeId = this.#table.scopeId(scope);
      this.#scope = scope;
    }
    if (this.#scopeId > 0) {
      this.#block.words[word + SCOPE_WORD] = this.#scopeId;
      return 0;
    }
    this.#block.words[word + SCOPE_WORD] = -this.#scopeId;
    writeScope(this.#block, scope);
    return HAS_INLINE_SCOPE;
  }

  /** @returns its flags */
  #resourceDefinition(word: number, given: unknown): number {
    const words = this.#block.words;
    if (given === this.#resource) {
      words[word + RESOURCE_WORD] = this.#resourceId;
      return 0;
    }
    if (typeof given !== 'object' || given === null) {
      words[word + RESOURCE_WORD] = 0;
      return 0;
    }
    const resource = given as Resource;
    const id = this.#table.resourceId(resource);
    if (id > 0) {
      words[word + RESOURCE_WORD] = id;
      // Until then its id may change, because its definition may turn out too large for the table.
      if (this.#table.isSettled(id)) {
        this.#resource = resource;
        this.#resourceId = id;
      }
      return 0;
    }
    words[word + RESOURCE_WORD] = -id;
    writeResource(this.#block, settledResourceAttributes(resource), resource.schemaUrl);
    return HAS_INLINE_RESOURCE;
  }
}

/** An id of another type is none. */
function stringOf(id: unknown): string {
  return typeof id === 'string' ? id : '';
}
