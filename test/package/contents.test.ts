import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../scripts/load/build';

interface Manifest {
  readonly exports: Readonly<Record<string, unknown>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Manifest;

function packedFiles(): string[] {
  const output = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  const [packed] = JSON.parse(output) as { readonly files: readonly { readonly path: string }[] }[];
  return (packed?.files ?? []).map(({ path }) => path).sort();
}

/** The paths that `exports` names, under whatever condition. */
function targetsOf(conditions: unknown): string[] {
  return typeof conditions === 'string' ? [conditions.replace('./', '')] : Object.values(conditions as object).flatMap(targetsOf);
}

/** What a file of the build names of its neighbours: other parts of the bundle, and the file of the thread. Declarations name the code they describe. */
function neighboursOf(path: string): string[] {
  const kind = /\.d\.[mc]ts$/.exec(path)?.[0];
  const names = [...readFileSync(join(ROOT, path), 'utf8').matchAll(/["'`](?:\.\/)?([\w.-]+\.[mc]js)["'`]/g)].map(([, name = '']) => name);
  return names.map((name) => `dist/${kind === undefined ? name : name.replace(/\.[mc]js$/, kind)}`).filter((each) => existsSync(join(ROOT, each)));
}

function reachableFrom(paths: readonly string[]): Set<string> {
  const found = new Set<string>();
  for (let next = [...paths]; next.length > 0; next = next.flatMap(neighboursOf).filter((path) => !found.has(path))) {
    next.forEach((path) => found.add(path));
  }
  return found;
}

it('the packed package contains what a subpath leads to, and four files more', () => {
  const code = reachableFrom(Object.values(manifest.exports).flatMap(targetsOf).filter((path) => path.startsWith('dist/')));
  expect(code).toContain('dist/otel-log-queue-thread.cjs');
  expect(packedFiles()).toEqual([...code, 'CHANGELOG.md', 'LICENSE', 'README.md', 'package.json'].sort());
});

it('every subpath has code and declarations for ES modules and for CommonJS', () => {
  const { './package.json': itself, ...subpaths } = manifest.exports;
  expect(itself).toBe('./package.json');
  for (const [subpath, conditions] of Object.entries(subpaths)) {
    const name = subpath === '.' ? 'index' : subpath.replace('./', '');
    expect(conditions).toEqual({
      require: { types: `./dist/${name}.d.cts`, default: `./dist/${name}.cjs` },
      default: { types: `./dist/${name}.d.mts`, default: `./dist/${name}.mjs` },
    });
  }
});

it('needs nothing at run time but what the application has: no dependency, and every peer but the OpenTelemetry SDK is optional', () => {
  expect(Object.keys(manifest).filter((key) => /^(optional|bundled|bundle)?dependencies$/i.test(key))).toEqual([]);
  const required = Object.keys(manifest.peerDependencies).filter((name) => manifest.peerDependenciesMeta?.[name]?.optional !== true);
  expect(required).toEqual(['@opentelemetry/api', '@opentelemetry/sdk-logs']);
});
