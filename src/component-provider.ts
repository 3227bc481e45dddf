import { fileURLToPath } from 'node:url';
import { checkObject, checkString } from './check';
import { readKeyValueList } from './environment';
import type { ExporterDescription } from './exporters/description';
import { resolveFileOptions } from './exporters/file';
import { checkSecretObject } from './exporters/http-options';
import { resolveLokiOptions } from './exporters/loki-options';
import { resolveOtlpOptions } from './exporters/otlp-options';
import { resolveStdoutOptions } from './exporters/stdout';
import { QueueLogRecordProcessor } from './processor';

/**
 * The shape of a plugin component provider (opentelemetry-specification, configuration/sdk.md, "Register PluginComponentProvider").
 * No JavaScript SDK has a registry for them yet: until then `create` is called by hand.
 */
export interface ComponentProvider<Component> {
  /** The kind of component: for this one the key of `logger_provider.processors` entries. */
  readonly type: string;
  readonly name: string;
  /** @param properties the component's node of a configuration file, as a parser of YAML or JSON returns it */
  create(properties: unknown): Component;
}

type Properties = Record<string, unknown>;

// The names of the configuration schema (opentelemetry-configuration) where it has one; every other option is its own name in snake case.
const RENAMED: Readonly<Record<string, string>> = { schedule_delay: 'scheduledDelayMillis', export_timeout: 'exportTimeoutMillis', block_on_queue_full_timeout: 'blockOnQueueFullTimeoutMillis' };
const RENAMED_OTLP: Readonly<Record<string, string>> = { endpoint: 'url', timeout: 'timeoutMillis' };

const ENCODINGS: Readonly<Record<string, string>> = { protobuf: 'http/protobuf', json: 'http/json' };

// A file says all: the environment does not complete it (configuration/sdk.md).
const NO_ENVIRONMENT = {};

const EXPORTERS: Readonly<Record<string, (properties: Properties) => ExporterDescription>> = {
  otlp_http: (properties) => ({ type: 'otlp', options: resolveOtlpOptions(otlpOptions(properties), NO_ENVIRONMENT) }),
  loki: ({ labels, headers, ...properties }) => ({
    type: 'loki',
    // Their keys are the user's own, and no options.
    options: resolveLokiOptions({ ...camelCase(properties), ...withoutAbsent({ labels, headers: headerMap(headers) }) }, NO_ENVIRONMENT),
  }),
  console: (properties) => ({ type: 'stdout', options: resolveStdoutOptions(camelCase(properties)) }),
  file: (properties) => ({ type: 'file', options: resolveFileOptions(camelCase(properties), NO_ENVIRONMENT) }),
  'otlp_file/development': otlpFile,
};

/**
 * Makes a processor from a node of declarative configuration: `exporter: { otlp_http: … }`, or `exporters`, a list of such nodes, each with lane options beside the exporter,
 * and the options of the processor in snake case (`schedule_delay`, `export_timeout` and the others of `batch` as there).
 */
export const queueLogRecordProcessorProvider: ComponentProvider<QueueLogRecordProcessor> = {
  type: 'log_record_processor',
  name: 'otel_log_queue',
  /** @throws TypeError or RangeError that names the property */
  create(properties: unknown): QueueLogRecordProcessor {
    const { exporter, exporters, ...rest } = withoutAbsent(checkObject('properties', properties));
    if ((exporter === undefined) === (exporters === undefined)) {
      throw new TypeError('exactly one of exporter and exporters must be given');
    }
    if (exporters !== undefined && !Array.isArray(exporters)) {
      throw new TypeError('exporters must be a list');
    }
    const lanes = exporters === undefined ? [laneFrom('exporter', exporter)] : exporters.map((node, index) => laneFrom(`exporters[${index}]`, node));
    return new QueueLogRecordProcessor({ ...camelCase(rest), exporters: lanes });
  },
};

/** @throws TypeError if there is not exactly one exporter in the node */
function laneFrom(property: string, node: unknown): { readonly exporter: ExporterDescription } {
  const given = checkObject(property, node);
  const names = Object.keys(EXPORTERS).filter((name) => name in given);
  const [name] = names;
  if (name === undefined || names.length > 1) {
    throw new TypeError(`${property} must have exactly one of ${Object.keys(EXPORTERS).join(', ')}`);
  }
  const { [name]: properties, ...lane } = given;
  // `console:` without anything behind it is null in YAML.
  return { ...camelCase(lane), exporter: (EXPORTERS[name] as (properties: Properties) => ExporterDescription)(checkObject(`${property}.${name}`, properties ?? {})) };
}

function otlpOptions({ headers, headers_list: headersList, encoding, ...properties }: Properties): object {
  // The same form as in OTEL_EXPORTER_OTLP_HEADERS; `headers` wins.
  const list = readKeyValueList({ headers_list: checkOptional('headers_list', headersList) }, 'headers_list');
  const protocol = typeof encoding === 'string' ? (ENCODINGS[encoding] ?? encoding) : encoding;
  return { ...camelCase(properties, RENAMED_OTLP), ...withoutAbsent({ headers: { ...list, ...headerMap(headers) }, protocol }) };
}

function checkOptional(property: string, value: unknown): string | undefined {
  return value === undefined || value === null ? undefined : checkString(property, value);
}

/** `[{ name, value }]`, as the schema has it, or a plain map. */
function headerMap(headers: unknown): object | undefined {
  if (headers === undefined || headers === null) {
    return undefined;
  }
  if (!Array.isArray(headers)) {
    return checkSecretObject('headers', headers);
  }
  return Object.fromEntries(headers.map((each: unknown, index) => [checkString(`headers[${index}].name`, checkSecretObject(`headers[${index}]`, each)['name']), (each as Properties)['value']]));
}

/** `output_stream`: `stdout`, or the `file:` URL of a file. */
function otlpFile({ output_stream: stream = 'stdout', ...properties }: Properties): ExporterDescription {
  const target = checkString('output_stream', stream);
  if (target === 'stdout') {
    return { type: 'stdout', options: resolveStdoutOptions({ ...camelCase(properties), format: 'otlp' }) };
  }
  return { type: 'file', options: resolveFileOptions({ ...camelCase(properties), path: target.startsWith('file:') ? fileURLToPath(target) : target, format: 'otlp' }, NO_ENVIRONMENT) };
}

/** The keys of options from those of a configuration file, also of the options within; null is unset. */
function camelCase(properties: Properties, renamed = RENAMED): Properties {
  return Object.fromEntries(
    Object.entries(withoutAbsent(properties)).map(([key, value]) => [
      renamed[key] ?? key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
      typeof value === 'object' && !Array.isArray(value) ? camelCase(value as Properties, {}) : value,
    ]),
  );
}

function withoutAbsent(properties: Properties): Properties {
  return Object.fromEntries(Object.entries(properties).filter(([, value]) => value !== undefined && value !== null));
}
