/** A name as Loki stores it, and what the mapping notes about it while it writes one record. */
export interface LokiName {
  readonly name: string;
  /** The name as a key of a JSON object, colon included. */
  readonly json: string;
  /** The serial number of the last record that had it. */
  record: number;
  /** Where in that record. */
  index: number;
  /** Whose resource or scope has it, of the one that is being written. */
  context: object | undefined;
}

// Enough for every name of an ordinary application; names made from data (one per user, one per file) come and go.
const MAX_NAMES = 4096;
const MAX_CHARACTERS = 1024 * 1024;

/**
 * The name that Loki's OTLP endpoint gives to an attribute (`LabelNamer` of prometheus/otlptranslator 1.0): runs of other characters become one `_`,
 * a leading digit gets `key_`, `__x__` keeps its double underscores.
 *
 * Where nothing but underscores would be left, Loki refuses the whole request. Then, and only then, the name is one of our own, made of code points: `日本` becomes `key_65e5_672c`.
 */
export function lokiName(key: string): string {
  const isReserved = key.length >= 4 && key.startsWith('__') && key.endsWith('__');
  const collapsed = (isReserved ? key.slice(2, -2) : key).replace(/[^A-Za-z0-9]+/g, '_');
  const name = isReserved ? `__${collapsed}__` : collapsed;
  if (!/[^_]/.test(name)) {
    return `key_${Array.from(key, (character) => character.codePointAt(0)?.toString(16)).join('_')}`;
  }
  return /^\d/.test(name) ? `key_${name}` : name;
}

/** The names of attributes, remembered within a bound. Two keys that become one name share one entry, until `clear`. */
export class LokiNames {
  readonly #byKey = new Map<string, LokiName>();
  readonly #byName = new Map<string, LokiName>();
  #characters = 0;
  #record = 0;

  /** Time for `clear`, which must not come in the middle of a record. */
  get isFull(): boolean {
    return this.#byKey.size > MAX_NAMES || this.#characters > MAX_CHARACTERS;
  }

  get size(): number {
    return this.#byKey.size;
  }

  clear(): void {
    this.#byKey.clear();
    this.#byName.clear();
    this.#characters = 0;
  }

  /** A number that no record had before. */
  nextRecord(): number {
    return ++this.#record;
  }

  of(key: string): LokiName {
    return this.#byKey.get(key) ?? this.#add(key);
  }

  #add(key: string): LokiName {
    const name = lokiName(key);
    let entry = this.#byName.get(name);
    if (entry === undefined) {
      entry = { name, json: `"${name}":`, record: 0, index: 0, context: undefined };
      this.#byName.set(name, entry);
    }
    this.#byKey.set(key, entry);
    this.#characters += key.length;
    return entry;
  }
}
