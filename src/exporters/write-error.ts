import { ExportError } from './export-error';

const MAX_NAME_CHARACTERS = 200;

/** The `code` of a system error, such as `ENOSPC`. */
export function errorCode(error: unknown): string | undefined {
  const code = typeof error === 'object' && error !== null ? (error as { code?: unknown }).code : undefined;
  return typeof code === 'string' ? code : undefined;
}

/**
 * @param output what cannot be written, for people
 * @param permanentCodes the system errors that waiting does not mend; every other one is retryable. What is no system error (`E…`) is a fault of the program and permanent.
 */
export function writeError(output: string, error: unknown, permanentCodes: readonly string[]): ExportError {
  const code = errorCode(error);
  const isSystemError = code !== undefined && /^E[A-Z0-9]+$/.test(code);
  const name = output.length > MAX_NAME_CHARACTERS ? `${output.slice(0, MAX_NAME_CHARACTERS)}…` : output;
  const syscall = (error as { syscall?: unknown } | undefined)?.syscall;
  const detail = isSystemError ? `${code}${typeof syscall === 'string' ? ` (${syscall})` : ''}` : 'unexpected error';
  return new ExportError(`cannot write to ${name}: ${detail}`, { retryable: isSystemError && !permanentCodes.includes(code), errorType: isSystemError ? code : undefined, cause: error });
}

/** What an export that was aborted rejects with: the reason of the abort if that is an `ExportError`. */
export function abortError(signal: AbortSignal): ExportError {
  const reason: unknown = signal.reason;
  return reason instanceof ExportError ? reason : new ExportError('the export was aborted', { retryable: true, cause: reason });
}
