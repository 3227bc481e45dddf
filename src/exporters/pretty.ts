import type { LogRecord } from '../record';
import { JsonValues, quoted } from './json-value';
import { severityName } from './readable';
import { TimeTexts } from './time-text';

const STACK_ATTRIBUTE = 'exception.stacktrace';
const STACK_INDENT = '    ';

const RESET = '\x1b[0m';
const DIM = '\x1b[2m';

// By severity number in steps of four: TRACE, DEBUG, INFO, WARN, ERROR, FATAL.
const SEVERITY_COLORS = ['\x1b[90m', '\x1b[36m', '\x1b[32m', '\x1b[33m', '\x1b[31m', '\x1b[35m'];

// Control characters could move the cursor or begin a line that looks like another record's; so could the marks that turn the direction of writing around.
const UNSAFE = /[\p{Cc}\p{Cs}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

// What needs no quotes to be told from its neighbours.
const PLAIN = /^[^\s"'=\\]+$/u;

/**
 * One record as one line for a terminal, without its last newline: time, severity, scope, body, `key=value`.
 * The only newlines in it are those before the lines of `exception.stacktrace`, which are indented by four spaces;
 * every other control character of a record is shown as its escape, so that no record can pass for two.
 */
export class PrettyLine {
  readonly #values = new JsonValues();
  readonly #times = new TimeTexts();
  readonly #color: boolean;

  constructor(color: boolean) {
    this.#color = color;
  }

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
    const time = this.#times.text(record.hrTime) ?? this.#times.text(record.hrTimeObserved);
    const parts: string[] = [];
    // Milliseconds are enough for the eye.
    parts.push(this.#paint(DIM, time === undefined ? '-' : `${time.slice(0, 23)}Z`));
    parts.push(this.#paint(severityColor(severityNumber), escaped(severityName(record) ?? '-').padEnd(5)));
    const scope: unknown = record.instrumentationScope?.name;
    if (typeof scope === 'string' && scope !== '') {
      parts.push(this.#paint(DIM, `[${escaped(scope)}]`));
    }
    if (typeof eventName === 'string' && eventName !== '') {
      parts.push(`<${escaped(eventName)}>`);
    }
    if (body != null && body !== '') {
      parts.push(escaped(typeof body === 'string' ? body : this.#values.text(body)));
    }
    let stack: unknown;
    if (typeof attributes === 'object' && attributes !== null) {
      for (const key of Object.keys(attributes)) {
        const value = attributes[key];
        if (key === STACK_ATTRIBUTE && typeof value === 'string') {
          stack = value;
        } else {
          parts.push(this.#pair(key, typeof value === 'string' ? quotedIfNeeded(value) : escaped(this.#values.text(value))));
        }
      }
    }
    if (typeof spanContext?.traceId === 'string') {
      parts.push(this.#pair('trace_id', quotedIfNeeded(spanContext.traceId)));
    }
    const line = parts.join(' ');
    return typeof stack === 'string' ? line + stackLines(stack) : line;
  }

  #pair(key: string, value: string): string {
    return `${this.#paint(DIM, `${quotedIfNeeded(key)}=`)}${value}`;
  }

  #paint(color: string, text: string): string {
    return this.#color ? `${color}${text}${RESET}` : text;
  }
}

function severityColor(severityNumber: unknown): string {
  return (typeof severityNumber === 'number' ? SEVERITY_COLORS[Math.floor((severityNumber - 1) / 4)] : undefined) ?? '';
}

function stackLines(stack: string): string {
  let text = '';
  for (const line of stack.split(/\r\n|\r|\n/)) {
    text += line.trim() === '' ? '' : `\n${STACK_INDENT}${escaped(line)}`;
  }
  return text;
}

function quotedIfNeeded(text: string): string {
  return escaped(PLAIN.test(text) ? text : quoted(text));
}

function escaped(text: string): string {
  return text.replace(UNSAFE, escapeOf);
}

function escapeOf(character: string): string {
  switch (character) {
    case '\n':
      return '\\n';
    case '\r':
      return '\\r';
    case '\t':
      return '\\t';
    default:
      return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  }
}
