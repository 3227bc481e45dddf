import { isatty } from 'node:tty';
import { checkObject, checkOneOf, warnUnknownKeys } from '../check';
import { OtlpLine, RecordLines, type LineEncoder } from './line-encoder';
import { LineExporter } from './line-exporter';
import { PrettyLine } from './pretty';
import { ReadableJson } from './readable';
import { StdoutSink, type StdoutFileSystem } from './stdout-sink';

const FORMATS = ['json', 'otlp', 'pretty'] as const;

// The capacity of a pipe on Linux: more than this cannot be written at once anyway.
const PIECE_BYTES = 64 * 1024;

export interface StdoutExporterOptions {
  /**
   * `json`: one readable object a line. `otlp`: OTLP/JSON lines (specification, protocol/file-exporter.md).
   * `pretty`: a line for people, coloured on a terminal unless `NO_COLOR` is set. Default `json`.
   * Only `otlp` is a format that other programs may rely on (specification, logs/sdk_exporters/stdout.md).
   */
  readonly format?: (typeof FORMATS)[number];
}

export type ResolvedStdoutOptions = Required<StdoutExporterOptions>;

export interface StdoutExporterDescription {
  readonly type: 'stdout';
  readonly options: ResolvedStdoutOptions;
}

/** @throws TypeError or RangeError that names the option, its range and the value received */
export function resolveStdoutOptions(options: StdoutExporterOptions = {}): ResolvedStdoutOptions {
  warnUnknownKeys('stdout()', checkObject('options of stdout()', options), ['format']);
  return { format: options.format === undefined ? 'json' : checkOneOf('format', options.format, FORMATS) };
}

/**
 * Records to the process's standard output.
 *
 * @throws TypeError or RangeError that names the option, its range and the value received
 */
export function stdout(options?: StdoutExporterOptions): StdoutExporterDescription {
  return { type: 'stdout', options: resolveStdoutOptions(options) };
}

/**
 * Writes records to file descriptor 1. A reader that is gone costs the batch (`export_failed`) and never the process;
 * a slow one delays it until the export is aborted, and the next attempt goes on where this one stopped.
 */
export class StdoutLogRecordExporter extends LineExporter {
  /**
   * @param fileSystem for tests
   * @throws TypeError or RangeError that names the option, its range and the value received
   */
  constructor(options?: StdoutExporterOptions, fileSystem?: StdoutFileSystem) {
    super(new StdoutSink(fileSystem), encoderFor(resolveStdoutOptions(options).format), PIECE_BYTES);
  }
}

function encoderFor(format: ResolvedStdoutOptions['format']): LineEncoder {
  switch (format) {
    case 'json':
      return new RecordLines(new ReadableJson());
    case 'otlp':
      return new OtlpLine();
    case 'pretty':
      // https://no-color.org
      return new RecordLines(new PrettyLine(isatty(1) && (process.env['NO_COLOR'] ?? '') === ''));
  }
}
