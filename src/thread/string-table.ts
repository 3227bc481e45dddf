import { settledResourceAttributes, type InstrumentationScope, type Resource } from '../record';
import { BlockWriter, type KeyIds } from './block-writer';
import { writeResource, writeScope } from './definitions';
import {
  ENTRY_HEAD_SLOTS,
  ENTRY_KIND_WORD,
  ENTRY_RESOURCE,
  ENTRY_RESOURCE_WORD,
  ENTRY_SCOPE,
  ENTRY_STRING,
  ENTRY_UNSETTLED_RESOURCE,
  SLOT_BYTES,
  TABLE_HEAD_BYTES,
} from './frame-layout';

const DEFAULT_TABLE_BYTES = 1024 * 1024;

/** Keys of attributes. More different ones are data rather than names. */
export const MAX_KEYS = 4_096;

/** Severity texts and names of events, together. */
export const MAX_NAMES = 256;

/** In UTF-16 units. Longer strings are not taken. */
export const MAX_STRING_LENGTH = 128;

/** Resources whose attributes have not settled, at one time. */
export const MAX_UNSETTLED = 64;

// Strings and scopes leave room for what is more expensive to do without.
const SHARE_OF_STRINGS = 0.5;
const SHARE_OF_STRINGS_AND_SCOPES = 0.75;

// The entry of a resource that says no more than that it has settled: two heads and two values.
const MIN_RESOURCE_BYTES = 5 * SLOT_BYTES;

/** Memory for a table. Default 1 MiB. */
export function createStringTable(bytes: number = DEFAULT_TABLE_BYTES): SharedArrayBuffer {
  return new SharedArrayBuffer(Math.max(TABLE_HEAD_BYTES, Math.ceil(bytes / SLOT_BYTES) * SLOT_BYTES));
}

/**
 * What repeats from record to record stands in a table of its own, where neither an overflow of the ring nor a restart of the reader loses it:
 * attribute keys, severity texts, names of events, scopes, resources. It only grows, up to its bounds; an id is never used again.
 * An entry is published by one atomic store, before the frame that refers to it.
 */
export class StringTableWriter implements KeyIds {
  readonly #published: Int32Array;
  readonly #block: BlockWriter;
  readonly #size: number;
  readonly #keys = new Map<string, number>();
  readonly #names = new Map<string, number>();
  readonly #scopes = new WeakMap<object, number>();
  readonly #resources = new WeakMap<object, number>();
  readonly #unsettled = new Map<number, Resource>();
  readonly #onUnsettled: ((resource: Resource, id: number) => void) | undefined;
  readonly #nextKeys: (string | undefined)[] = [];
  readonly #nextIds: number[] = [];
  #position = TABLE_HEAD_BYTES;
  #entries = 0;
  #resourceIds = 0;
  #inlineIds = 0;

  /**
   * @param shared as `createStringTable` makes it
   * @param onUnsettled called once for each resource that is met with attributes pending; `publishResource` is to follow when they have settled
   */
  constructor(shared: SharedArrayBuffer, onUnsettled?: (resource: Resource, id: number) => void) {
    this.#published = new Int32Array(shared, 0, 1);
    this.#block = new BlockWriter(shared);
    this.#size = shared.byteLength;
    this.#onUnsettled = onUnsettled;
  }

  /** Bytes in use, at most those of the shared memory. */
  get bytes(): number {
    return this.#position;
  }

  /** The id of the key of an attribute; 0 if it is not in the table and cannot be taken in. */
  stringId(key: string): number {
    return this.#keys.get(key) ?? this.#addString(this.#keys, MAX_KEYS, key);
  }

  /** The same, faster if this key followed the previous one last time as well, as it does in records of one place in the code. */
  keyIdAfter(previousId: number, key: string): number {
    if (this.#nextKeys[previousId] === key) {
      return this.#nextIds[previousId] as number;
    }
    const id = this.stringId(key);
    if (id !== 0) {
      while (this.#nextKeys.length <= previousId) {
        this.#nextKeys.push(undefined);
        this.#nextIds.push(0);
      }
      this.#nextKeys[previousId] = key;
      this.#nextIds[previousId] = id;
    }
    return id;
  }

  /** The same for severity texts and names of events. */
  nameId(name: string): number {
    return this.#names.get(name) ?? this.#addString(this.#names, MAX_NAMES, name);
  }

  /** The id of the scope; negative if its definition has to go into each frame, with the negated number, which is the same for the same scope. */
  scopeId(scope: Partial<InstrumentationScope>): number {
    const known = this.#scopes.get(scope);
    if (known !== undefined) {
      return known;
    }
    const isPublished = this.#append(ENTRY_SCOPE, 0, this.#limit(SHARE_OF_STRINGS_AND_SCOPES), (block) => writeScope(block, scope));
    const id = isPublished ? this.#entries : -++this.#inlineIds;
    this.#scopes.set(scope, id);
    return id;
  }

