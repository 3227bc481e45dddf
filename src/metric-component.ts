import type { Attributes } from '@opentelemetry/api';
import type { LogRecordExporter } from '@opentelemetry/sdk-logs';
import { isDescription, type ExporterDescription } from './exporters/description';
import { LokiLogRecordExporter } from './exporters/loki';
import { nameOfModuleExporter } from './exporters/module-description';
import { OtlpLogRecordExporter } from './exporters/otlp';

/** Of our own, because the conventions keep `batching_log_processor` for the SDK's. */
const PROCESSOR_TYPE = 'queue_log_record_processor';

// One count for the process, whatever the number of copies of this package: two components of one name would write to the same series.
const COUNTERS_KEY = Symbol.for('otel-log-queue.component-counters.1');

/** The attributes that name this processor. */
export function processorAttributes(): Attributes {
  return componentAttributes(PROCESSOR_TYPE);
}

/** The attributes that name an exporter and, where that is known, its server. */
export function exporterAttributes(exporter: LogRecordExporter | ExporterDescription): Attributes {
  if (exporter instanceof OtlpLogRecordExporter) {
    return otlpAttributes(exporter.backend);
  }
  if (exporter instanceof LokiLogRecordExporter) {
    return lokiAttributes(exporter.backend);
  }
  if (!isDescription(exporter)) {
    return componentAttributes(exporter.constructor.name || 'log_record_exporter');
  }
  switch (exporter.type) {
    case 'otlp':
      return otlpAttributes(exporter.options);
    case 'loki':
      return lokiAttributes(exporter.options);
    case 'module':
      return componentAttributes(nameOfModuleExporter(exporter.options));
    case 'stdout':
    case 'file':
    case 'counting':
      return componentAttributes(`${exporter.type}_log_exporter`);
  }
}

function otlpAttributes({ url, protocol }: { readonly url?: string | undefined; readonly protocol?: string | undefined }): Attributes {
  return { ...componentAttributes(protocol === 'http/json' ? 'otlp_http_json_log_exporter' : 'otlp_http_log_exporter'), ...serverAttributes(url) };
}

function lokiAttributes({ url }: { readonly url?: string | undefined }): Attributes {
  return { ...componentAttributes('loki_http_log_exporter'), ...serverAttributes(url) };
}

/** `<type>/<number>`, the form that the conventions recommend: few values, and the same ones after each start. */
function componentAttributes(type: string): Attributes {
  const holder = globalThis as { [COUNTERS_KEY]?: Map<string, number> };
  const counters = (holder[COUNTERS_KEY] ??= new Map());
  const number = counters.get(type) ?? 0;
  counters.set(type, number + 1);
  return { 'otel.component.type': type, 'otel.component.name': `${type}/${number}` };
}

function serverAttributes(url: string | undefined): Attributes {
  if (url === undefined || !URL.canParse(url)) {
    return {};
  }
  const { hostname, port, protocol } = new URL(url);
  return { 'server.address': hostname.replace(/^\[(.*)\]$/, '$1'), 'server.port': port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port) };
}
