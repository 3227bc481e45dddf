import type { LoggerService, LogLevel } from '@nestjs/common';
import { checkObject, checkString } from '../check';
import { exceptionAttributes, stackAttributes } from './exception-attributes';
import { isPlainObject, toLogValue, UNREADABLE } from './log-value';
import { checkLoggerSource, SafeLogger, type LoggerSource, type LogValue } from './logger-source';
import { readLogCall, type LogCall } from './nestjs-arguments';
import { checkLogLevels, enabledLevels, SEVERITIES } from './nestjs-levels';

export interface OtelLoggerOptions {
  /** The context of calls that do not name one. */
  readonly context?: string;
  /** The levels that are logged, by Nest's rule: those that are named, and all above the highest of them. Default all. */
  readonly logLevels?: readonly LogLevel[];
}

const CONTEXT = 'nestjs.context';

/**
 * Nest's logger, as OpenTelemetry log records: for `app.useLogger()`.
 *
 * verbose is TRACE, debug DEBUG, log INFO, warn WARN, error ERROR, fatal FATAL; the severity text is Nest's own word. The context is the attribute `nestjs.context`; errors and stack traces are `exception.*`; object literals behind the message become attributes; any other argument behind it is a record of its own, as Nest prints it on a line of its own.
 * No method throws.
 *
 * @throws TypeError or RangeError naming option, range and value received (constructor)
 */
export class OtelLogger implements LoggerService {
  readonly #logger: SafeLogger;
  readonly #context: string | undefined;
  #levels: ReadonlySet<LogLevel>;

  /** @param provider a `LoggerProvider`, or `logs.getLoggerProvider()` */
  constructor(provider: LoggerSource, options: OtelLoggerOptions = {}) {
    const { context, logLevels } = checkObject('options', options) as OtelLoggerOptions;
    this.#logger = new SafeLogger(checkLoggerSource('provider', provider), 'otel-log-queue/nestjs');
    this.#context = context === undefined ? undefined : checkString('context', context);
    this.#levels = enabledLevels(checkLogLevels('logLevels', logLevels));
  }

  verbose(message: unknown, ...optionalParams: unknown[]): void {
    this.#write('verbose', [message, ...optionalParams]);
  }

  debug(message: unknown, ...optionalParams: unknown[]): void {
    this.#write('debug', [message, ...optionalParams]);
  }

  log(message: unknown, ...optionalParams: unknown[]): void {
    this.#write('log', [message, ...optionalParams]);
  }

  warn(message: unknown, ...optionalParams: unknown[]): void {
    this.#write('warn', [message, ...optionalParams]);
  }

  error(message: unknown, ...optionalParams: unknown[]): void {
    this.#write('error', [message, ...optionalParams]);
  }

  fatal(message: unknown, ...optionalParams: unknown[]): void {
    this.#write('fatal', [message, ...optionalParams]);
  }

  /** @throws TypeError or RangeError if one of them is no level */
  setLogLevels(levels: LogLevel[]): void {
    this.#levels = enabledLevels(checkLogLevels('levels', levels));
  }

  #write(level: LogLevel, args: readonly unknown[]): void {
    if (!this.#levels.has(level)) {
      return;
    }
    try {
      const call = readLogCall(args, level === 'error' || level === 'fatal');
      const common = this.#commonAttributes(call);
      call.messages.forEach((message, index) => {
        const body = bodyOf(message);
        const exception = index === 0 || message instanceof Error ? exceptionOf(message, body, call) : {};
        this.#logger.emit({ ...SEVERITIES[level], body, attributes: { ...common, ...exception } });
      });
    } catch (error) {
      // A message that is called and throws, or that cannot even be looked at.
      this.#logger.failed(error);
      this.#logger.emit({ ...SEVERITIES[level], body: UNREADABLE, attributes: {} });
    }
  }

  #commonAttributes({ params, context = this.#context }: LogCall): Record<string, LogValue> {
    const attributes = Object.assign({}, ...params.map(toLogValue).filter(isPlainObject)) as Record<string, LogValue>;
    return context === undefined ? attributes : { ...attributes, [CONTEXT]: context };
  }
}

/** As Nest prints it: a class by its name, any other function by what it returns. */
function bodyOf(message: unknown): LogValue {
  if (message instanceof Error) {
    return message.message;
  }
  if (typeof message !== 'function') {
    return toLogValue(message);
  }
  return Function.prototype.toString.call(message).startsWith('class ') ? message.name : bodyOf((message as () => unknown)());
}

function exceptionOf(message: unknown, body: LogValue, { error, stack }: LogCall): Record<string, LogValue> {
  const thrown = message instanceof Error ? message : error;
  if (thrown !== undefined) {
    return exceptionAttributes(thrown);
  }
  if (stack === undefined) {
    return {};
  }
  return stackAttributes(stack, isPlainObject(body) || typeof body !== 'string' ? '' : body);
}
