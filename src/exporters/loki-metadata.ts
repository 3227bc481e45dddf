import type { LokiName, LokiNames } from './loki-names';
import { isMap, MAX_DEPTH, textOf, truncateUtf8 } from './loki-values';

// Loki's defaults of max_structured_metadata_size and max_structured_metadata_entries_count: it drops an entry that has more.
const MAX_BYTES = 65_536;
const MAX_ENTRIES = 128;

// In maps. Only 128 entries can be kept; without a bound an object that refers to another one twice, on each of 30 levels, has a billion.
const MAX_VISITED = 4096;

/** What all records of one resource and scope have in common. */
export interface CommonMetadata {
  readonly entries: ReadonlyMap<string, string>;
  /** Of names and values, in UTF-8. */
  readonly bytes: number;
}

/** Takes the structured metadata of one entry, in whatever format. */
export interface MetadataWriter {
  /** All that the entry has in common with others. Comes first, if at all. */
  writeCommon(): void;
  write(name: LokiName, value: string): void;
}

/**
 * The structured metadata of one entry at a time: every name once, every value a string that is not empty, and never more than Loki takes.
 * Where several attributes become one name, it is as with Loki's OTLP endpoint: the scope's wins over the resource's,
 * the resource's over the record's fields, the fields over attributes, and of two attributes the later one.
 */
export class LokiMetadata {
  readonly #names: LokiNames;
  readonly #onCut: (what: string) => void;
  readonly #keys: LokiName[] = [];
  readonly #values: string[] = [];
  readonly #ancestors: object[] = [];
  #common: CommonMetadata | undefined = undefined;
  #record = 0;
  #count = 0;
  #fields = 0;
  #characters = 0;
  #visited = 0;

  constructor(names: LokiNames, onCut: (what: string) => void) {
    this.#names = names;
    this.#onCut = onCut;
  }

  /** Begins an entry. */
  start(common: CommonMetadata | undefined): void {
    if (this.#common !== common) {
      this.#common = common;
      for (const name of common?.entries.keys() ?? []) {
        this.#names.of(name).context = common;
      }
    }
    this.#record = this.#names.nextRecord();
    this.#count = 0;
    this.#fields = 0;
    this.#characters = 0;
    this.#visited = 0;
    this.#ancestors.length = 0;
  }

  /** The names were cleared. */
  forget(): void {
    this.#common = undefined;
  }

  /** A field of the record, with a name of its own. To be called before attributes are added. */
  addField(name: LokiName, value: string): void {
    this.#append(name, value);
    this.#fields = this.#count;
  }

  addAttributes(attributes: unknown): void {
    if (isMap(attributes)) {
      for (const key of Object.keys(attributes)) {
        this.addAttribute(key, attributes[key]);
      }
    }
  }

  addAttribute(key: string, value: unknown): void {
    if (isMap(value)) {
      this.#addMap(this.#names.of(key).name, value);
    } else {
      const text = textOf(value, MAX_BYTES);
      if (text !== '') {
        this.#addText(this.#names.of(key), text);
      }
    }
  }

  /** Without what is common. */
  entries(): Map<string, string> {
    return new Map(this.#keys.slice(0, this.#count).map((key, index) => [key.name, this.#values[index] as string]));
  }

  /** Hands over what is common, and all that was added since `start`. */
  writeTo(writer: MetadataWriter): void {
    const common = this.#common;
    // A character takes three bytes at most (a surrogate pair has four for two).
    if (this.#characters * 3 + (common?.bytes ?? 0) > MAX_BYTES || this.#count + (common?.entries.size ?? 0) > MAX_ENTRIES) {
      for (const { name, value } of this.#cut()) {
        writer.write(name, value);
      }
      return;
    }
    writer.writeCommon();
    for (let index = 0; index < this.#count; index++) {
      const key = this.#keys[index] as LokiName;
      if (common === undefined || key.context !== common) {
        writer.write(key, this.#values[index] as string);
      }
    }
  }

  #addMap(prefix: string, map: Readonly<Record<string, unknown>>): void {
    if (this.#ancestors.length >= MAX_DEPTH || this.#ancestors.includes(map)) {
      return;
    }
    this.#ancestors.push(map);
    for (const key of Object.keys(map)) {
      if (++this.#visited > MAX_VISITED) {
        this.#onCut('attributes');
        break;
      }
      this.addAttribute(`${prefix}_${key}`, map[key]);
    }
    this.#ancestors.pop();
  }

  #addText(name: LokiName, value: string): void {
    if (name.record !== this.#record) {
      this.#append(name, value);
    } else if (name.index >= this.#fields) {
      this.#characters += value.length - (this.#values[name.index] as string).length;
      this.#values[name.index] = value;
    }
  }

  #append(name: LokiName, value: string): void {
    name.record = this.#record;
    name.index = this.#count;
    this.#keys[this.#count] = name;
    this.#values[this.#count] = value;
    this.#count++;
    this.#characters += name.name.length + value.length;
  }

  /** The slow way, for an entry that may be too large. Attributes go first, the last ones before the others; the largest value is cut. */
  #cut(): Iterable<{ readonly name: LokiName; readonly value: string }> {
    const common = this.#common;
    const own = this.#keys.slice(0, this.#count).map((key, index) => ({ name: key, value: this.#values[index] as string }));
    const kept = own.filter(({ name }) => common === undefined || name.context !== common);
    const isField = ({ name }: { name: LokiName }): boolean => name.index < this.#fields;
    const all = [
      ...kept.filter(isField),
      ...Array.from(common?.entries ?? [], ([name, value]) => ({ name: this.#names.of(name), value })),
      ...kept.filter((entry) => !isField(entry)),
    ].map(({ name, value }) => ({ name, value, bytes: Buffer.byteLength(value) }));
    const entries = all.slice(0, MAX_ENTRIES);
    let excess = entries.reduce((sum, { name, bytes }) => sum + name.name.length + bytes, 0) - MAX_BYTES;
    if (excess > 0 || entries.length < all.length) {
      this.#onCut('attributes');
    }
    while (excess > 0) {
      const largest = entries.reduce((a, b) => (b.bytes + b.name.name.length > a.bytes + a.name.name.length ? b : a));
      const value = truncateUtf8(largest.value, Math.max(0, largest.bytes - excess));
      const bytes = Buffer.byteLength(value);
      excess -= largest.bytes - bytes;
      Object.assign(largest, { value, bytes });
      if (value === '') {
        excess -= largest.name.name.length;
        entries.splice(entries.indexOf(largest), 1);
      }
    }
    return entries;
  }
}
