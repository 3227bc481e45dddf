import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { ROOT } from '../../scripts/load/build';
import { installOnce, makeUserFolder } from '../support/package-folder';

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

jest.setTimeout(180_000);

describe.each([
  ['0.223.1', '@opentelemetry/api-logs', (): string => join(ROOT, 'node_modules')],
  ['3.1.1', '@opentelemetry/api', (): string => installOnce(['@opentelemetry/api@1.10.0', '@opentelemetry/sdk-logs@3.1.1'])],
])('the declarations, with sdk-logs %s', (_, severitySource, modules) => {
  it.each(['app.mts', 'app.cts'])('compile in %s', (name) => {
    const folder = makeUserFolder(
      { [name]: application.replace('SEVERITY_SOURCE', severitySource), 'tsconfig.json': JSON.stringify({ compilerOptions, files: [name] }) },
      modules(),
    );
    try {
      const output = ((): string => {
        try {
          return execFileSync(process.execPath, [join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', folder.path], { encoding: 'utf8' });
        } catch (error) {
          return String((error as { stdout?: unknown }).stdout);
        }
      })();
      expect(output).toBe('');
    } finally {
      folder.remove();
    }
  });
});
