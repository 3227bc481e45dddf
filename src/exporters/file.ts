import { resolve } from 'node:path';
import { checkInteger, checkObject, checkOneOf, checkString, warnUnknownKeys } from '../check';
import { readString, type Environment } from '../environment';
import { FileSink } from './file-sink';
import { nodeFileSystem, type FileSystem } from './file-system';
import { OtlpLine, RecordLines } from './line-encoder';
import { LineExporter } from './line-exporter';
import { ReadableJson } from './readable';

const FORMATS = ['otlp', 'json'] as const;
const OPTION_NAMES = ['path', 'format', 'maxBytes', 'maxFiles'];

// A rotation renames this many files.
const MAX_FILES = 1000;

// One OTLP document at most. The Collector's otlpjsonfile receiver cuts lines at 1 MiB, and as JSON a record can be six times as long as its text.
const PIECE_BYTES = 128 * 1024;

export interface FileExporterOptions {
  /** The file; folders that are missing are made. Default: `OTEL_LOG_QUEUE_FILE_PATH`. Required in one of the two ways. */
  readonly path?: string;
  /**
   * `otlp`: OTLP/JSON lines (specification, protocol/file-exporter.md), which the Collector's `otlpjsonfile` receiver reads.
   * `json`: one readable object a line. Default `otlp`.
   */
  readonly format?: (typeof FORMATS)[number];
  /** The file is rotated before it would exceed this, in bytes; it does so only if a single line does. Default: no rotation. */
  readonly maxBytes?: number;
  /** How many files are kept, the current one included: `path`, `path.1` (the newest before it), `path.2`, … From 1 to 1000. Default 5. */
  readonly maxFiles?: number;
}

export interface ResolvedFileOptions {
  /** Absolute. */
  readonly path: string;
  readonly format: (typeof FORMATS)[number];
  readonly maxBytes?: number;
  readonly maxFiles: number;
}

export interface FileExporterDescription {
  readonly type: 'file';
  readonly options: ResolvedFileOptions;
}

/** @throws TypeError or RangeError that names the option, its range and the value received */
export function resolveFileOptions(options: FileExporterOptions = {}, environment: Environment = process.env): ResolvedFileOptions {
  warnUnknownKeys('file()', checkObject('options of file()', options), OPTION_NAMES);
  const path = checkString('path', options.path ?? readString(environment, 'OTEL_LOG_QUEUE_FILE_PATH'));
  return {
    path: resolve(path),
    format: options.format === undefined ? 'otlp' : checkOneOf('format', options.format, FORMATS),
    ...(options.maxBytes === undefined ? {} : { maxBytes: checkInteger('maxBytes', options.maxBytes, 1) }),
    maxFiles: options.maxFiles === undefined ? 5 : checkInteger('maxFiles', options.maxFiles, 1, MAX_FILES),
  };
}

/**
 * Records to a file, which the process that calls this should be the only one to write.
 *
 * @throws TypeError or RangeError that names the option, its range and the value received
 */
export function file(options?: FileExporterOptions): FileExporterDescription {
  return { type: 'file', options: resolveFileOptions(options) };
}

/**
 * Appends records to a file (mode 0600) without blocking the event loop. A batch is delivered when the operating system has it: it outlives the process, not a loss of power.
 *
 * Retryable: everything that can pass, such as ENOSPC, EIO, EMFILE and missing rights. Permanent: a path that cannot be a file (EISDIR, ENOTDIR, ENAMETOOLONG, ELOOP).
 */
export class FileLogRecordExporter extends LineExporter {
  /**
   * @param fileSystem for tests
   * @throws TypeError or RangeError that names the option, its range and the value received
   */
  constructor(options?: FileExporterOptions, fileSystem: FileSystem = nodeFileSystem) {
    const { path, format, maxBytes = Infinity, maxFiles } = resolveFileOptions(options);
    const sink = new FileSink({ path, maxBytes, maxFiles }, fileSystem);
    if (format === 'otlp') {
      // A piece is a line here, which should fit into a small file.
      super(sink, new OtlpLine(), Math.min(PIECE_BYTES, Math.ceil(maxBytes / 4)));
    } else {
      super(sink, new RecordLines(new ReadableJson()), PIECE_BYTES);
    }
  }
}
