import { createHash } from 'node:crypto';

const MAX_NAME_CHARACTERS = 64;

/** The name itself if it is safe as that of a folder; else a safe one, with a checksum so that two names never share a folder. */
export function folderName(name: string): string {
  const safe = name.replace(/[^A-Za-z0-9._-]/g, '_').replace(/^\./, '_').slice(0, MAX_NAME_CHARACTERS);
  return safe === name && name !== '' ? name : `${safe}-${createHash('sha256').update(name).digest('hex').slice(0, 8)}`;
}
