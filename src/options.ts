import type { MeterProvider } from '@opentelemetry/api';
import type { LogRecordExporter } from '@opentelemetry/sdk-logs';
import { checkBoolean, checkInteger, checkObject, checkOneOf, checkString, warnUnknownKeys } from './check';
import { isDescription, isExporter, nameOfDescription, type ExporterDescription } from './exporters/description';
import { isModuleDescription, resolveModuleDescription, type ModuleExporterDescription } from './exporters/module-description';
import { LANE_OPTION_KEYS, MAX_TIMER_MILLIS, resolveLaneOptions, type LaneOptions, type ResolvedLaneOptions } from './lane/lane-options';
import type { OnLoss } from './loss-reporter';
import { resolveOverflowPolicy, type ResolvedOverflowPolicy } from './queue/overflow-policy';
import { resolveWorkerPath } from './thread/worker-path';

/** What `exporter` takes, with or without lane options around it. */
export type ExporterOption = LogRecordExporter | ExporterDescription | ModuleExporterDescription;

/** An exporter with its own lane options. */
export interface LaneDefinition extends LaneOptions {
  readonly exporter: ExporterOption;
  /** The lane's name in `stats()`, `diag` and `onLoss`. Default: `otlp`, `loki`, …, or the name of the exporter's class; a second one gets `-2`. */
  readonly name?: string;
}

interface CommonOptions extends LaneOptions {
  /**
   * What drains the queues. `'thread'`: a worker thread, in front of which records wait in shared memory; `maxQueueSize`, `maxQueueBytes` and `onQueueFull` are then those of
   * this ring, and each exporter must be a description. Default `'thread'` if every exporter is one, else `'event-loop'`.
   */
  readonly worker?: 'event-loop' | 'thread';
  /**
   * Where the file of the worker thread is, as a path (from `process.cwd()`) or a `file:` URL: a copy of this package's `dist/otel-log-queue-thread.cjs`. It is tried first.
   * Default: `OTEL_LOG_QUEUE_WORKER_PATH`; else the file of the package, or a copy inside the bundle.
   */
  readonly workerPath?: string | URL;
  /** How long `shutdown()` may take, in milliseconds. Default 10000. */
  readonly shutdownTimeoutMillis?: number;
  /** How long a natural end of the process may be held without any record being settled, in milliseconds; 0: not at all. Default 2000. */
  readonly exitTimeoutMillis?: number;
  /** Called with what was lost since the last call, soon after it was lost; never from inside `emit`. */
  readonly onLoss?: OnLoss;
  /** Whether one log record tells in the stream itself that loss has started, and one that it has ended (severity WARN, scope `otel-log-queue`). Default false. */
  readonly lossRecords?: boolean;
  /**
   * Where the metrics `otel.sdk.processor.log.*` and `otel.sdk.exporter.*` go (semantic conventions, otel/sdk-metrics, in development): a `MeterProvider`, or `metrics` of `@opentelemetry/api` for
   * the global one. Default: none, and no metrics.
   */
  readonly selfObsMeterProvider?: Pick<MeterProvider, 'getMeter'>;
}

/** Options of `QueueLogRecordProcessor`: all of `LaneOptions`, as the default of all lanes, and exactly one of `exporter` and `exporters`. */
export type QueueLogRecordProcessorOptions = CommonOptions &
  (
    | { readonly exporter: ExporterOption; readonly exporters?: undefined }
    | { readonly exporters: readonly (ExporterOption | LaneDefinition)[]; readonly exporter?: undefined }
  );

/** A lane whose exporter may still have to be made. */
export interface PlannedLane {
  readonly name: string;
  readonly exporter: LogRecordExporter | ExporterDescription;
  readonly options: ResolvedLaneOptions;
}

/** Bounds of the ring in front of a thread. */
export interface RingOptions {
  readonly maxRecords: number | undefined;
  readonly maxBytes: number;
  readonly policy: ResolvedOverflowPolicy;
}

