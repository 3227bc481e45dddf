import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildBackend } from '../../scripts/backends/build';
import { backendFolder, findBackend, reasonVariable } from '../../scripts/backends/find';
import { answers, freePort, ServerProcess } from '../../scripts/backends/server-process';
import { countLines } from '../../scripts/backends/test-counts';

const environment = { ...process.env };
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'otel-log-queue-backends-'));
  process.env['OTEL_LOG_QUEUE_CACHE'] = folder;
  for (const name of ['OTELCOL_BIN', 'LOKI_BIN', 'VICTORIA_LOGS_BIN']) {
    delete process.env[name];
  }
});

afterEach(() => {
  process.env = { ...environment };
  rmSync(folder, { recursive: true });
});

function program(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  chmodSync(path, 0o755);
  return path;
}

describe('a server program', () => {
  it('is the one of the environment, if it can be run', () => {
    process.env['OTELCOL_BIN'] = program('otelcol', '');
    expect(findBackend('collector')).toEqual({ path: join(folder, 'otelcol') });
    process.env['OTELCOL_BIN'] = join(folder, 'nothing');
    expect(findBackend('collector')).toEqual({ missing: `OTELCOL_BIN is ${join(folder, 'nothing')}, which is no program that can be run` });
  });

  it('is missing for a reason', () => {
    expect(findBackend('collector')).toEqual({ missing: 'it is not built: npm run backends:build' });
    process.env[reasonVariable('collector')] = 'no Go';
    expect(findBackend('collector')).toEqual({ missing: 'no Go' });
    expect(findBackend('loki')).toMatchObject({ missing: expect.stringContaining('LOKI_BIN') as string });
  });

  it('is built in its own folder, whole or not at all', () => {
    process.env['PATH'] = folder;
    expect(() => buildBackend('victorialogs')).toThrow('there is no program go');
    program('go', '#!/bin/sh\necho "go: downloading a" >&2\necho "no such module" >&2\nexit 3\n');
    expect(() => buildBackend('victorialogs')).toThrow('go install ended with 3: no such module');
    expect(findBackend('victorialogs')).toHaveProperty('missing');
    program('go', '#!/bin/sh\necho > "$GOBIN/victoria-logs"\n');
    buildBackend('victorialogs');
    expect(findBackend('victorialogs')).toEqual({ path: join(backendFolder('victorialogs'), 'victoria-logs') });
  });
});

describe('a server process', () => {
  it('is waited for, and stopped by its own id', async () => {
    const port = await freePort();
    const text = `setTimeout(() => require('http').createServer((_, response) => response.end()).listen(${port}, '127.0.0.1'), 200)`;
    const server = await ServerProcess.start({ path: process.execPath, args: ['-e', text], isReady: () => answers(`http://127.0.0.1:${port}`, 200) });
    await server.stop();
    await expect(answers(`http://127.0.0.1:${port}`, 200)).rejects.toThrow();
  });

  it('that ends before it is ready is an error with its last words', async () => {
    const start = ServerProcess.start({ path: process.execPath, args: ['-e', "console.error('no such option'); process.exit(3)"], isReady: () => Promise.resolve(false) });
    await expect(start).rejects.toThrow(/has ended: no such option/);
    await expect(ServerProcess.start({ path: join(folder, 'nothing'), args: [], isReady: () => Promise.resolve(false) })).rejects.toThrow('ENOENT');
  });
});

it('the tests are counted by the name of their outermost describe', () => {
  const tests = (name: string, ...states: string[]): { ancestorTitles: string[]; status: string }[] => states.map((status) => ({ ancestorTitles: [name, 'inner'], status }));
  const testResults = [{ assertionResults: [...tests('collector', 'passed', 'failed', 'pending'), ...tests('loki', 'pending', 'pending')] }, { assertionResults: tests('collector', 'passed') }];
  expect(countLines({ testResults }, { collector: 'no receiver', loki: 'no program', victorialogs: 'not built' })).toEqual([
    'collector: 3 tests run, 1 skipped (no receiver)',
    'loki: 0 tests run, 2 skipped (no program)',
    'victorialogs: 0 tests run (not built)',
  ]);
});
