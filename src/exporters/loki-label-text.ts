import { wellFormed } from './loki-values';

/**
 * The labels of a stream as the text that Loki parses: `{a="v", b="w"}`, sorted, values as Go's `strconv.Quote` writes them.
 * Names must be of the plain form: for one in quotes Loki fails every later query of the stream.
 */
export function labelText(labels: Iterable<readonly [string, string]>): string {
  const sorted = [...labels].sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${sorted.map(([name, value]) => `${name}=${goQuote(value)}`).join(', ')}}`;
}

function goQuote(value: string): string {
  return `"${wellFormed(value).replace(/["\\\p{C}\p{Z}]/gu, escaped)}"`;
}

function escaped(character: string): string {
  switch (character) {
    case ' ':
      return ' ';
    case '"':
    case '\\':
      return `\\${character}`;
  }
  const hex = (character.codePointAt(0) as number).toString(16);
  return hex.length <= 4 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`;
}
