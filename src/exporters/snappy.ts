import { WireBuffer } from '../otlp/wire-buffer';

const HEAD_BYTES = 10;

// Four bytes with its length less one follow.
const LITERAL_TAG = 63 << 2;

/**
 * What makes of the bytes that follow it a block of the Snappy format: their length, and the tag of one literal that is as long as all of them.
 * Nothing is compressed; gzip around it does that better, and needs no native module.
 *
 * @param length of the bytes, from 1 to 2^32 - 1
 * @see https://github.com/google/snappy/blob/main/format_description.txt
 */
export function snappyLiteralHead(length: number): Uint8Array {
  const wire = new WireBuffer(HEAD_BYTES);
  wire.uint32(length);
  wire.byte(LITERAL_TAG);
  wire.fixed32(length - 1);
  return wire.take();
}
