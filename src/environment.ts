import { diag } from '@opentelemetry/api';

export type Environment = Readonly<Record<string, string | undefined>>;

// Rules of the specification (configuration/common.md): empty is unset; what cannot be read is reported and ignored; names of choices ignore case.

/** The trimmed value, or undefined where it is unset or empty. */
export function readString(environment: Environment, name: string): string | undefined {
  const value = environment[name]?.trim();
  return value === '' ? undefined : value;
}

export function readInteger(environment: Environment, name: string, min: number, max = Number.MAX_SAFE_INTEGER): number | undefined {
  return readNumber(environment, name, min, max, 'an integer', Number.isInteger);
}

export function readNumber(
  environment: Environment,
  name: string,
  min: number,
  max: number,
  kind = 'a number',
  isKind: (value: number) => boolean = Number.isFinite,
): number | undefined {
  const text = readString(environment, name);
  if (text === undefined) {
    return undefined;
  }
  const value = Number(text);
  if (!isKind(value) || value < min || value > max) {
    diag.warn(`otel-log-queue: ${name} must be ${kind}${min === -Infinity ? '' : ` from ${min} to ${max}`}; ignored`);
    return undefined;
  }
  return value;
}

export function readOneOf<T extends string>(environment: Environment, name: string, allowed: readonly T[]): T | undefined {
  const text = readString(environment, name)?.toLowerCase();
  if (text === undefined) {
    return undefined;
  }
  const found = allowed.find((each) => each === text);
  if (found === undefined) {
    diag.warn(`otel-log-queue: ${name} must be one of ${allowed.join(', ')}; ignored`);
  }
  return found;
}

/** Specification: only `true` is true; here `false` is the only other word, so that a slip of the pen is told. */
export function readBoolean(environment: Environment, name: string): boolean | undefined {
  const text = readOneOf(environment, name, ['true', 'false']);
  return text === undefined ? undefined : text === 'true';
}

/** The parts between commas, trimmed, without empty ones; undefined where none is left. */
export function readList(environment: Environment, name: string): string[] | undefined {
  const parts = (readString(environment, name) ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  return parts.length === 0 ? undefined : parts;
}

/** `key=value,key=value`, percent-encoded values (W3C baggage form, as OTEL_EXPORTER_OTLP_HEADERS has it). The warning never shows a value: it may be a credential. */
export function readKeyValueList(environment: Environment, name: string): Record<string, string> {
  const pairs: Record<string, string> = {};
  for (const part of readString(environment, name)?.split(',') ?? []) {
    if (part.trim() === '') {
      continue;
    }
    const equals = part.indexOf('=');
    const key = part.slice(0, Math.max(equals, 0)).trim();
    try {
      if (key === '') {
        throw new URIError('no key');
      }
      pairs[decodeURIComponent(key)] = decodeURIComponent(part.slice(equals + 1).trim());
    } catch {
      diag.warn(`otel-log-queue: ${name} must be a list of key=value pairs with percent-encoded values; one part is ignored`);
    }
  }
  return pairs;
}
