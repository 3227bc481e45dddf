// DESIGN, guarantee 7: deeper nesting is cut.
export const MAX_DEPTH = 64;

// Control characters, the quote, the backslash and surrogates, said by what they are not.
const ESCAPED_IN_JSON = /[^ !#-[\]-\ud7ff\ue000-\uffff]/;
const SURROGATE = /[\ud800-\udfff]/;

/** A string as JSON. Lone surrogates become U+FFFD: Loki refuses a whole request for one. */
export function quote(text: string): string {
  return ESCAPED_IN_JSON.test(text) ? JSON.stringify(wellFormed(text)) : `"${text}"`;
}

export function wellFormed(text: string): string {
  // Node 20 has it; the type declarations of ES2023 do not.
  return SURROGATE.test(text) ? (text as unknown as { toWellFormed(): string }).toWellFormed() : text;
}

/** The longest beginning that takes no more than `maxBytes` in UTF-8. */
export function truncateUtf8(text: string, maxBytes: number): string {
  if (text.length * 3 <= maxBytes || Buffer.byteLength(text) <= maxBytes) {
    return text;
  }
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(maxBytes));
  return text.slice(0, read);
}

export function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);
}

/**
 * A value as Loki's OTLP endpoint writes it (`Value.AsString` of the Collector's pdata): numbers as ECMAScript does, bytes as base64, arrays and maps as JSON,
 * nothing for null and for what OTLP has no form for.
 *
 * @param maxLength arrays, maps and bytes are not written much further than this, because the caller cuts there
 */
export function textOf(value: unknown, maxLength: number): string {
  switch (typeof value) {
    case 'string':
      return value;
    case 'number':
      return numberText(value);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'bigint':
      return value.toString();
    case 'object':
      return value === null ? '' : ArrayBuffer.isView(value) ? base64(value, maxLength) : new GoJson(maxLength).write(value);
    case 'undefined':
    case 'function':
    case 'symbol':
      return '';
  }
}

/** OTLP has whole numbers as int64: all their digits, where `String` rounds beyond 2^53. */
function numberText(value: number): string {
  return Number.isInteger(value) && !Number.isSafeInteger(value) && Math.abs(value) < 2 ** 63 ? BigInt(value).toString() : String(value);
}

function base64(value: ArrayBufferView, maxLength: number): string {
  return Buffer.from(value.buffer, value.byteOffset, Math.min(value.byteLength, maxLength)).toString('base64');
}

/**
 * JSON as Go writes it without HTML escaping: keys in the order of their bytes, no spaces, U+2028 and U+2029 escaped.
 * NaN and infinities are strings: Go gives up the whole text for one. Cycles and what is deeper than 64 levels are null.
 */
class GoJson {
  readonly #maxLength: number;
  readonly #ancestors: object[] = [];
  #text = '';

  constructor(maxLength: number) {
    this.#maxLength = maxLength;
  }

  write(value: object): string {
    this.#value(value);
    return this.#text;
  }

  #value(value: unknown): void {
    // Also what keeps an object that refers to another one twice, on each of 30 levels, from being written a billion times.
    if (this.#text.length > this.#maxLength) {
      return;
    }
    if (typeof value === 'number') {
      this.#text += Number.isFinite(value) ? numberText(value) : `"${value}"`;
    } else if (typeof value === 'string') {
      this.#text += this.#string(value);
    } else if (typeof value !== 'object' || value === null) {
      this.#text += textOf(value, this.#maxLength) || 'null';
    } else if (ArrayBuffer.isView(value)) {
      // Go has nil for an empty slice of bytes.
      this.#text += value.byteLength === 0 ? 'null' : `"${base64(value, this.#maxLength)}"`;
    } else if (this.#ancestors.length >= MAX_DEPTH || this.#ancestors.includes(value)) {
      this.#text += 'null';
    } else {
      this.#ancestors.push(value);
      if (Array.isArray(value)) {
        this.#array(value);
      } else {
        this.#map(value as Readonly<Record<string, unknown>>);
      }
      this.#ancestors.pop();
    }
  }

  #array(values: readonly unknown[]): void {
    this.#text += '[';
    for (let index = 0; index < values.length && this.#text.length <= this.#maxLength; index++) {
      if (index > 0) {
        this.#text += ',';
      }
      this.#value(values[index]);
    }
    this.#text += ']';
  }

  #map(values: Readonly<Record<string, unknown>>): void {
    this.#text += '{';
    const keys = Object.keys(values).sort();
    if (keys.some((key) => SURROGATE.test(key))) {
      keys.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    }
    for (let index = 0; index < keys.length && this.#text.length <= this.#maxLength; index++) {
      const key = keys[index] as string;
      this.#text += `${index === 0 ? '' : ','}${this.#string(key)}:`;
      this.#value(values[key]);
    }
    this.#text += '}';
  }

  #string(text: string): string {
    const json = quote(text.length > this.#maxLength ? text.slice(0, this.#maxLength + 1) : text);
    return /[\u2028\u2029]/.test(json) ? json.replace(/\u2028/g, '\\u2028').replace(/\u2029/g, '\\u2029') : json;
  }
}
