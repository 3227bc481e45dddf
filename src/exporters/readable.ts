import { settledResourceAttributes, type LogRecord, type Resource } from '../record';
import { JsonValues, quoted } from './json-value';
import { TimeTexts } from './time-text';

// What tells one source from another. A full resource is a kilobyte in each line, mostly about the host and the command line; the format `otlp` has all of it.
const RESOURCE_KEYS = ['service.name', 'service.namespace', 'service.version', 'service.instance.id', 'deployment.environment.name'];

const SEVERITY_NAMES = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];

/**
 * The record's severity text, else the short name of its number (logs/data-model.md, "Displaying Severity").
 * Undefined where neither is set.
 */
export function severityName(record: LogRecord): string | undefined {
  const { severityText } = record;
  if (typeof severityText === 'string' && severityText !== '') {
    return severityText;
  }
  const number: unknown = record.severityNumber;
  if (typeof number !== 'number' || !Number.isInteger(number) || number < 1 || number > 24) {
    return undefined;
  }
  const step = (number - 1) % 4;
  return `${SEVERITY_NAMES[(number - 1 - step) / 4]}${step === 0 ? '' : step + 1}`;
}

/**
 * One record as one line of JSON without its newline. What is unset or of a wrong type is left out.
 * `time` is RFC 3339 with nanoseconds (the observed time where the record has no other);
 * `resource` has only `service.name`, `service.namespace`, `service.version`, `service.instance.id` and `deployment.environment.name`;
 * the names of the trace context are those of the specification (compatibility/logging_trace_context.md).
 */
export class ReadableJson {
  readonly #values = new JsonValues();
  readonly #times = new TimeTexts();
  // Text by identity: a resource and a scope are one object for very many records.
  readonly #resources = new WeakMap<object, string>();
  readonly #scopes = new WeakMap<object, string>();

  /** Undefined if the record has no valid form, for example because a getter throws. Never throws. */
  line(record: LogRecord): string | undefined {
    try {
      return this.#line(record);
    } catch {
      return undefined;
    }
  }

  #line(record: LogRecord): string {
    const { severityNumber, eventName, body, spanContext, attributes } = record;
    const severity = severityName(record);
    let line = this.#timeField(record);
    if (severity !== undefined) {
      line += `,"severity_text":${quoted(severity)}`;
    }
    if (typeof severityNumber === 'number' && Number.isInteger(severityNumber)) {
      line += `,"severity_number":${severityNumber}`;
    }
    if (typeof eventName === 'string' && eventName !== '') {
      line += `,"event_name":${quoted(eventName)}`;
    }
    if (body !== undefined) {
      line += `,"body":${this.#values.text(body)}`;
    }
    if (spanContext != null) {
      line += traceFields(spanContext);
    }
    if (typeof attributes === 'object' && attributes !== null) {
      const text = this.#values.text(attributes);
      line += text === '{}' ? '' : `,"attributes":${text}`;
    }
    // Every field begins with its comma, and which one comes first depends on the record.
    return `{${(line + this.#scopeField(record) + this.#resourceField(record.resource)).slice(1)}}`;
  }

  #timeField(record: LogRecord): string {
    const time = this.#times.text(record.hrTime) ?? this.#times.text(record.hrTimeObserved);
    return time === undefined ? '' : `,"time":"${time}"`;
  }

  #scopeField(record: LogRecord): string {
    const scope = record.instrumentationScope;
    if (typeof scope !== 'object' || scope === null) {
      return '';
    }
    let text = this.#scopes.get(scope);
    if (text === undefined) {
      text = typeof scope.name === 'string' && scope.name !== '' ? `,"scope":${quoted(scope.name)}` : '';
      text += typeof scope.version === 'string' && scope.version !== '' ? `,"scope_version":${quoted(scope.version)}` : '';
      this.#scopes.set(scope, text);
    }
    return text;
  }

  #resourceField(resource: Resource | undefined): string {
    if (typeof resource !== 'object' || resource === null) {
      return '';
    }
    let text = this.#resources.get(resource);
    if (text === undefined) {
      text = resourceField(resource, this.#values);
      if (resource.asyncAttributesPending !== true) {
        this.#resources.set(resource, text);
      }
    }
    return text;
  }
}

function traceFields(spanContext: NonNullable<LogRecord['spanContext']>): string {
  const { traceId, spanId, traceFlags } = spanContext;
  let text = typeof traceId === 'string' ? `,"trace_id":${quoted(traceId)}` : '';
  text += typeof spanId === 'string' ? `,"span_id":${quoted(spanId)}` : '';
  return typeof traceFlags === 'number' ? `${text},"trace_flags":"${(traceFlags & 0xff).toString(16).padStart(2, '0')}"` : text;
}

function resourceField(resource: Resource, values: JsonValues): string {
  const attributes = settledResourceAttributes(resource);
  const fields = RESOURCE_KEYS.filter((key) => attributes[key] != null).map((key) => `${quoted(key)}:${values.text(attributes[key])}`);
  return fields.length === 0 ? '' : `,"resource":{${fields.join(',')}}`;
}
