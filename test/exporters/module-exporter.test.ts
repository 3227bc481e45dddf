import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ModuleLogRecordExporter } from '../../src/exporters/module-exporter';
import { resolveModuleDescription, type ModuleExporterDescription } from '../../src/exporters/module-description';
import { makeRecord, range } from '../support/records';

const MODULE = join(__dirname, 'fixtures', 'recording-exporter.mjs');
const COMMON_JS = join(__dirname, 'fixtures', 'exporter-of-commonjs.cjs');

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'otel-log-queue-module-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const make = (description: ModuleExporterDescription, from = process.cwd()): ModuleLogRecordExporter =>
  new ModuleLogRecordExporter({ ...resolveModuleDescription('exporter', description), folder: from });
const className = async (exporter: ModuleLogRecordExporter): Promise<string> => (await exporter.loaded).constructor.name;
const exported = (exporter: ModuleLogRecordExporter, seqs: number[]): Promise<{ code: number; error?: Error }> => new Promise((resolve) => exporter.export(seqs.map((seq) => makeRecord(seq)), resolve));

/** A package that only `import` can load, installed in the folder. */
function installEsmOnly(): void {
  const path = join(folder, 'node_modules', '@acme', 'log-exporter');
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, 'package.json'), JSON.stringify({ name: '@acme/log-exporter', type: 'module', exports: { './http': { import: './http.js' } } }));
  writeFileSync(join(path, 'http.js'), 'export class Acme { export(records, done) { done({ code: 0 }); } async shutdown() {} }\nawait 0;\n');
}

describe('an exporter by module', () => {
  it.each<[string, ModuleExporterDescription, string]>([
    ['an absolute path', { module: MODULE, options: { path: '/dev/null' } }, 'RecordingExporter'],
    ['a relative path', { module: `./${relative(process.cwd(), MODULE)}`, export: 'WithoutFlush' }, 'WithoutFlush'],
    ['a URL', { module: pathToFileURL(MODULE).href, export: 'WithoutFlush' }, 'WithoutFlush'],
    ['the name of a CommonJS package', { module: '@opentelemetry/exporter-logs-otlp-http', export: 'OTLPLogExporter' }, 'OTLPLogExporter'],
    ['CommonJS that TypeScript has made', { module: COMMON_JS }, 'Exporter'],
    ['a name in CommonJS that Node does not find', { module: COMMON_JS, export: 'Hidden' }, 'Hidden'],
    ['CommonJS that is the class', { module: join(__dirname, 'fixtures', 'exporter-is-module.cjs') }, 'Exporter'],
  ])('is found by %s', async (_, description, expected) => {
    expect(await className(make(description))).toBe(expected);
  });

  it('is looked for from the folder of the application, packages that are ES modules alone included', async () => {
    installEsmOnly();
    const description = { module: '@acme/log-exporter/http', export: 'Acme' };
    expect(await className(make(description, folder))).toBe('Acme');
    await expect(make(description).loaded).rejects.toThrow("Cannot find package '@acme/log-exporter'");
  });

  it('exports what it was given before and after it was loaded, in order, and hands flush and shutdown on', async () => {
    const path = join(folder, 'records');
    const exporter = make({ module: MODULE, options: { path, tags: ['a'] } });
    const early = exported(exporter, [0, 1]);
    expect(await early).toEqual({ code: 0 });
    expect(await exported(exporter, [2])).toEqual({ code: 0 });
    await exporter.forceFlush();
    await exporter.shutdown();
    expect(readFileSync(path, 'utf8').split('\n')).toEqual([`made with ${JSON.stringify({ path, tags: ['a'] })}`, ...range(0, 3).map((seq) => `${seq} test`), 'flushed', 'shut down', '']);
  });

  it('may lack forceFlush, as older exporters do', async () => {
    await expect(make({ module: MODULE, export: 'WithoutFlush' }).forceFlush()).resolves.toBeUndefined();
  });

  it('that throws at export fails for good, whether it was loaded then or not', async () => {
    const exporter = make({ module: MODULE, export: 'ThrowingAtExport' });
    expect(await exported(exporter, [0])).toMatchObject({ code: 1, error: { message: 'cannot serialize', retryable: false } });
    expect(() => exporter.export([makeRecord(1)], () => undefined)).toThrow('cannot serialize');
  });

  it.each<[string, ModuleExporterDescription, string | RegExp]>([
    ['whose package is not there', { module: 'no-such-package', export: 'X' }, /^export 'X' of module 'no-such-package' cannot be loaded: Cannot find package 'no-such-package' imported from /],
    ['whose file is not there', { module: './no-such-file.mjs' }, /^export 'default' of module '\.\/no-such-file\.mjs' cannot be loaded: Cannot find module /],
    ['whose export is not there', { module: MODULE, export: 'Missing' }, `export 'Missing' of module '${MODULE}' does not exist`],
    ['whose export is no class', { module: MODULE, export: 'notAClass' }, `export 'notAClass' of module '${MODULE}' is no class`],
    ['whose constructor throws', { module: MODULE, export: 'ThrowingAtOnce' }, `export 'ThrowingAtOnce' of module '${MODULE}' cannot be constructed: no such region: mars`],
    ['that is none', { module: MODULE, export: 'NoExporter' }, `export 'NoExporter' of module '${MODULE}' makes no LogRecordExporter: what it makes has no method 'export'`],
  ])('%s says so, and rejects nothing that nobody awaits', async (_, description, message) => {
    const exporter = make(description);
    const result = await exported(exporter, [0]);
    expect(result).toMatchObject({ code: 1, error: { retryable: false } });
    await exporter.forceFlush();
    await exporter.shutdown();
    const error: unknown = await exporter.loaded.catch((reason: unknown) => reason);
    expect((error as Error).message).toMatch(message);

  });
});

