/** The code alone: messages of `node:http` can hold bytes of the answer, and those of `node:tls` whole certificates. */
export function problemOf(error: unknown): string {
  const type = errorTypeOf(error);
  return type.startsWith('HPE_') ? `the answer is not HTTP (${type})` : type;
}

/** What `error.type` says of it: a system error's code, or the class of the error. */
export function errorTypeOf(error: unknown): string {
  // Happy eyeballs: one error for each address that was tried.
  const first = error instanceof AggregateError ? ((error.errors as unknown[])[0] ?? error) : error;
  const { code, name } = first as NodeJS.ErrnoException;
  return code ?? name;
}
