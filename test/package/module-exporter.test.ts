import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeUserFolder, type UserFolder } from '../support/package-folder';
import { range } from '../support/records';

// A package that only import() can load, in the application's folder and nowhere above the folder of this package.
const EXPORTER = `
import { appendFileSync } from 'node:fs';
await Promise.resolve();
export class AcmeExporter {
  constructor({ path }) {
    this.path = path;
  }
  export(records, done) {
    appendFileSync(this.path, records.map(({ attributes }) => attributes.seq + '\\n').join(''));
    done({ code: 0 });
  }
  async shutdown() {}
}
`;

const body = `
const processor = new QueueLogRecordProcessor({
  exporter: { module: '@acme/log-exporter', export: 'AcmeExporter', options: { path: process.env.RECORDS } },
  worker: process.env.WORKER,
});
const logger = new LoggerProvider({ processors: [processor] }).getLogger('shop');
for (let seq = 0; seq < 1000; seq++) {
  logger.emit({ attributes: { seq } });
}
if (process.env.END === 'exit') {
  process.exit(0);
}
`;

let folder: UserFolder;
let elsewhere: string;

beforeAll(() => {
  // The package of the user is not the one of the application: only process.cwd() leads to the exporter.
  folder = makeUserFolder({
    'app.cjs': `const { QueueLogRecordProcessor } = require('otel-log-queue');\nconst { LoggerProvider } = require('@opentelemetry/sdk-logs');\n${body}`,
    'app.mjs': `import { QueueLogRecordProcessor } from 'otel-log-queue';\nimport { LoggerProvider } from '@opentelemetry/sdk-logs';\n${body}`,
  });
  elsewhere = mkdtempSync(join(tmpdir(), 'otel-log-queue-cwd-'));
  const installed = join(elsewhere, 'node_modules', '@acme', 'log-exporter');
  mkdirSync(installed, { recursive: true });
  writeFileSync(join(installed, 'package.json'), JSON.stringify({ name: '@acme/log-exporter', type: 'module', exports: { import: './index.js' } }));
  writeFileSync(join(installed, 'index.js'), EXPORTER);
});

afterAll(() => {
  folder.remove();
  rmSync(elsewhere, { recursive: true, force: true });
});

jest.setTimeout(60_000);

it.each([
  ['app.cjs', 'event-loop', 'natural'],
  ['app.mjs', 'event-loop', 'natural'],
  ['app.cjs', 'thread', 'natural'],
  ['app.mjs', 'thread', 'natural'],
  // The exporter is still being loaded when the main thread stops.
  ['app.cjs', 'thread', 'exit'],
])('%s: an exporter of the application, %s, %s end: nothing is lost, and nothing is said', (app, worker, end) => {
  const path = join(elsewhere, `${app}-${worker}-${end}`);
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(folder.path, app)], { cwd: elsewhere, encoding: 'utf8', timeout: 30_000, env: { ...process.env, RECORDS: path, WORKER: worker, END: end } });
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' });
  expect(readFileSync(path, 'utf8').trim().split('\n').map(Number)).toEqual(range(0, 1000));
});
