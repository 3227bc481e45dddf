import type { LogRecordExporter } from '@opentelemetry/sdk-logs';
import { CountingLogRecordExporter, type CountingExporterOptions } from './counting';
import type { ExecutionPlace } from './execution-place';
import { FileLogRecordExporter, type FileExporterOptions } from './file';
import { LokiLogRecordExporter, type LokiExporterOptions } from './loki';
import { nameOfModuleExporter, type ResolvedModuleExporter } from './module-description';
import { ModuleLogRecordExporter } from './module-exporter';
import { OtlpLogRecordExporter, type OtlpExporterOptions } from './otlp';
import { StdoutLogRecordExporter, type StdoutExporterOptions } from './stdout';

/** How to make an exporter, as a plain value that can be cloned: what `otlp()`, `loki()`, `stdout()`, `file()` and `counting()` return, and what a `ModuleExporterDescription` becomes. */
export type ExporterDescription =
  | { readonly type: 'otlp'; readonly options: OtlpExporterOptions }
  | { readonly type: 'loki'; readonly options: LokiExporterOptions }
  | { readonly type: 'stdout'; readonly options: StdoutExporterOptions }
  | { readonly type: 'file'; readonly options: FileExporterOptions }
  | { readonly type: 'counting'; readonly options: CountingExporterOptions }
  | { readonly type: 'module'; readonly options: ResolvedModuleExporter };

// A description is resolved: reading the environment again would repeat its warnings.
const NO_ENVIRONMENT = {};

const TYPES: readonly unknown[] = ['otlp', 'loki', 'stdout', 'file', 'counting', 'module'] satisfies ExporterDescription['type'][];

export function isExporter(value: unknown): value is LogRecordExporter {
  return typeof value === 'object' && value !== null && typeof (value as Partial<LogRecordExporter>).export === 'function';
}

export function isDescription(value: unknown): value is ExporterDescription {
  return typeof value === 'object' && value !== null && TYPES.includes((value as Partial<ExporterDescription>).type) && !isExporter(value);
}

/** How a lane is called whose user has not said it. */
export function nameOfDescription(description: ExporterDescription): string {
  return description.type === 'module' ? nameOfModuleExporter(description.options) : description.type;
}

/** @throws TypeError or RangeError if an option makes no sense */
export function createExporter(description: ExporterDescription, place: ExecutionPlace = 'event-loop'): LogRecordExporter {
  switch (description.type) {
    case 'otlp':
      return new OtlpLogRecordExporter(description.options, NO_ENVIRONMENT, place);
    case 'loki':
      return new LokiLogRecordExporter(description.options, NO_ENVIRONMENT, place);
    case 'stdout':
      return new StdoutLogRecordExporter(description.options);
    case 'file':
      return new FileLogRecordExporter(description.options);
    case 'counting':
      return new CountingLogRecordExporter(description.options);
    case 'module':
      return new ModuleLogRecordExporter(description.options);
  }
}
