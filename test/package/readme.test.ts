import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { ROOT } from '../../scripts/load/build';
import { makeUserFolder, type UserFolder } from '../support/package-folder';

const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
const blocks = [...readme.matchAll(/```ts( run)?\n([\s\S]*?)```/g)].map(([, run, code = ''], index) => ({ name: `block-${index + 1}.mts`, runs: run !== undefined, code }));

let folder: UserFolder;

beforeAll(() => {
  const compilerOptions = { module: 'nodenext', target: 'es2022', lib: ['es2023'], strict: true, noEmit: true, types: ['node'] };
  folder = makeUserFolder({
    ...Object.fromEntries(blocks.map(({ name, code }) => [name, code])),
    ...Object.fromEntries(
      blocks.map(({ name, code }) => [name.replace('.mts', '.mjs'), ts.transpileModule(code, { compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 } }).outputText]),
    ),
    'tsconfig.json': JSON.stringify({ compilerOptions, files: blocks.map(({ name }) => name) }),
  });
});

afterAll(() => folder.remove());

jest.setTimeout(120_000);

it('every ts block of the README compiles', () => {
  expect(blocks.length).toBeGreaterThan(4);
  const { stdout } = spawnSync(process.execPath, [join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', folder.path], { encoding: 'utf8' });
  expect(stdout).toBe('');
});

it.each(blocks.filter(({ runs }) => runs).map(({ name }) => name))('%s of the README runs', (name) => {
  const { status, stderr } = spawnSync(process.execPath, [name.replace('.mts', '.mjs')], { cwd: folder.path, encoding: 'utf8', timeout: 60_000 });
  expect({ status, isBroken: /\b(SyntaxError|TypeError|ReferenceError|RangeError)\b/.test(stderr) }).toEqual({ status: 0, isBroken: false });
});

it('every row of "What is lost when" names its tests', () => {
  const [table = ''] = /\| event \| what is lost[\s\S]*?\n\n/.exec(readme) ?? [];
  const rows = table.trimEnd().split('\n').slice(2);
  expect(rows.length).toBeGreaterThan(15);
  for (const row of rows) {
    const named = [...(row.split('|').at(-2) ?? '').matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
    expect({ row, tests: named.length > 0, missing: named.filter((name) => !existsSync(join(ROOT, 'test', `${name}.test.ts`))) }).toEqual({ row, tests: true, missing: [] });
  }
});
