// The nearest valid form of each field of a record made by hand: a field that has none is left out, the record is not lost for it.

/** A resource or scope that is none counts as an empty one. */
export function objectOf(value: unknown): object {
  return typeof value === 'object' && value !== null ? value : {};
}

/** Numbers and booleans are written out; what has no obvious text is empty, which OTLP takes for unset. */
export function textOf(value: unknown): string {
  if (typeof value === 'string') {
    return value;
  }
  return typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint' ? String(value) : '';
}

/** An enum value: any 32-bit integer, because OTLP's enums are open; 0 (unspecified) for everything else. */
export function int32Of(value: unknown): number {
  return typeof value === 'number' && (value | 0) === value ? value | 0 : 0;
}

/** A count or flags: 0 for what is no positive integer, clamped to 32 bits. */
export function uint32Of(value: unknown): number {
  return typeof value === 'number' && value > 0 && Number.isInteger(value) ? Math.min(value, 0xffff_ffff) : 0;
}

/** The value of a hexadecimal digit; negative for any other character. */
export function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) {
    return code - 0x30;
  }
  const letter = (code | 0x20) - 0x61;
  return letter >= 0 && letter < 6 ? letter + 10 : -1;
}

/** Whether this is an id of that many hexadecimal digits and not the all-zero one, which W3C and OTLP call invalid. */
export function isValidId(id: unknown, digits: number): id is string {
  if (typeof id !== 'string' || id.length !== digits) {
    return false;
  }
  let all = 0;
  for (let index = 0; index < digits; index++) {
    all |= hexDigit(id.charCodeAt(index));
  }
  return all > 0;
}
