import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * A folder outside the repository for what the tests install: filled once, then shared by all checkouts.
 * @param content what decides the content; another text is another folder
 * @param fill gets an empty folder
 */
export function cachedFolder(content: string, fill: (draft: string) => void): string {
  const key = createHash('sha256').update(content).digest('hex').slice(0, 16);
  const cache = process.env['OTEL_LOG_QUEUE_CACHE'] ?? join(homedir(), '.cache', 'otel-log-queue');
  const folder = join(cache, key);
  if (!existsSync(folder)) {
    mkdirSync(cache, { recursive: true });
    const draft = mkdtempSync(join(cache, 'draft-'));
    fill(draft);
    try {
      // Whole or not at all: another suite may look for it at this moment.
      renameSync(draft, folder);
    } catch (error) {
      rmSync(draft, { recursive: true, force: true });
      if (!existsSync(folder)) {
        throw error;
      }
    }
  }
  return folder;
}