  /** The same for resources. Of one that has not settled only what has settled is published now. */
  resourceId(resource: Resource): number {
    const known = this.#resources.get(resource);
    if (known !== undefined) {
      return known;
    }
    let id: number;
    if (resource.asyncAttributesPending !== true) {
      const isPublished = this.#appendResource(ENTRY_RESOURCE, this.#resourceIds + 1, resource);
      id = isPublished ? ++this.#resourceIds : -++this.#inlineIds;
    } else if (this.#unsettled.size < MAX_UNSETTLED && this.#position + MIN_RESOURCE_BYTES <= this.#limit(1)) {
      id = ++this.#resourceIds;
      this.#unsettled.set(id, resource);
      this.#appendResource(ENTRY_UNSETTLED_RESOURCE, id, resource);
      this.#onUnsettled?.(resource, id);
    } else {
      // Not remembered, since the definition will change: each record is sent with what has settled when it is emitted.
      return -++this.#inlineIds;
    }
    this.#resources.set(resource, id);
    return id;
  }

  /**
   * Publishes the definition of a resource that had not settled: records of it that were emitted before are sent with this. Later calls for the same id change nothing.
   * Never throws.
   * @returns false if it does not fit: the records so far keep what had settled when the resource was met, and each later one carries its resource
   */
  publishResource(id: number, attributes: Resource['attributes'], schemaUrl: string | undefined): boolean {
    const resource = this.#unsettled.get(id);
    if (resource === undefined) {
      return true;
    }
    this.#unsettled.delete(id);
    const limit = this.#limit(1);
    try {
      if (this.#append(ENTRY_RESOURCE, id, limit, (block) => writeResource(block, attributes, schemaUrl))) {
        return true;
      }
    } catch {
      // A getter throws: as if it did not fit.
    }
    this.#append(ENTRY_RESOURCE, id, limit, (block) => writeResource(block, undefined, undefined));
    this.#resources.set(resource, -++this.#inlineIds);
    return false;
  }

  /** Whether the definition of the resource has been published. */
  isSettled(id: number): boolean {
    return !this.#unsettled.has(id);
  }

  /** Publishes every resource that has not settled with what it has: at the end of the process there is nothing more to wait for. Never throws. */
  publishUnsettled(): void {
    for (const [id, resource] of this.#unsettled) {
      let attributes: Resource['attributes'] = {};
      let schemaUrl: string | undefined;
      try {
        attributes = settledResourceAttributes(resource);
        schemaUrl = resource.schemaUrl;
      } catch {
        // A getter throws: the resource has no attributes.
      }
      this.publishResource(id, attributes, schemaUrl);
    }
  }

  #addString(ids: Map<string, number>, maxIds: number, text: string): number {
    if (ids.size >= maxIds || text.length > MAX_STRING_LENGTH) {
      return 0;
    }
    if (!this.#append(ENTRY_STRING, 0, this.#limit(SHARE_OF_STRINGS), (block) => block.value(text))) {
      return 0;
    }
    // A copy, because a slice keeps the whole string alive of which it is a part.
    ids.set(Buffer.from(text, 'utf16le').toString('utf16le'), this.#entries);
    return this.#entries;
  }

  #appendResource(kind: number, id: number, resource: Resource): boolean {
    const attributes = settledResourceAttributes(resource);
    const schemaUrl = resource.schemaUrl;
    return this.#append(kind, id, this.#limit(1), (block) => writeResource(block, attributes, schemaUrl));
  }

  /** Where entries must end that may take this share of the table. Every resource that has not settled has a place kept for it. */
  #limit(share: number): number {
    return Math.min(this.#size * share, this.#size - this.#unsettled.size * MIN_RESOURCE_BYTES);
  }

  #append(kind: number, resourceId: number, limit: number, write: (block: BlockWriter) => void): boolean {
    const block = this.#block;
    if (!block.begin(this.#position, limit, ENTRY_HEAD_SLOTS)) {
      return false;
    }
    const word = this.#position / Uint32Array.BYTES_PER_ELEMENT;
    block.words[word + ENTRY_KIND_WORD] = kind;
    block.words[word + ENTRY_RESOURCE_WORD] = resourceId;
    write(block);
    const bytes = block.end();
    if (bytes === 0) {
      return false;
    }
    this.#position += bytes;
    // Orders what was written before it for whoever loads it.
    Atomics.store(this.#published, 0, ++this.#entries);
    return true;
  }
}
