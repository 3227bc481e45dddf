import { isUint8Array } from 'node:util/types';
import { Nesting } from '../otlp/nesting';

// A third of the cost of `JSON.stringify` for nearly every string of a log. What is long is left to that.
const NEEDS_NO_ESCAPE = /^[ !#-[\]-~]{0,200}$/;

/** A string as JSON text; always well-formed, because a lone surrogate becomes an escape. */
export function quoted(text: string): string {
  return NEEDS_NO_ESCAPE.test(text) ? `"${text}"` : JSON.stringify(text);
}

/**
 * Any value as JSON text, for people to read: integers beyond the safe range, NaN and infinities as strings, bytes as base64.
 * What JSON has no form for becomes null, and so does a container that contains itself or is nested deeper than 64 levels.
 */
export class JsonValues {
  readonly #nesting = new Nesting();

  /** @throws what a getter of the value throws, and RangeError if there are too many values in it */
  text(value: unknown): string {
    this.#nesting.reset();
    return this.#text(value);
  }

  #text(value: unknown): string {
    switch (typeof value) {
      case 'string':
        return quoted(value);
      case 'number':
        return Number.isFinite(value) ? String(value) : `"${value}"`;
      case 'boolean':
        return value ? 'true' : 'false';
      case 'bigint':
        return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? String(value) : `"${value}"`;
      case 'object':
        return value === null ? 'null' : this.#containerText(value);
      case 'undefined':
      case 'function':
      case 'symbol':
        return 'null';
    }
  }

  #containerText(value: object): string {
    if (isUint8Array(value)) {
      return `"${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')}"`;
    }
    if (!this.#nesting.enter(value)) {
      return 'null';
    }
    const text = Array.isArray(value) ? this.#arrayText(value) : this.#objectText(value as Record<string, unknown>);
    this.#nesting.leave();
    return text;
  }

  #arrayText(values: readonly unknown[]): string {
    let text = '[';
    for (let index = 0; index < values.length; index++) {
      this.#nesting.count();
      text += index === 0 ? this.#text(values[index]) : `,${this.#text(values[index])}`;
    }
    return `${text}]`;
  }

  #objectText(values: Record<string, unknown>): string {
    let text = '{';
    for (const key in values) {
      if (Object.hasOwn(values, key)) {
        this.#nesting.count();
        text += `${text.length === 1 ? '' : ','}${quoted(key)}:${this.#text(values[key])}`;
      }
    }
    return `${text}}`;
  }
}
