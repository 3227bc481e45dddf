import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ROOT } from '../../scripts/load/build';
import { installLine } from '../../scripts/matrix/sdk-line';
import { installOnce, makeUserFolder, type UserFolder } from '../support/package-folder';

const application = `
import { SeverityNumber } from 'SEVERITY_SOURCE';
import { LoggerProvider, InMemoryLogRecordExporter, type LogRecordProcessor } from '@opentelemetry/sdk-logs';
import { bridgeLogsApis } from 'otel-log-queue/bridge';
import { queueLogRecordProcessorProvider, QueueLogRecordProcessor, otlp, loki, stdout, file, counting, OtlpLogRecordExporter, type ModuleExporterDescription, type QueueStats } from 'otel-log-queue';

const byModule: ModuleExporterDescription = { module: '@acme/log-exporter', export: 'AcmeExporter', options: { url: 'http://localhost' } };
const processor = new QueueLogRecordProcessor({
  exporters: [otlp(), loki({ labels: { env: 'prod' } }), { exporter: stdout({ format: 'pretty' }), minSeverity: SeverityNumber.WARN }, file({ path: 'logs.jsonl' }), counting(), byModule, { exporter: byModule, name: 'acme' }, new InMemoryLogRecordExporter()],
  onQueueFull: { policy: 'sample', ratio: 0.5 },
  retry: { maxElapsedTimeMillis: 1000 },
});
const asInterface: LogRecordProcessor = processor;
new LoggerProvider({ processors: [asInterface, new QueueLogRecordProcessor({ exporter: new OtlpLogRecordExporter(), maxQueueSize: 10 })] });
const bridged: boolean = bridgeLogsApis(new LoggerProvider({ processors: [QueueLogRecordProcessor.fromEnv({ exporter: otlp(), maxAgeMillis: 1000 }), queueLogRecordProcessorProvider.create({})] })) && bridgeLogsApis();
bridged.valueOf();
const stats: QueueStats = processor.stats();
stats.lanes['otlp']?.dropped.queue_full?.toFixed();
// @ts-expect-error exactly one of exporter and exporters
new QueueLogRecordProcessor({});
new QueueLogRecordProcessor({ exporter: { module: './exporter.mjs' } });
// @ts-expect-error no module
new QueueLogRecordProcessor({ exporter: { export: 'AcmeExporter' } });
// @ts-expect-error no such policy
new QueueLogRecordProcessor({ exporter: otlp(), onQueueFull: 'spill' });
`;

const compilerOptions = { module: 'nodenext', moduleResolution: 'nodenext', target: 'es2022', lib: ['es2023'], strict: true, exactOptionalPropertyTypes: true, noEmit: true, types: ['node'] };

interface Manifest {
  readonly exports: Readonly<Record<string, string | object>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
}

const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Manifest;
const subpaths = Object.entries(manifest.exports)
  .filter(([, conditions]) => JSON.stringify(conditions).includes('"types"'))
  .map(([path]) => path.replace('.', 'otel-log-queue'));
const everySubpath = subpaths.map((path, index) => `export * as subpath${index} from '${path}';\n`).join('');

/** The compiler of this release, as a user runs it. */
function compilerOf(release: string): string {
  const modules = release === '6.0.3' ? join(ROOT, 'node_modules') : installOnce([`typescript@${release}`]);
  return join(modules, 'typescript', 'bin', 'tsc');
}

/** The frameworks that a subpath needs, as far as this repository has them. */
function linkOptionalPeers(folder: UserFolder): void {
  const links = Object.keys(manifest.peerDependencies).map((name) => [join(ROOT, 'node_modules', name), join(folder.path, 'node_modules', name)] as const);
  for (const [target, path] of links.filter(([target, path]) => existsSync(target) && !existsSync(path))) {
    mkdirSync(dirname(path), { recursive: true });
    symlinkSync(target, path);
  }
}

jest.setTimeout(300_000);

// The one before the last that is still in wide use, the last with an API for tools, and the native one.
describe.each(['5.9.3', '6.0.3', '7.0.2'])('under TypeScript %s', (release) => {
  it.each([
    ['0.2xx', '@opentelemetry/api-logs'],
    ['3.x', '@opentelemetry/api'],
  ] as const)('the declarations compile in ES modules and in CommonJS, with SDK %s', (line, severitySource) => {
    const code = application.replace('SEVERITY_SOURCE', severitySource);
    const files = { 'app.mts': code, 'app.cts': code, 'subpaths.mts': everySubpath, 'subpaths.cts': everySubpath };
    const folder = makeUserFolder({ ...files, 'tsconfig.json': JSON.stringify({ compilerOptions, files: Object.keys(files) }) }, installLine(line));
    try {
      linkOptionalPeers(folder);
      const { stdout, stderr, status } = spawnSync(process.execPath, [compilerOf(release), '-p', folder.path], { encoding: 'utf8' });
      expect({ stdout, stderr, status }).toEqual({ stdout: '', stderr: '', status: 0 });
    } finally {
      folder.remove();
    }
  });
});
