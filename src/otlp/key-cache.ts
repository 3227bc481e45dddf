/** Keys of attributes repeat from record to record. More than this many different ones are data rather than names. */
export const MAX_CACHED_KEYS = 1_024;

/** Longer keys are not kept: together with the number of keys this bounds the memory of the cache. */
export const MAX_CACHED_KEY_LENGTH = 128;

/** The encoded form of attribute keys, bounded in number and length. */
export class KeyCache<T> {
  readonly #entries = new Map<string, T>();
  readonly #encode: (key: string) => T;

  constructor(encode: (key: string) => T) {
    this.#encode = encode;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** @returns undefined if the key is not kept: the caller encodes it by itself */
  get(key: string): T | undefined {
    return this.#entries.get(key) ?? this.#add(key);
  }

  #add(key: string): T | undefined {
    if (this.#entries.size >= MAX_CACHED_KEYS || key.length > MAX_CACHED_KEY_LENGTH) {
      return undefined;
    }
    const entry = this.#encode(key);
    this.#entries.set(key, entry);
    return entry;
  }
}
