import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeUserFolder, sdkModules, type UserFolder } from '../support/package-folder';

interface Started {
  /** Kinds of asynchronous resources that began while the module was loaded: timers, threads, handles, requests. */
  readonly resources: readonly string[];
  readonly listeners: readonly string[];
  readonly globals: readonly string[];
  readonly active: readonly string[];
  /** Of CommonJS. */
  readonly modules: readonly string[];
}

const probe = (load: string): string => `
const eventsOf = () => [process, process.stdout, process.stderr, process.stdin].flatMap((emitter) => emitter.eventNames().map((name) => String(name) + ' ' + emitter.listenerCount(name)));
const globalsOf = () => Reflect.ownKeys(globalThis).map(String);
// The streams are made when they are first touched.
eventsOf();
const before = { events: eventsOf(), globals: globalsOf() };
const resources = new Set();
const hook = createHook({ init: (id, type) => resources.add(type) }).enable();
${load}
hook.disable();
const modules = typeof require === 'function' ? Object.keys(require.cache).filter((path) => path !== __filename) : [];
console.log(JSON.stringify({
  resources: [...resources].sort(),
  listeners: eventsOf().filter((event) => !before.events.includes(event)),
  globals: globalsOf().filter((name) => !before.globals.includes(name)),
  active: process.getActiveResourcesInfo(),
  modules,
}));
`;

let folder: UserFolder;
let modules: string;

beforeAll(() => {
  // Nothing but the API is there to be loaded.
  modules = mkdtempSync(join(tmpdir(), 'otel-log-queue-api-'));
  mkdirSync(join(modules, '@opentelemetry'));
  symlinkSync(join(sdkModules(), '@opentelemetry', 'api'), join(modules, '@opentelemetry', 'api'));
  folder = makeUserFolder(
    {
      'probe.mjs': `import { createHook } from 'node:async_hooks';\n${probe('await import(process.argv[2]);')}`,
      'probe.cjs': `const { createHook } = require('node:async_hooks');\n${probe('require(process.argv[2]);')}`,
      // An import of node:http, unlike a require, makes Node 26 load its WebSocket, with two globals.
      'baseline.mjs': "import 'node:http';\nimport '@opentelemetry/api';",
      'baseline.cjs': "require('@opentelemetry/api');",
    },
    modules,
  );
});

afterAll(() => {
  folder.remove();
  rmSync(modules, { recursive: true });
});

function load(probeName: string, name: string): Started {
  const { stdout, stderr, status } = spawnSync(process.execPath, [probeName, name], { cwd: folder.path, encoding: 'utf8', timeout: 30_000 });
  // A thread, a timer or a handle would also keep the process from its end.
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
  return JSON.parse(stdout) as Started;
}

it.each([
  ['import', 'probe.mjs', './baseline.mjs'],
  ['require', 'probe.cjs', './baseline.cjs'],
])('%s of the main entry starts no timer, no thread and no handle, listens to nothing and leaves nothing behind', (_, probeName, baselineName) => {
  const { modules: loaded, ...started } = load(probeName, 'otel-log-queue');
  const { modules: loadedWithApi, ...baseline } = load(probeName, baselineName);
  expect(started).toEqual(baseline);
  expect(started.resources.filter((type) => /timeout|immediate|worker|wrap|port/i.test(type))).toEqual([]);
  const isApi = (path: string): boolean => path.includes('/@opentelemetry/api/');
  expect(loaded.filter(isApi)).toEqual(loadedWithApi.filter(isApi));
});

it('loads no module but its own and the API, and of its own none that is another subpath', () => {
  const { modules: loaded } = load('probe.cjs', 'otel-log-queue');
  const own = loaded.filter((path) => !path.includes('/@opentelemetry/api/')).map((path) => path.split('/otel-log-queue/dist/')[1] ?? path);
  expect(own).toContain('index.cjs');
  const { exports: subpaths } = JSON.parse(spawnSync(process.execPath, ['-p', 'JSON.stringify(require("otel-log-queue/package.json"))'], { cwd: folder.path, encoding: 'utf8' }).stdout) as { exports: object };
  const others = Object.keys(subpaths).filter((path) => path !== '.').map((path) => `${path.replace('./', '')}.cjs`);
  expect(own.filter((path) => others.includes(path) || path.includes('/'))).toEqual([]);
});
