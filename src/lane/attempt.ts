import type { LogRecordExporter } from '@opentelemetry/sdk-logs';
import { BuiltInExporter, type ExportOutcome } from '../exporters/built-in-exporter';
import { ExportError } from '../exporters/export-error';
import type { LogRecord } from '../record';
import type { LossReason } from '../stats';

/** How one attempt to export a batch ended. */
export type AttemptResult =
  | { readonly kind: 'settled'; readonly outcome: ExportOutcome }
  | { readonly kind: 'failed'; readonly failure: Failure }
  /** No answer in time, and no way to stop it: the exporter must not be called again before `answered`. */
  | { readonly kind: 'stuck'; readonly failure: Failure; readonly answered: Promise<void> };

export interface Failure {
  readonly message: string;
  readonly retryable: boolean;
  readonly retryAfterMillis: number | undefined;
  /** The HTTP status, if a backend answered. */
  readonly status: number | undefined;
  /** One of few values, for metrics. */
  readonly errorType: string;
  /** What the records are lost as if the failure is final. */
  readonly reason: LossReason;
  /** `for-good`: something in the batch is refused, and a part without it may fare better. `maybe`: so it seems, if the same answer comes again. */
  readonly isContentRefused: 'no' | 'maybe' | 'for-good';
}

// How long an aborted built-in exporter may take to let go before its lane counts as stuck: enough for a file system call in the thread pool.
const ABORT_GRACE_MILLIS = 1000;

/**
 * Exports once and never rejects. None of its timers keeps the process alive: the sockets of a running export do, and its end is flushed at `beforeExit`.
 *
 * @param timeoutMillis 0 is no limit
 * @param abort ends the attempt at once; an exporter object, which cannot be aborted, is then stuck
 */
export function attemptExport(exporter: LogRecordExporter, records: LogRecord[], timeoutMillis: number, abort: AbortController): Promise<AttemptResult> {
  const isBuiltIn = exporter instanceof BuiltInExporter;
  const answer = isBuiltIn ? callBuiltIn(exporter, records, abort.signal) : callObject(exporter, records);
  return new Promise((resolve) => {
    const onTimeout = (): void => abort.abort(new ExportError(`no answer within exportTimeoutMillis (${timeoutMillis} ms)`, { retryable: true, errorType: 'timeout' }));
    let timer = timeoutMillis === 0 ? undefined : setTimeout(onTimeout, timeoutMillis).unref();
    abort.signal.addEventListener('abort', () => {
      clearTimeout(timer);
      const giveUp = (): void => resolve({ kind: 'stuck', failure: failureOf(abort.signal.reason), answered: answer.then(() => undefined) });
      if (isBuiltIn) {
        timer = setTimeout(giveUp, ABORT_GRACE_MILLIS).unref();
      } else {
        giveUp();
      }
    });
    void answer.then((result) => {
      clearTimeout(timer);
      resolve(result);
    });
  });
}

async function callBuiltIn(exporter: BuiltInExporter, records: LogRecord[], signal: AbortSignal): Promise<AttemptResult> {
  try {
    return { kind: 'settled', outcome: await exporter.exportOnce(records, signal) };
  } catch (error) {
    return { kind: 'failed', failure: error instanceof ExportError ? failureOf(error) : thrownOver(error) };
  }
}

function callObject(exporter: LogRecordExporter, records: LogRecord[]): Promise<AttemptResult> {
  return new Promise((resolve) => {
    try {
      exporter.export(records, (result) => {
        const given = result as { code?: number; error?: unknown } | undefined;
        resolve(given?.code === 0 ? { kind: 'settled', outcome: {} } : { kind: 'failed', failure: failureOf(given?.error) });
      });
    } catch (error) {
      resolve({ kind: 'failed', failure: thrownOver(error) });
    }
  });
}

const MAX_MESSAGE_CHARACTERS = 1024;

// OTLP/HTTP: "The client SHOULD retry" (opentelemetry-proto, docs/specification.md, Retryable Response Codes).
const RETRYABLE_STATUS: readonly number[] = [429, 502, 503, 504];

/** Thrown before anything was sent, and it would be thrown again: mostly a record that cannot be serialized. */
function thrownOver(error: unknown): Failure {
  return { ...failureOf(error), retryable: false, reason: 'invalid', isContentRefused: 'for-good' };
}

/** @param error what an exporter gave: anything, in the worst case something whose properties throw */
function failureOf(error: unknown): Failure {
  try {
    if (error instanceof ExportError) {
      const { message, retryable, retryAfterMillis, status, errorType, reason, isPoison } = error;
      return { message, retryable, retryAfterMillis, status, errorType, reason, isContentRefused: isRefusal(error) ? 'for-good' : isPoison ? 'maybe' : 'no' };
    }
    const details = (typeof error === 'object' && error !== null ? error : {}) as { message?: unknown; name?: unknown; code?: unknown; status?: unknown };
    const status = [details.code, details.status].find((each): each is number => typeof each === 'number');
    const reason = status === 400 ? 'rejected' : status === 413 ? 'too_large' : 'export_failed';
    return {
      message: typeof details.message === 'string' ? details.message.slice(0, MAX_MESSAGE_CHARACTERS) : 'the exporter gave no reason',
      // The stock exporter's lasting 503 carries no status, and neither do the errors of sockets: what says nothing is retried.
      retryable: status === undefined || RETRYABLE_STATUS.includes(status),
      retryAfterMillis: undefined,
      status,
      errorType: status === undefined ? kindOf(details) : String(status),
      reason,
      isContentRefused: reason === 'export_failed' ? 'no' : 'for-good',
    };
  } catch {
    return { message: 'the exporter gave an error that cannot be read', retryable: true, retryAfterMillis: undefined, status: undefined, errorType: OTHER, reason: 'export_failed', isContentRefused: 'no' };
  }
}

// Semantic conventions, `error.type`: the fallback value.
const OTHER = '_OTHER';

/** A system error's code, or the class of the error where it says more than that it is one. */
function kindOf({ code, name }: { readonly code?: unknown; readonly name?: unknown }): string {
  return [code, name].find((each): each is string => typeof each === 'string' && /^[A-Za-z_$][\w$]{0,63}$/.test(each) && each !== 'Error') ?? OTHER;
}

/** A 400, a 413, or what the exporter itself found before it sent anything. Other refusals, as Loki's 260, are not about the records. */
function isRefusal({ retryable, status, reason }: ExportError): boolean {
  return !retryable && reason !== 'export_failed' && (status === undefined || status === 400 || status === 413);
}
