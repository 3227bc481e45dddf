import { Refusal } from './loki-decode';

/** `LabelNamer.Build` of prometheus/otlptranslator, character by character as it is written there. */
function labelName(key: string): string {
  const isReserved = Buffer.byteLength(key) >= 4 && key.startsWith('__') && key.endsWith('__');
  let name = '';
  let afterUnderscore = false;
  for (const character of isReserved ? key.slice(2, -2) : key) {
    const isValid = character.length === 1 && /[a-zA-Z0-9]/.test(character);
    if (isValid) {
      name += character;
    } else if (!afterUnderscore) {
      name += '_';
    }
    afterUnderscore = !isValid;
  }
  name = isReserved ? `__${name}__` : name;
  if (/[0-9]/.test(name.charAt(0))) {
    name = `key_${name}`;
  }
  if (name.replaceAll('_', '') === '') {
    throw new Refusal(500, key === '' ? 'label name is empty' : `normalization for label name ${JSON.stringify(key)} resulted in invalid name ${JSON.stringify(name)}`);
  }
  return name;
}

/** Structured metadata as Loki stores it. */
export function normalized(metadata: readonly [string, string][]): Record<string, string> {
  const stored: Record<string, string> = {};
  for (const [key, value] of metadata) {
    const name = labelName(key);
    if (value !== '') {
      stored[name] = value.replaceAll('\ufffd', ' ');
    }
  }
  return stored;
}
