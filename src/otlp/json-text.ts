import type { WireBuffer } from './wire-buffer';

// A native write costs about as much as a loop over so many characters.
const LOOP_CHARS = 20;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Writes a JSON string, well formed: a lone surrogate becomes U+FFFD. Makes its own room. */
export function writeQuoted(wire: WireBuffer, text: string): void {
  // Before anything is copied: a text beyond the limit is rejected here.
  wire.reserve(text.length + 2);
  if (text.length > LOOP_CHARS || !writePlain(wire, text)) {
    wire.utf8(JSON.stringify(text.toWellFormed()));
  }
}

/** Writes a text that JSON does not escape, ASCII alone, between quotes. Returns false, with nothing written, for any other. */
function writePlain(wire: WireBuffer, text: string): boolean {
  const length = text.length;
  const bytes = wire.bytes;
  const start = wire.position + 1;
  for (let index = 0; index < length; index++) {
    const code = text.charCodeAt(index);
    if (code < 0x20 || code > 0x7e || code === QUOTE || code === BACKSLASH) {
      return false;
    }
    bytes[start + index] = code;
  }
  bytes[start - 1] = QUOTE;
  bytes[start + length] = QUOTE;
  wire.position = start + length + 1;
  return true;
}
