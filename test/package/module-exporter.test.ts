import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeUserFolder, sdkModules, type UserFolder } from '../support/package-folder';
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

// What the exporters of OpenTelemetry do when something goes wrong.
const TELLING_EXPORTER = `
const { diag } = require('@opentelemetry/api');
exports.TellingExporter = class {
  export(records, done) {
    diag.warn('told by the exporter');
    done({ code: 0 });
  }
  async shutdown() {}
};
`;

const listening = `
const { diag } = require('@opentelemetry/api');
const { LoggerProvider } = require('@opentelemetry/sdk-logs');
const { QueueLogRecordProcessor } = require('otel-log-queue');
diag.setLogger({ error: console.log, warn: console.log, info() {}, debug() {}, verbose() {} });
const processor = new QueueLogRecordProcessor({ exporter: { module: '@acme/telling-exporter', export: 'TellingExporter' }, worker: process.env.WORKER });
new LoggerProvider({ processors: [processor] }).getLogger('shop').emit({ body: 'an event' });
void processor.shutdown();
`;

let folder: UserFolder;
let elsewhere: string;

function install(name: string, manifest: object, code: string): void {
  const installed = join(elsewhere, 'node_modules', name);
  mkdirSync(installed, { recursive: true });
  writeFileSync(join(installed, 'package.json'), JSON.stringify({ name, ...manifest }));
  writeFileSync(join(installed, 'index.js'), code);
}

beforeAll(() => {
  // The package of the user is not the one of the application: only process.cwd() leads to the exporter.
  folder = makeUserFolder({
    'listening.cjs': listening,
    'app.cjs': `const { QueueLogRecordProcessor } = require('otel-log-queue');\nconst { LoggerProvider } = require('@opentelemetry/sdk-logs');\n${body}`,
    'app.mjs': `import { QueueLogRecordProcessor } from 'otel-log-queue';\nimport { LoggerProvider } from '@opentelemetry/sdk-logs';\n${body}`,
  });
  elsewhere = mkdtempSync(join(tmpdir(), 'otel-log-queue-cwd-'));
  install('@acme/log-exporter', { type: 'module', exports: { import: './index.js' } }, EXPORTER);
  install('@acme/telling-exporter', {}, TELLING_EXPORTER);
  symlinkSync(join(sdkModules(), '@opentelemetry'), join(elsewhere, 'node_modules', '@opentelemetry'));
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

it.each(['event-loop', 'thread'])('what an exporter says through diag reaches the diag of the application: %s', (worker) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(folder.path, 'listening.cjs')], { cwd: elsewhere, encoding: 'utf8', timeout: 30_000, env: { ...process.env, WORKER: worker } });
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: 'told by the exporter\n', stderr: '' });
});
