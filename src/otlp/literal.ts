/** Bytes that are written again and again: names, keys, punctuation. */
export interface Literal {
  /** In bytes. */
  readonly length: number;
  /** The bytes in words of 32 bits, little-endian, the last one filled up with zeros: copying words takes a third of the time of copying bytes. */
  readonly words: Int32Array;
}

export function literalOf(bytes: Uint8Array): Literal {
  const padded = new DataView(new ArrayBuffer(4 * Math.ceil(bytes.length / 4)));
  new Uint8Array(padded.buffer).set(bytes);
  const words = Int32Array.from({ length: padded.byteLength / 4 }, (_, index) => padded.getInt32(4 * index, true));
  return { length: bytes.length, words };
}

/** The bytes of the text in UTF-8. */
export function textLiteral(text: string): Literal {
  return literalOf(Buffer.from(text));
}