describe('the description of a module', () => {
  class Credentials {
    readonly token = 'x';
    get header(): string {
      return `Bearer ${this.token}`;
    }
  }

  const cyclic: Record<string, unknown> = {};
  cyclic['list'] = [cyclic, { call: () => undefined }];

  it.each<[string, unknown, string]>([
    ['no name', { module: '' }, 'exporter.module must be a non-empty string, received ""'],
    ['a module that is no text', { module: 5 }, 'exporter.module must be a non-empty string, received 5'],
    ['an export that is no text', { module: 'x', export: 5 }, 'exporter.export must be a non-empty string, received 5'],
    ['a function', { module: 'x', options: { headers: () => ({}) } }, 'exporter.options.headers cannot be cloned to a thread: '],
    ['a function behind a cycle', { module: 'x', options: cyclic }, 'exporter.options.list[1].call cannot be cloned to a thread: '],
    ['an instance of a class', { module: 'x', options: { auth: [new Credentials()] } }, 'exporter.options.auth[0] cannot be cloned to a thread: it is an instance of Credentials, which would lose its methods'],
    ['a URL object', { module: 'x', options: { url: new URL('http://localhost') } }, 'exporter.options.url cannot be cloned to a thread: '],
  ])('with %s is a TypeError that names it', (_, description, message) => {
    const resolve = (): unknown => resolveModuleDescription('exporter', description as ModuleExporterDescription);
    expect(resolve).toThrow(TypeError);
    expect(resolve).toThrow(message);
  });

  it('takes whatever can be cloned, as it is at that moment', () => {
    const options: Record<string, unknown> = { at: new Date(0), map: new Map([['a', 1]]), bytes: new Uint8Array([1]), nothing: null, list: [{ a: undefined }], error: new TypeError('x'), bare: Object.assign(Object.create(null) as object, { b: 1 }) };
    options['self'] = options;
    const resolved = resolveModuleDescription('exporter', { module: 'x', options });
    expect(resolved).toMatchObject({ module: 'x', export: 'default', folder: process.cwd(), options: { at: new Date(0), bytes: new Uint8Array([1]), nothing: null, bare: { b: 1 } } });
    options['at'] = 'changed';
    expect((resolved.options as typeof options)['at']).toEqual(new Date(0));
  });
});
