import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ensureBuilt } from './load/build';

const folder = join(__dirname, 'examples');
const names = readdirSync(folder);
const name = process.argv[2] ?? '';

if (names.includes(name)) {
  // Examples import the package by its name, as an application does: what they get is the build.
  ensureBuilt();
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- which one is known only now, and ts-node compiles to CommonJS
  require(join(folder, name, 'main'));
} else {
  console.error(`Usage: npm run example <${names.join(' | ')}>`);
  process.exitCode = 1;
}
