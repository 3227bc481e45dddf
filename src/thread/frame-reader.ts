import type { AnyValue, Attributes, InstrumentationScope, LogRecord } from '../record';
import { BlockReader } from './block-reader';
import { readResource, readScope } from './definitions';
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
  TIME_SLOT,
  TRACE_FLAGS_WORD,
} from './frame-layout';
import type { StringTableReader } from './string-table-reader';
import { ThreadResource } from './thread-resource';

/** Scopes, and resources, that are not in the table and yet the same object for each of their frames. Beyond, they become new objects from time to time. */
export const MAX_INLINE_DEFINITIONS = 256;

type Writable<T> = { -readonly [Field in keyof T]: T[Field] };

/** Reads frames back into plain records with the values that the SDK's had. What was unset has no key. */
export class FrameReader {
  readonly #table: StringTableReader;
  readonly #block: BlockReader;
  readonly #inlineScopes = new Map<number, InstrumentationScope>();
  readonly #inlineResources = new Map<number, ThreadResource>();
  readonly #noScope: InstrumentationScope = { name: '' };
  readonly #noResource = new ThreadResource();

  constructor(table: StringTableReader) {
    this.#table = table;
    this.#block = new BlockReader(table);
    this.#noResource.define({}, undefined, true);
  }

  /**
   * @param bytes shared memory or a copy of a piece of it
   * @param length of the frame, as `FrameWriter.write` returned it
   * @throws RangeError if what stands there is no frame of the writer of the same table
   */
  read(bytes: Uint8Array, offset: number, length: number): LogRecord {
    const block = this.#block;
    const slot = block.begin(bytes, offset, length, FRAME_HEAD_SLOTS);
    const { words, doubles } = block;
    const word = 2 * slot;
    const flags = words[word + FLAGS_WORD] as number;
    // In the order in which they were written.
    const severityText = this.#name(words[word + SEVERITY_TEXT_WORD] as number);
    const eventName = this.#name(words[word + EVENT_NAME_WORD] as number);
    const spanContext = (flags & HAS_SPAN_CONTEXT) === 0 ? undefined : this.#spanContext(word, flags);
    const instrumentationScope = this.#scope(words[word + SCOPE_WORD] as number, (flags & HAS_INLINE_SCOPE) !== 0);
    const resource = this.#resource(words[word + RESOURCE_WORD] as number, (flags & HAS_INLINE_RESOURCE) !== 0);
    const body: AnyValue = (flags & HAS_BODY) === 0 ? undefined : block.value();
    const record: Writable<LogRecord> = {
      hrTime: [doubles[slot + TIME_SLOT] as number, doubles[slot + TIME_SLOT + 1] as number],
      hrTimeObserved: [doubles[slot + OBSERVED_TIME_SLOT] as number, doubles[slot + OBSERVED_TIME_SLOT + 1] as number],
      resource,
      instrumentationScope,
      attributes: (block.value() ?? {}) as Attributes,
      droppedAttributesCount: words[word + DROPPED_COUNT_WORD] as number,
    };
    if (body !== undefined) {
      record.body = body;
    }
    if (severityText !== undefined) {
      record.severityText = severityText;
    }
    if ((flags & HAS_SEVERITY_NUMBER) !== 0) {
      record.severityNumber = (words[word + SEVERITY_NUMBER_WORD] as number) | 0;
    }
    if (spanContext !== undefined) {
      record.spanContext = spanContext;
    }
    if (eventName !== undefined) {
      record.eventName = eventName;
    }
    return record;
  }

  #name(reference: number): string | undefined {
    if (reference === 0) {
      return undefined;
    }
    return reference < INLINE_TEXT ? this.#table.string(reference) : this.#block.text(reference - INLINE_TEXT);
  }

  #spanContext(word: number, flags: number): LogRecord['spanContext'] {
    const traceId = this.#block.value() as string;
    const spanId = this.#block.value() as string;
    const traceFlags = this.#block.words[word + TRACE_FLAGS_WORD] as number;
    return (flags & HAS_IS_REMOTE) === 0 ? { traceId, spanId, traceFlags } : { traceId, spanId, traceFlags, isRemote: (flags & IS_REMOTE) !== 0 };
  }

  #scope(id: number, isInline: boolean): InstrumentationScope {
    if (!isInline) {
      return id === 0 ? this.#noScope : this.#table.scope(id);
    }
    // Read even if it is known: the strings of the record come after its own.
    return keep(this.#inlineScopes, id, readScope(this.#block));
  }

  #resource(id: number, isInline: boolean): ThreadResource {
    if (!isInline) {
      return id === 0 ? this.#noResource : this.#table.resource(id);
    }
    const resource = new ThreadResource();
    readResource(this.#block, resource, true);
    return keep(this.#inlineResources, id, resource);
  }
}

/** The definition that was first met under this id. */
function keep<T>(definitions: Map<number, T>, id: number, definition: T): T {
  const known = definitions.get(id);
  if (known !== undefined) {
    return known;
  }
  if (definitions.size >= MAX_INLINE_DEFINITIONS) {
    definitions.clear();
  }
  definitions.set(id, definition);
  return definition;
}