export interface ResolvedOptions {
  readonly worker: 'event-loop' | 'thread';
  readonly workerPath: string | undefined;
  readonly lanes: readonly PlannedLane[];
  readonly ring: RingOptions;
  readonly shutdownTimeoutMillis: number;
  readonly exitTimeoutMillis: number;
  readonly onLoss: OnLoss | undefined;
  readonly lossRecords: boolean;
  readonly selfObsMeterProvider: Pick<MeterProvider, 'getMeter'> | undefined;
}

const KNOWN_KEYS = ['exporter', 'exporters', 'worker', 'workerPath', 'shutdownTimeoutMillis', 'exitTimeoutMillis', 'onLoss', 'lossRecords', 'selfObsMeterProvider', ...LANE_OPTION_KEYS];

// The bound of a lane in a thread, and of the ring in front of it, where none is set.
const THREAD_QUEUE_BYTES = 16 * 1024 * 1024;

/** Stands for `OTEL_LOGS_EXPORTER=none`. An empty array of the user's own is a mistake. */
export const NO_EXPORTERS: readonly never[] = Object.freeze([]);

// These bound the ring where there is one, and a lane behind it has its own.
const FRONT_KEYS: readonly string[] = ['maxQueueSize', 'maxQueueBytes', 'onQueueFull', 'blockOnQueueFullTimeoutMillis'];

type Given = Partial<CommonOptions & { exporter: unknown; exporters: unknown }>;

/** An entry of `exporters` before the worker is known, on which the defaults of its lane depend. */
interface GivenLane {
  readonly exporter: LogRecordExporter | ExporterDescription;
  /** How the user's option is called that gives the exporter. */
  readonly exporterOption: string;
  /** What stands in front of the names of the lane's own options. */
  readonly owner: string;
  readonly options: Omit<LaneDefinition, 'exporter'>;
}

/** @throws TypeError or RangeError naming option, range and value */
export function resolveOptions(options: QueueLogRecordProcessorOptions): ResolvedOptions {
  const given = checkObject('options', options) as Given;
  warnUnknownKeys('QueueLogRecordProcessor', given, KNOWN_KEYS);
  const millis = (name: 'shutdownTimeoutMillis' | 'exitTimeoutMillis', byDefault: number): number =>
    given[name] === undefined ? byDefault : checkInteger(name, given[name], 0, MAX_TIMER_MILLIS);
  const wantedWorker = given.worker === undefined ? undefined : checkOneOf('worker', given.worker, ['event-loop', 'thread']);
  if (given.onLoss !== undefined && typeof given.onLoss !== 'function') {
    throw new TypeError(`onLoss must be a function, received ${typeof given.onLoss}`);
  }
  if (given.selfObsMeterProvider !== undefined && typeof (given.selfObsMeterProvider as Partial<MeterProvider> | null)?.getMeter !== 'function') {
    throw new TypeError(`selfObsMeterProvider must be a MeterProvider, received ${given.selfObsMeterProvider === null ? 'null' : typeof given.selfObsMeterProvider}`);
  }
  // Checked even where every lane overrides it, so that a mistake does not wait for the next exporter. Whether a batch fits into the queue is for each lane: behind a ring it has another one.
  const { maxExportBatchSize, ...forFront } = given;
  if (maxExportBatchSize !== undefined) {
    checkInteger('maxExportBatchSize', maxExportBatchSize, 1);
  }
  const front = resolveLaneOptions('', forFront);
  const lanes = givenLanes(given);
  const worker = lanes.length === 0 ? 'event-loop' : (wantedWorker ?? (lanes.every(({ exporter }) => isDescription(exporter)) ? 'thread' : 'event-loop'));
  const names = new Set<string>();
  return {
    worker,
    workerPath: resolveWorkerPath(given.workerPath, process.env),
    lanes: lanes.map((lane) => resolveLane(lane, laneDefaults(given, worker), names, worker)),
    ring: {
      maxRecords: given.maxQueueSize,
      maxBytes: front.maxQueueBytes ?? THREAD_QUEUE_BYTES,
      policy: resolveOverflowPolicy('onQueueFull', given.onQueueFull ?? 'drop', given.blockOnQueueFullTimeoutMillis),
    },
    shutdownTimeoutMillis: millis('shutdownTimeoutMillis', 10_000),
    exitTimeoutMillis: millis('exitTimeoutMillis', 2000),
    onLoss: given.onLoss,
    lossRecords: given.lossRecords !== undefined && checkBoolean('lossRecords', given.lossRecords),
    selfObsMeterProvider: given.selfObsMeterProvider,
  };
}

