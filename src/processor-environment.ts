import { diag } from '@opentelemetry/api';
import { checkObject } from './check';
import type { Environment } from './environment';
import { isTaken, OVERFLOW_VARIABLES, PROCESSOR_VARIABLES, readVariables, RETRY_VARIABLES, SPOOL_VARIABLES, type Variable } from './environment-variables';
import { exportersFromEnvironment } from './exporter-environment';
import { resolveLaneOptions } from './lane/lane-options';
import { NO_EXPORTERS, resolveOptions, withoutUndefined, type LaneDefinition, type ExporterOption, type QueueLogRecordProcessorOptions } from './options';
import { resolveOverflowPolicy } from './queue/overflow-policy';
import { resolveSpoolOptions } from './spool/spool-options';

/** Options of the processor that win over their variables; without an exporter `OTEL_LOGS_EXPORTER` says them. */
export type FromEnvOptions = Partial<Omit<QueueLogRecordProcessorOptions, 'exporter' | 'exporters'>> & {
  readonly exporter?: ExporterOption | undefined;
  readonly exporters?: readonly (ExporterOption | LaneDefinition)[] | undefined;
};

// Its own variable is read with the options; each check would read it again and repeat its warning.
const ANY_WORKER_PATH = '.';
const ANY_DIRECTORY = '.';

/** @throws TypeError if `options` is no object */
export function optionsFromEnvironment(options: FromEnvOptions, environment: Environment = process.env): QueueLogRecordProcessorOptions {
  const given = withoutUndefined(checkObject('options', options)) as FromEnvOptions;
  const exporters = given.exporter === undefined && given.exporters === undefined ? { exporters: exportersFromEnvironment(environment) ?? NO_EXPORTERS } : {};
  // What is given hides the variable, so that nobody is warned about what would not count.
  const variables = Object.fromEntries(Object.entries(PROCESSOR_VARIABLES as Readonly<Record<string, Variable>>).filter(([option]) => option !== 'workerPath' && !(option in given)));
  const { retry, onQueueFull, worker, ...read } = readVariables(environment, variables, checkProcessorOption);
  return {
    ...read,
    ...workerFor(given, worker as 'event-loop' | 'thread' | undefined),
    ...(!('onQueueFull' in given) && withDetails(onQueueFull as string | undefined, environment)),
    ...(!('retry' in given) && retryFrom(retry as boolean | undefined, environment)),
    ...(!('spool' in given) && spoolFrom(environment)),
    ...exporters,
    ...given,
  } as QueueLogRecordProcessorOptions;
}

/** An exporter object from the code cannot go where the environment wants it: the code wins. */
function workerFor({ exporter, exporters }: FromEnvOptions, worker: 'event-loop' | 'thread' | undefined): object {
  const areGiven = exporter !== undefined || exporters !== undefined;
  const fits = (): void => void resolveOptions(withoutUndefined({ exporter, exporters, worker, workerPath: ANY_WORKER_PATH }) as QueueLogRecordProcessorOptions);
  return worker === 'thread' && areGiven && !isTaken(PROCESSOR_VARIABLES.worker.name, fits) ? {} : withoutUndefined({ worker });
}

function checkProcessorOption(option: string, value: unknown): void {
  if (option === 'retry') {
    return;
  }
  // A batch size of its own is not larger than the queue.
  resolveOptions({ exporters: NO_EXPORTERS, workerPath: ANY_WORKER_PATH, maxQueueSize: 2 ** 32 - 1, [option]: value });
}

function withDetails(policy: string | undefined, environment: Environment): object {
  if (policy === undefined) {
    return {};
  }
  const check = (option: string, value: unknown): void => void resolveOverflowPolicy('onQueueFull', { policy, [option]: value } as never);
  const details = readVariables(environment, OVERFLOW_VARIABLES, check);
  return { onQueueFull: Object.keys(details).length === 0 ? policy : { policy, ...details } };
}

function retryFrom(isWanted: boolean | undefined, environment: Environment): object {
  if (isWanted === false) {
    return { retry: false };
  }
  const retry = readVariables(environment, RETRY_VARIABLES, (option, value) => void resolveLaneOptions('', { retry: { [option]: value } }));
  return Object.keys(retry).length === 0 ? {} : { retry };
}

function spoolFrom(environment: Environment): object {
  const spool = readVariables(environment, SPOOL_VARIABLES, (option, value) => void resolveSpoolOptions('spool', { directory: ANY_DIRECTORY, [option]: value }));
  if (spool['directory'] !== undefined) {
    return isTaken(SPOOL_VARIABLES.directory.name, () => void resolveSpoolOptions('spool', spool)) ? { spool } : {};
  }
  if (Object.keys(spool).length > 0) {
    diag.warn(`otel-log-queue: there is no spool without ${SPOOL_VARIABLES.directory.name}; its other variables are ignored`);
  }
  return {};
}
