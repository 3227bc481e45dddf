import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { ROOT } from '../../scripts/load/build';

// What the main entry may weigh, compressed as a registry sends it: measured, and 5 % more. Whoever raises a figure says in the same commit what it buys.
const BUDGETS_BYTES = {
  'index.mjs': 178_800,
  'index.cjs': 179_700,
  // A part of both of them too, as text.
  'otel-log-queue-thread.cjs': 49_200,
};

/** The file and every part of the bundle that it imports. */
function withParts(name: string, seen = new Set<string>()): Set<string> {
  seen.add(name);
  const code = readFileSync(join(ROOT, 'dist', name), 'utf8');
  for (const [, part = ''] of code.matchAll(/(?:from|import|require\()\s*"\.\/([\w.-]+\.[mc]js)"/g)) {
    if (!seen.has(part)) {
      withParts(part, seen);
    }
  }
  return seen;
}

it.each(Object.entries(BUDGETS_BYTES))('%s, with the parts of the bundle that it imports, is no larger than %d bytes', (name, budgetBytes) => {
  const code = [...withParts(name)].map((part) => readFileSync(join(ROOT, 'dist', part)));
  const bytes = gzipSync(Buffer.concat(code), { level: 9 }).length;
  expect(bytes).toBeLessThanOrEqual(budgetBytes);
  // A budget that has room for anything guards nothing.
  expect(bytes).toBeGreaterThan(budgetBytes * 0.8);
});
