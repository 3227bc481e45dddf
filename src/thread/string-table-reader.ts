import type { InstrumentationScope } from '../record';
import { BlockReader, type KeyTexts } from './block-reader';
import { readResource, readScope } from './definitions';
import { BLOCK_BYTES_WORD, ENTRY_HEAD_SLOTS, ENTRY_KIND_WORD, ENTRY_RESOURCE, ENTRY_RESOURCE_WORD, ENTRY_SCOPE, ENTRY_STRING, TABLE_HEAD_BYTES } from './frame-layout';
import { ThreadResource } from './thread-resource';

/** The other side of `StringTableWriter`. A new one reads the table from its start, so that a restarted thread knows what the last one knew. */
export class StringTableReader implements KeyTexts {
  readonly #published: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #block = new BlockReader();
  // By id. Ids begin at 1.
  readonly #strings: (string | undefined)[] = [undefined];
  readonly #scopes: (InstrumentationScope | undefined)[] = [undefined];
  readonly #resources: (ThreadResource | undefined)[] = [undefined];
  #position = TABLE_HEAD_BYTES;
  #entries = 0;

  constructor(shared: SharedArrayBuffer) {
    this.#published = new Int32Array(shared, 0, 1);
    this.#bytes = new Uint8Array(shared);
  }

  /** Reads what has been published since the last time. Resources whose definition is among it have settled then. */
  refresh(): void {
    const published = Atomics.load(this.#published, 0);
    while (this.#entries < published) {
      this.#readEntry();
    }
  }

  /** @throws RangeError if nothing of this id has been published */
  string(id: number): string {
    return this.#strings[id] ?? this.#afterRefresh(this.#strings, id);
  }

  /**
   * The same object for the same id.
   * @throws RangeError if nothing of this id has been published
   */
  scope(id: number): InstrumentationScope {
    return this.#scopes[id] ?? this.#afterRefresh(this.#scopes, id);
  }

  /** The same object for the same id, pending until its definition has been published. */
  resource(id: number): ThreadResource {
    let resource = this.#resources[id];
    if (resource === undefined) {
      this.refresh();
      resource = this.#resources[id] ??= new ThreadResource();
    }
    return resource;
  }

  #afterRefresh<T>(entries: readonly (T | undefined)[], id: number): T {
    this.refresh();
    const entry = entries[id];
    if (entry === undefined) {
      throw new RangeError(`no entry ${id} in the table of the frames`);
    }
    return entry;
  }

  #readEntry(): void {
    const block = this.#block;
    const slot = block.begin(this.#bytes, this.#position, 0, ENTRY_HEAD_SLOTS);
    const word = 2 * slot;
    const kind = block.words[word + ENTRY_KIND_WORD] as number;
    const id = ++this.#entries;
    this.#position += block.words[word + BLOCK_BYTES_WORD] as number;
    if (kind === ENTRY_STRING) {
      this.#strings[id] = block.value() as string;
    } else if (kind === ENTRY_SCOPE) {
      this.#scopes[id] = readScope(block);
    } else {
      const resource = (this.#resources[block.words[word + ENTRY_RESOURCE_WORD] as number] ??= new ThreadResource());
      readResource(block, resource, kind === ENTRY_RESOURCE);
    }
  }
}
