import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { diag } from '@opentelemetry/api';
import type { LogRecordProcessor } from '@opentelemetry/sdk-logs';
import { readBoolean, readInteger, readList, type Environment } from '../environment';
import { isTaken } from '../environment-variables';
import { exportersFromEnvironment } from '../exporter-environment';
import { bridgeLogsApis, registeredLoggerProvider, type ProvidesLoggers } from '../integrations/bridge';
import type { ShutsDown } from '../integrations/bounded-shutdown';
import { shutdownOnSignals } from '../integrations/signals';
import { QueueLogRecordProcessor } from '../processor';
import type { Resource } from '../record';
import { isOwnThreadData } from '../thread/thread-protocol';
import { loadFromApplication } from './application-modules';
import { showDiag } from './diag-output';
import { instrumentLibraries } from './instrumentations';
import { resourceFromEnvironment, type ResourcesModule } from './resource';

/** What is used of `@opentelemetry/sdk-logs`, the same in both lines. */
interface LogsSdkModule {
  readonly LoggerProvider: new (config: { resource: Resource; processors: LogRecordProcessor[]; logRecordLimits: object }) => ProvidesLoggers & ShutsDown;
}

const SIGNALS_VARIABLE = 'OTEL_LOG_QUEUE_SHUTDOWN_SIGNALS';

/**
 * Registers a `LoggerProvider` with a processor as the environment says, for loggers of both logs APIs. Never throws: an application must start without its telemetry too.
 * The end of the process delivers; a signal ends it without that, unless `OTEL_LOG_QUEUE_SHUTDOWN_SIGNALS` names it.
 */
export function register(): void {
  if (isOwnThreadData(workerData) || isThreadOfNode()) {
    return;
  }
  try {
    showDiag();
    if (readBoolean(process.env, 'OTEL_SDK_DISABLED') !== true) {
      registerProvider();
    }
  } catch (error) {
    diag.error(`otel-log-queue: the logs of this process are not collected: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  }
}

/** Node runs what `--require` names in the thread of its loader hooks too, in which no application ever logs. */
function isThreadOfNode(): boolean {
  return !isMainThread && parentPort === null;
}

function registerProvider(): void {
  if (registeredLoggerProvider() !== undefined) {
    diag.warn('otel-log-queue: a LoggerProvider is registered already, and keeps its place: load otel-log-queue/register before what registers it');
    return;
  }
  const exporters = exportersFromEnvironment(process.env);
  if (exporters === undefined) {
    return;
  }
  const sdk = loadFromApplication('@opentelemetry/sdk-logs');
  if (sdk === undefined) {
    throw new Error('otel-log-queue/register needs @opentelemetry/sdk-logs, which the application does not have');
  }
  const { LoggerProvider } = sdk.exports as LogsSdkModule;
  const provider = new LoggerProvider({
    resource: resourceFromEnvironment(sdk.require('@opentelemetry/resources') as ResourcesModule),
    processors: [QueueLogRecordProcessor.fromEnv({ exporters })],
    logRecordLimits: limitsFrom(process.env),
  });
  bridgeLogsApis(provider);
  instrumentLibraries(provider);
  const signals = readList(process.env, SIGNALS_VARIABLE);
  if (signals !== undefined) {
    isTaken(SIGNALS_VARIABLE, () => shutdownOnSignals(provider, { signals: signals.map((signal) => signal.toUpperCase() as NodeJS.Signals) }));
  }
}

/** As NodeSDK reads them; undefined is the SDK's default. */
function limitsFrom(environment: Environment): object {
  const limit = (name: string): number | undefined => readInteger(environment, `OTEL_LOGRECORD_${name}`, 1) ?? readInteger(environment, `OTEL_${name}`, 1);
  return { attributeCountLimit: limit('ATTRIBUTE_COUNT_LIMIT'), attributeValueLengthLimit: limit('ATTRIBUTE_VALUE_LENGTH_LIMIT') };
}
