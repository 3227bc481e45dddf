import { diag } from '@opentelemetry/api';
import { readKeyValueList, readList, readString, type Environment } from './environment';
import { FILE_VARIABLES, isTaken, LOKI_LIST_VARIABLES, LOKI_VARIABLES, OTLP_VARIABLES, readVariables, STDOUT_VARIABLES } from './environment-variables';
import type { ExporterDescription } from './exporters/description';
import { resolveFileOptions } from './exporters/file';
import { resolveLokiOptions, type LokiExporterOptions } from './exporters/loki-options';
import { resolveOtlpOptions } from './exporters/otlp-options';
import { environmentAuthorities, environmentKeyPair } from './exporters/tls-environment';
import { resolveStdoutOptions } from './exporters/stdout';

// Before CERTIFICATE, CLIENT_CERTIFICATE and CLIENT_KEY, as OTLP has them.
const LOKI_PREFIX = 'OTEL_LOG_QUEUE_LOKI_';
const VARIABLE = 'OTEL_LOGS_EXPORTER';

// Values are validated one by one, and none of them may read the environment again.
const NO_ENVIRONMENT = {};
const ANY_PATH = '.';

type Maker = (environment: Environment) => ExporterDescription;

// `otlp/stdout` is the specification's name, in development there, for OTLP/JSON lines (protocol/file-exporter.md).
const MAKERS: ReadonlyMap<string, Maker> = new Map<string, Maker>([
  ['otlp', otlpFrom],
  ['loki', lokiFrom],
  ['console', stdoutFrom],
  ['file', fileFrom],
  ['otlp/stdout', () => ({ type: 'stdout', options: resolveStdoutOptions({ format: 'otlp' }) })],
]);

/**
 * What `OTEL_LOGS_EXPORTER` names, each once; undefined if that is nothing, because it says `none` or because no exporter can be made.
 * Unset, or without any name that is known: `otlp` (configuration/sdk-environment-variables.md).
 */
export function exportersFromEnvironment(environment: Environment): ExporterDescription[] | undefined {
  const names = [...new Set((readList(environment, VARIABLE) ?? []).map((name) => name.toLowerCase()))];
  if (names.includes('none')) {
    return undefined;
  }
  const unknown = names.filter((name) => !MAKERS.has(name));
  if (unknown.length > 0) {
    diag.warn(`otel-log-queue: ${VARIABLE} does not know ${unknown.map((name) => JSON.stringify(name)).join(', ')}, but ${[...MAKERS.keys(), 'none'].join(', ')}; ignored`);
  }
  const known = names.filter((name) => MAKERS.has(name));
  const exporters = (known.length === 0 ? ['otlp'] : known).flatMap((name) => {
    const made: ExporterDescription[] = [];
    isTaken(`${VARIABLE}=${name}`, () => made.push((MAKERS.get(name) as Maker)(environment)));
    return made;
  });
  return exporters.length === 0 ? undefined : exporters;
}

function otlpFrom(environment: Environment): ExporterDescription {
  const options = readVariables(environment, OTLP_VARIABLES, (option, value) => void resolveOtlpOptions({ [option]: value }, NO_ENVIRONMENT));
  return { type: 'otlp', options: resolveOtlpOptions(options, environment) };
}

function lokiFrom(environment: Environment): ExporterDescription {
  const check = (option: string, value: unknown): void => void resolveLokiOptions({ [option]: value }, NO_ENVIRONMENT);
  const options: Record<string, unknown> = readVariables(environment, LOKI_VARIABLES, check);
  const { labels, headers, indexAttributes, username, password } = LOKI_LIST_VARIABLES;
  const add = (variable: string, option: keyof LokiExporterOptions, value: unknown): void => {
    if (isTaken(variable, () => check(option, value))) {
      options[option] = value;
    }
  };
  add(labels, 'labels', readKeyValueList(environment, labels));
  add(headers, 'headers', readKeyValueList(environment, headers));
  add(indexAttributes, 'indexAttributes', readList(environment, indexAttributes));
  const basicAuth = { username: readString(environment, username), password: readString(environment, password) };
  if (basicAuth.username !== undefined || basicAuth.password !== undefined) {
    add(basicAuth.username === undefined ? username : password, 'basicAuth', basicAuth);
  }
  const tls = { ...environmentAuthorities(environment, [LOKI_PREFIX]), ...environmentKeyPair(environment, [LOKI_PREFIX]) };
  if (Object.keys(tls).length > 0) {
    options['tls'] = tls;
  }
  return { type: 'loki', options: resolveLokiOptions(options, NO_ENVIRONMENT) };
}

function fileFrom(environment: Environment): ExporterDescription {
  const options = readVariables(environment, FILE_VARIABLES, (option, value) => void resolveFileOptions({ path: ANY_PATH, [option]: value }, NO_ENVIRONMENT));
  if (options['path'] === undefined) {
    throw new TypeError(`${FILE_VARIABLES.path.name} must be set`);
  }
  return { type: 'file', options: resolveFileOptions(options, NO_ENVIRONMENT) };
}

function stdoutFrom(environment: Environment): ExporterDescription {
  return { type: 'stdout', options: resolveStdoutOptions(readVariables(environment, STDOUT_VARIABLES, (option, value) => void resolveStdoutOptions({ [option]: value }))) };
}
