import { execFileSync } from 'node:child_process';
import { mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expectSettled } from '../support/conservation';
import { FaultServer, ok } from '../support/fault-server';
import { decodeLogsRequest } from '../support/otlp-decode';
import { installOnce, makeUserFolder, type UserFolder } from '../support/package-folder';
import { range } from '../support/records';
import { runStartApp, type StartOutcome } from '../support/start-app';

// It tells what start-app.cjs tells.
const application = `
const { url, records } = JSON.parse(process.env.APP);
const say = (line) => fs.writeSync(1, line + '\\n');
let threads = 0;
process.on('worker', () => threads++);
diag.setLogger({ error: (line) => say('error ' + line), warn: (line) => say('warn ' + line), info() {}, debug() {}, verbose() {} });
const processor = new QueueLogRecordProcessor({ exporter: otlp({ url }), worker: 'thread' });
const logger = new LoggerProvider({ processors: [processor] }).getLogger('app');
for (let seq = 0; seq < records; seq++) {
  logger.emit({ body: 'an event', attributes: { seq } });
}
processor.forceFlush().then(() => {
  say('stats ' + JSON.stringify(processor.stats()));
  say('threads ' + threads);
});
`;
const imports = [
  ['fs', 'node:fs'],
  ['{ diag }', '@opentelemetry/api'],
  ['{ LoggerProvider }', '@opentelemetry/sdk-logs'],
  ['{ QueueLogRecordProcessor, otlp }', 'otel-log-queue'],
];

let folder: UserFolder;
let outside: string;
let tools: string;
let server: FaultServer;

beforeAll(() => {
  tools = installOnce(['esbuild@0.25.12', 'webpack@5.101.3']);
  folder = makeUserFolder({
    'app.cjs': imports.map(([names, from]) => `const ${names} = require('${from}');\n`).join('') + application,
    'app.mjs': imports.map(([names, from]) => `import ${names} from '${from}';\n`).join('') + application,
    'webpack.cjs': `
      const [entry, path, filename] = process.argv.slice(2);
      require(${JSON.stringify(join(tools, 'webpack'))})({ entry, mode: 'production', target: 'node20', output: { path, filename } }, (error, stats) => {
        if (error || stats.hasErrors()) { console.error(error ?? stats.toString()); process.exitCode = 1; }
      });`,
  });
}, 300_000);

beforeEach(async () => {
  server = await FaultServer.start(ok);
  outside = mkdtempSync(join(tmpdir(), 'otel-log-queue-bundle-'));
});

afterEach(async () => {
  await server.close();
  rmSync(outside, { recursive: true });
});

afterAll(() => folder.remove());

jest.setTimeout(60_000);

const installed = (): string => join(folder.path, 'node_modules');

const esbuild = (entry: string, format: 'esm' | 'cjs', outfile: string): Buffer => {
  // What CommonJS packages expect of their surroundings is the application's to give them.
  const banner = format === 'esm' ? ["--banner:js=import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);"] : [];
  return execFileSync(join(tools, '.bin', 'esbuild'), [entry, '--bundle', '--platform=node', `--format=${format}`, `--outfile=${outfile}`, '--log-level=warning', ...banner], { cwd: folder.path });
};
const webpack = (entry: string, _: string, outfile: string): Buffer => execFileSync(process.execPath, ['webpack.cjs', join(folder.path, entry), outside, outfile.slice(outside.length + 1)], { cwd: folder.path });

it.each([
  ['esbuild', 'app.mjs', 'esm', 'bundle.mjs', esbuild],
  ['esbuild', 'app.mjs', 'cjs', 'bundle.cjs', esbuild],
  ['esbuild', 'app.cjs', 'cjs', 'bundle.cjs', esbuild],
  ['esbuild', 'app.cjs', 'esm', 'bundle.mjs', esbuild],
  ['webpack', 'app.mjs', 'cjs', 'bundle.cjs', webpack],
  ['webpack', 'app.cjs', 'cjs', 'bundle.cjs', webpack],
] as const)('the thread starts in a bundle by %s of %s as %s, with no file beside it', async (_, entry, format, file, bundle) => {
  const outfile = join(outside, file);
  bundle(entry, format, outfile);
  // The bundle runs on another machine than the one on which it was made.
  renameSync(installed(), `${installed()}-gone`);
  let outcome: StartOutcome;
  try {
    outcome = await runStartApp({ url: server.url, records: 100, end: 'flush' }, { argv: [outfile], cwd: outside });
  } finally {
    renameSync(`${installed()}-gone`, installed());
  }
  expect(outcome).toMatchObject({ code: 0, threads: 1, diag: [], stderr: '', stats: { worker: 'thread', lost: 0 } });
  const seqs = server.requests
    .flatMap((request) => decodeLogsRequest(request.body).resourceLogs)
    .flatMap((resource) => resource.scopeLogs)
    .flatMap((scope) => scope.logRecords)
    .map((record) => Number((record.attributes[0]?.value as { intValue: bigint }).intValue));
  expect(seqs).toEqual(range(0, 100));
  expectSettled(outcome.stats);
});
