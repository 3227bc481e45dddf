import type { LogRecordExporter } from '@opentelemetry/sdk-logs';
import { checkInteger, checkObject, checkOneOf, checkString, warnUnknownKeys } from './check';
import { createExporter, isDescription, isExporter, type ExporterDescription } from './exporters/description';
import { LANE_OPTION_KEYS, resolveLaneOptions, type LaneOptions, type ResolvedLaneOptions } from './lane/lane-options';
import type { OnLoss } from './loss-reporter';

/** An exporter with its own lane options. */
export interface LaneDefinition extends LaneOptions {
  readonly exporter: LogRecordExporter | ExporterDescription;
  /** The lane's name in `stats()`, `diag` and `onLoss`. Default: `otlp`, `loki`, …, or the class name of an exporter object; a second one gets `-2`. */
  readonly name?: string;
}

interface CommonOptions extends LaneOptions {
  /** What drains the queues. Default and only choice: `'event-loop'`. */
  readonly worker?: 'event-loop';
  /** How long `shutdown()` may take, in milliseconds. Default 10000. */
  readonly shutdownTimeoutMillis?: number;
  /** How long a natural end of the process may be held without any record being settled, in milliseconds; 0: not at all. Default 2000. */
  readonly exitTimeoutMillis?: number;
  /** Called with what was lost since the last call, soon after it was lost; never from inside `emit`. */
  readonly onLoss?: OnLoss;
}

/** Options of `QueueLogRecordProcessor`: all of `LaneOptions`, as the default of all lanes, and exactly one of `exporter` and `exporters`. */
export type QueueLogRecordProcessorOptions = CommonOptions &
  (
    | { readonly exporter: LogRecordExporter | ExporterDescription; readonly exporters?: undefined }
    | { readonly exporters: readonly (LogRecordExporter | ExporterDescription | LaneDefinition)[]; readonly exporter?: undefined }
  );

export interface ResolvedLane {
  readonly name: string;
  readonly exporter: LogRecordExporter;
  readonly options: ResolvedLaneOptions;
}

export interface ResolvedOptions {
  readonly lanes: readonly ResolvedLane[];
  readonly shutdownTimeoutMillis: number;
  readonly exitTimeoutMillis: number;
  readonly onLoss: OnLoss | undefined;
}

const KNOWN_KEYS = ['exporter', 'exporters', 'worker', 'shutdownTimeoutMillis', 'exitTimeoutMillis', 'onLoss', ...LANE_OPTION_KEYS];

// Node fires a timer with a longer delay at once.
const MAX_TIMER_MILLIS = 2 ** 31 - 1;

/** @throws TypeError or RangeError naming option, range and value */
export function resolveOptions(options: QueueLogRecordProcessorOptions): ResolvedOptions {
  const given = checkObject('options', options) as Partial<CommonOptions & { exporter: unknown; exporters: unknown }>;
  warnUnknownKeys('QueueLogRecordProcessor', given, KNOWN_KEYS);
  const millis = (name: 'shutdownTimeoutMillis' | 'exitTimeoutMillis', byDefault: number): number =>
    given[name] === undefined ? byDefault : checkInteger(name, given[name], 0, MAX_TIMER_MILLIS);
  if (given.worker !== undefined) {
    checkOneOf('worker', given.worker, ['event-loop']);
  }
  if (given.onLoss !== undefined && typeof given.onLoss !== 'function') {
    throw new TypeError(`onLoss must be a function, received ${typeof given.onLoss}`);
  }
  // Checked even where every lane overrides it, so that a mistake does not wait for the next exporter.
  resolveLaneOptions('', given);
  return {
    lanes: resolveLanes(given),
    shutdownTimeoutMillis: millis('shutdownTimeoutMillis', 10_000),
    exitTimeoutMillis: millis('exitTimeoutMillis', 2000),
    onLoss: given.onLoss,
  };
}

function resolveLanes(given: Partial<CommonOptions & { exporter: unknown; exporters: unknown }>): ResolvedLane[] {
  const { exporter, exporters } = given;
  if ((exporter === undefined) === (exporters === undefined)) {
    throw new TypeError(`exactly one of exporter and exporters must be given, received ${exporter === undefined ? 'neither' : 'both'}`);
  }
  if (exporter !== undefined) {
    return [resolveLane('exporter', { ...laneDefaults(given), exporter } as LaneDefinition, '', new Set())];
  }
  if (!Array.isArray(exporters) || exporters.length === 0) {
    throw new TypeError('exporters must be an array of at least one exporter');
  }
  const names = new Set<string>();
  return exporters.map((entry: unknown, index) => {
    const option = `exporters[${index}]`;
    const isPlain = isExporter(entry) || isDescription(entry);
    const definition = isPlain ? { exporter: entry } : (checkObject(option, entry) as unknown as LaneDefinition);
    if (!isPlain) {
      warnUnknownKeys(option, definition, ['exporter', 'name', ...LANE_OPTION_KEYS]);
    }
    return resolveLane(isPlain ? option : `${option}.exporter`, { ...laneDefaults(given), ...withoutUndefined(definition) }, `${option}.`, names);
  });
}

function resolveLane(exporterOption: string, definition: LaneDefinition, owner: string, names: Set<string>): ResolvedLane {
  const wanted: unknown = definition.exporter;
  if (!isExporter(wanted) && !isDescription(wanted)) {
    throw new TypeError(`${exporterOption} must be a LogRecordExporter or what otlp(), loki(), stdout(), file() or counting() return`);
  }
  const wantedName = definition.name === undefined ? defaultName(wanted) : checkString(`${owner}name`, definition.name);
  if (definition.name !== undefined && names.has(wantedName)) {
    throw new TypeError(`${owner}name must differ from the names of the other lanes, received "${wantedName}"`);
  }
  let name = wantedName;
  for (let count = 2; names.has(name); count++) {
    name = `${wantedName}-${count}`;
  }
  names.add(name);
  return { name, options: resolveLaneOptions(owner, definition), exporter: isDescription(wanted) ? createExporter(wanted) : wanted };
}

function defaultName(exporter: LogRecordExporter | ExporterDescription): string {
  if (isDescription(exporter)) {
    return exporter.type;
  }
  const className = (exporter.constructor as { name?: unknown } | undefined)?.name;
  return typeof className === 'string' && className !== '' && className !== 'Object' ? className : 'exporter';
}

function laneDefaults(given: LaneOptions): LaneOptions {
  return Object.fromEntries(LANE_OPTION_KEYS.filter((key) => given[key] !== undefined).map((key) => [key, given[key]]));
}

/** An option that is given as undefined is not given: it must not hide the processor's. */
function withoutUndefined<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}
