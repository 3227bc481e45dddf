/**
 * Buffer's own native reads and writes of strings, without the checks and the choice of encodings of `write` and `toString`: half of their time for a short string.
 * Node has had them as long as Buffer; its types leave them out.
 */
export interface NativeBuffer extends Buffer {
  /** @returns bytes written; what does not fit into `room` is cut without a word */
  utf8Write(text: string, offset: number, room: number): number;
  utf8Slice(start: number, end: number): string;
  latin1Slice(start: number, end: number): string;
}

/** A view on the memory. */
export function nativeBuffer(memory: ArrayBufferLike): NativeBuffer {
  return Buffer.from(memory as ArrayBuffer) as NativeBuffer;
}
