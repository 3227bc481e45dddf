import { diag } from '@opentelemetry/api';

/** How a rejected value is shown: short, and never more of a string than its beginning. */
function shown(value: unknown): string {
  if (typeof value === 'string') {
    return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  }
  if (typeof value === 'object' && value !== null) {
    return Array.isArray(value) ? 'an array' : 'an object';
  }
  return typeof value === 'function' ? 'a function' : String(value);
}

/** @throws TypeError if the value is no number, RangeError if it is no integer from `min` to `max` */
export function checkInteger(option: string, value: unknown, min: number, max = Number.MAX_SAFE_INTEGER): number {
  const range = max === Number.MAX_SAFE_INTEGER ? `an integer of at least ${min}` : `an integer from ${min} to ${max}`;
  if (typeof value !== 'number') {
    throw new TypeError(`${option} must be ${range}, received ${shown(value)}`);
  }
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new RangeError(`${option} must be ${range}, received ${value}`);
  }
  return value;
}

/** @throws TypeError if the value is no number, RangeError if it is not between `min` and `max` (both allowed) */
export function checkNumber(option: string, value: unknown, min: number, max: number): number {
  const range = max === Infinity ? `a number of at least ${min}` : `a number from ${min} to ${max}`;
  if (typeof value !== 'number') {
    throw new TypeError(`${option} must be ${range}, received ${shown(value)}`);
  }
  if (!(value >= min && value <= max)) {
    throw new RangeError(`${option} must be ${range}, received ${value}`);
  }
  return value;
}

/** @throws TypeError if the value is no string, RangeError if it is none of `allowed` */
export function checkOneOf<T extends string>(option: string, value: unknown, allowed: readonly T[]): T {
  const range = `one of ${allowed.map((each) => `'${each}'`).join(', ')}`;
  if (typeof value !== 'string') {
    throw new TypeError(`${option} must be ${range}, received ${shown(value)}`);
  }
  if (!(allowed as readonly string[]).includes(value)) {
    throw new RangeError(`${option} must be ${range}, received ${shown(value)}`);
  }
  return value as T;
}

/** @throws TypeError if the value is no non-empty string */
export function checkString(option: string, value: unknown): string {
  if (typeof value !== 'string' || value === '') {
    throw new TypeError(`${option} must be a non-empty string, received ${shown(value)}`);
  }
  return value;
}

/** @throws TypeError if the value is no boolean */
export function checkBoolean(option: string, value: unknown): boolean {
  if (typeof value !== 'boolean') {
    throw new TypeError(`${option} must be true or false, received ${shown(value)}`);
  }
  return value;
}

/** @throws TypeError if the value is no plain options object */
export function checkObject(option: string, value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TypeError(`${option} must be an object, received ${shown(value)}`);
  }
  return value as Record<string, unknown>;
}

/** One `diag.warn` that names every key that no option has: mostly a slip of the pen, and silent otherwise. */
export function warnUnknownKeys(owner: string, options: object, known: readonly string[]): void {
  const unknown = Object.keys(options).filter((key) => !known.includes(key));
  if (unknown.length > 0) {
    diag.warn(`otel-log-queue: ${owner} has no option ${unknown.map((key) => `'${key}'`).join(', ')}; ignored`);
  }
}
