import type { LokiEntry } from '../backends/loki-query';

export interface CanaryFindings {
  readonly found: number;
  /** Numbers that were emitted and are not there. */
  readonly missing: number;
  /** Entries whose number is there already. */
  readonly duplicates: number;
  /** Entries that come after one with a higher number. */
  readonly outOfOrder: number;
  /** Entries with a number that was not emitted, or with another text. */
  readonly unexpected: number;
}

/** @param entries in the order in which Loki has them */
export function compareEntries(entries: readonly Pick<LokiEntry, 'line' | 'metadata'>[], emitted: number): CanaryFindings {
  const seen = new Set<number>();
  let duplicates = 0;
  let outOfOrder = 0;
  let unexpected = 0;
  let highest = -1;
  for (const { line, metadata } of entries) {
    const seq = Number(metadata['seq']);
    if (!(Number.isInteger(seq) && seq >= 0 && seq < emitted) || line !== `canary ${seq}`) {
      unexpected++;
      continue;
    }
    duplicates += seen.has(seq) ? 1 : 0;
    seen.add(seq);
    outOfOrder += seq < highest ? 1 : 0;
    highest = Math.max(highest, seq);
  }
  return { found: entries.length, missing: emitted - seen.size, duplicates, outOfOrder, unexpected };
}
