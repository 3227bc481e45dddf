import { isPlainObject } from './log-value';

/** What a call of a method of Nest's loggers says. */
export interface LogCall {
  /** At least one; each is a record of its own. */
  readonly messages: readonly unknown[];
  readonly context: string | undefined;
  readonly stack: string | undefined;
  /** Object literals behind the message; a value of a later one wins. */
  readonly params: readonly Readonly<Record<string, unknown>>[];
  readonly error: Error | undefined;
}

// Nest's own (services/console-logger.service in 12): anchored by the line break, so that a long text without one costs nothing.
const STACK = /\n[ \t]+at .+:\d+:\d+/;

/**
 * Reads the arguments as the `ConsoleLogger` of Nest 12 does, under Nest 11 too: a last string is the context, object literals behind the message are its named values, an error belongs to the message, and whatever else is there is a message of its own.
 * @param mayHaveStack of `error` and `fatal`: a string behind the message and in front of the context, or one that looks like it, is a stack trace
 */
export function readLogCall(args: readonly unknown[], mayHaveStack: boolean): LogCall {
  const rest = [...args];
  let stack: string | undefined;
  const last = rest.at(-1);
  if (mayHaveStack && rest.length > 1 && isStack(last)) {
    stack = last;
    rest.pop();
  }
  const context = rest.length > 1 && typeof rest.at(-1) === 'string' ? (rest.pop() as string) : undefined;
  const [message, ...others] = rest;
  const params = others.filter(isPlainObject);
  const messages = [message, ...others.filter((other) => !isPlainObject(other))];
  if (mayHaveStack && stack === undefined && messages.length > 1) {
    // `new Logger('Context').error('text')` calls with undefined in the place of the stack.
    const beforeContext = messages.at(-1);
    if (beforeContext === undefined || (typeof beforeContext === 'string' && context !== undefined)) {
      messages.pop();
      stack = beforeContext;
    }
  }
  const error = messages.find((each) => each instanceof Error);
  return { messages: error === undefined || error === message ? messages : messages.filter((each) => each !== error), context, stack, params, error };
}

function isStack(value: unknown): value is string {
  return typeof value === 'string' && STACK.test(value);
}