function givenLanes({ exporter, exporters }: Given): GivenLane[] {
  if ((exporter === undefined) === (exporters === undefined)) {
    throw new TypeError(`exactly one of exporter and exporters must be given, received ${exporter === undefined ? 'neither' : 'both'}`);
  }
  if (exporter !== undefined) {
    return [{ exporter: resolveExporter('exporter', exporter), exporterOption: 'exporter', owner: '', options: {} }];
  }
  if (exporters === NO_EXPORTERS) {
    return [];
  }
  if (!Array.isArray(exporters) || exporters.length === 0) {
    throw new TypeError('exporters must be an array of at least one exporter');
  }
  return exporters.map((entry: unknown, index): GivenLane => {
    const option = `exporters[${index}]`;
    if (isExporter(entry) || isDescription(entry) || isModuleDescription(entry)) {
      return { exporter: resolveExporter(option, entry), exporterOption: option, owner: `${option}.`, options: {} };
    }
    const definition = checkObject(option, entry) as unknown as LaneDefinition;
    warnUnknownKeys(option, definition, ['exporter', 'name', ...LANE_OPTION_KEYS]);
    return { exporter: resolveExporter(`${option}.exporter`, definition.exporter), exporterOption: `${option}.exporter`, owner: `${option}.`, options: withoutUndefined(definition) };
  });
}

/** What a thread takes, in words. */
const DESCRIPTIONS = 'what otlp(), loki(), stdout(), file() or counting() return, or { module, export, options }';

function resolveExporter(option: string, exporter: unknown): LogRecordExporter | ExporterDescription {
  if (isExporter(exporter) || isDescription(exporter)) {
    return exporter;
  }
  if (isModuleDescription(exporter)) {
    return { type: 'module', options: resolveModuleDescription(option, exporter) };
  }
  throw new TypeError(`${option} must be a LogRecordExporter, ${DESCRIPTIONS}`);
}

function resolveLane(lane: GivenLane, defaults: LaneOptions, names: Set<string>, worker: 'event-loop' | 'thread'): PlannedLane {
  const { exporter, exporterOption, owner } = lane;
  if (worker === 'thread' && !isDescription(exporter)) {
    throw new TypeError(`${exporterOption} is an exporter object, which cannot cross to a thread: give ${DESCRIPTIONS}, or choose worker: 'event-loop'`);
  }
  const given = lane.options.name;
  const wantedName = given === undefined ? defaultName(exporter) : checkString(`${owner}name`, given);
  if (given !== undefined && names.has(wantedName)) {
    throw new TypeError(`${owner}name must differ from the names of the other lanes, received "${wantedName}"`);
  }
  let name = wantedName;
  for (let count = 2; names.has(name); count++) {
    name = `${wantedName}-${count}`;
  }
  names.add(name);
  return { name, options: resolveLaneOptions(owner, { ...defaults, ...lane.options }), exporter };
}

function defaultName(exporter: LogRecordExporter | ExporterDescription): string {
  if (isDescription(exporter)) {
    return nameOfDescription(exporter);
  }
  const className = (exporter.constructor as { name?: unknown } | undefined)?.name;
  return typeof className === 'string' && className !== '' && className !== 'Object' ? className : 'exporter';
}

function laneDefaults(given: LaneOptions, worker: 'event-loop' | 'thread'): LaneOptions {
  const common = Object.fromEntries(LANE_OPTION_KEYS.filter((key) => given[key] !== undefined).map((key) => [key, given[key]]));
  if (worker === 'event-loop') {
    return common;
  }
  // In a thread bytes bound a lane, and the number of records does not.
  const behindRing = Object.fromEntries(Object.entries(common).filter(([key]) => !FRONT_KEYS.includes(key)));
  return { ...behindRing, maxQueueSize: 2 ** 32 - 1, maxQueueBytes: THREAD_QUEUE_BYTES };
}

/** An option that is given as undefined is not given: it must not hide the processor's. */
export function withoutUndefined<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}
