// The names of the semantic conventions: https://opentelemetry.io/docs/specs/semconv/exceptions/exceptions-logs/
const TYPE = 'exception.type';
const MESSAGE = 'exception.message';
const STACKTRACE = 'exception.stacktrace';

const MAX_CAUSES = 5;

// The first line of a stack of V8, with a message that may have several lines.
const STACK_HEAD = /^(?:Uncaught )?([A-Za-z_$][\w$.]*)(?:: ([\s\S]*?))?\n\s+at /;

/** The type of an error, as `error.type` and `exception.type` want it: the name, or that of its class. */
export function errorType(error: unknown): string {
  if (error instanceof Error) {
    const { name } = error;
    // Many classes do not set `name`, and inherit the one of their parent.
    return name === 'Error' && error.constructor.name !== '' ? error.constructor.name : String(name);
  }
  return typeof error;
}

/** Whatever was thrown, as attributes `exception.*`; the causes are part of the stack trace. */
export function exceptionAttributes(error: unknown): Record<string, string> {
  if (!(error instanceof Error)) {
    return { [TYPE]: errorType(error), [MESSAGE]: textOf(error) };
  }
  const attributes = { [TYPE]: errorType(error), [MESSAGE]: String(error.message) };
  const stack = stackWithCauses(error);
  return stack === '' ? attributes : { ...attributes, [STACKTRACE]: stack };
}

/** A stack trace that was logged as a string beside its message. */
export function stackAttributes(stack: string, message: string): Record<string, string> {
  const [, type, text] = STACK_HEAD.exec(stack) ?? [];
  return { ...(type !== undefined && { [TYPE]: type }), [MESSAGE]: text ?? message, [STACKTRACE]: stack };
}

function stackWithCauses(error: Error): string {
  const stacks: string[] = [];
  let each: unknown = error;
  while (each instanceof Error && stacks.length <= MAX_CAUSES) {
    stacks.push(each.stack ?? `${each.name}: ${each.message}`);
    each = each.cause;
  }
  return stacks.join('\nCaused by: ');
}

function textOf(value: unknown): string {
  try {
    return typeof value === 'object' && value !== null ? JSON.stringify(value) ?? typeof value : String(value);
  } catch {
    return typeof value;
  }
}
