import { textOf, uint32Of } from './record-fields';
import type { WireBuffer } from './wire-buffer';

/** A string field, unless it is unset. Makes its own room. */
export function writeText(wire: WireBuffer, tag: number, value: unknown): void {
  const text = textOf(value);
  if (text !== '') {
    wire.reserve(1);
    wire.byte(tag);
    wire.string(text);
  }
}

/** A uint32 field, unless it is unset. Makes its own room. */
export function writeCount(wire: WireBuffer, tag: number, value: unknown): void {
  const count = uint32Of(value);
  if (count !== 0) {
    wire.reserve(6);
    wire.byte(tag);
    wire.uint32(count);
  }
}
