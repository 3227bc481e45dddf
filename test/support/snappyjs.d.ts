declare module 'snappyjs' {
  /** @throws Error unless it is one whole block of the Snappy format */
  export function uncompress(block: Uint8Array): Uint8Array;
}
