import { context, createContextKey, ROOT_CONTEXT, type Context } from '@opentelemetry/api';

// The key of `suppressTracing` in @opentelemetry/core, which must not be imported: keys are made by Symbol.for, so this is the same one in both SDK lines.
const SUPPRESS_TRACING_KEY = createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING');

// A key of our own, because applications suppress tracing for reasons that have nothing to do with an export.
const EXPORTING_KEY = createContextKey('otel-log-queue exporting');

// From the root: an export belongs to no request.
const EXPORT_CONTEXT = ROOT_CONTEXT.setValue(SUPPRESS_TRACING_KEY, true).setValue(EXPORTING_KEY, true);

/** Runs exports so that they are not traced, and so that what they log is not queued again: each export would feed the next one. */
export class ExportScope {
  #depth = 0;

  run<T>(call: () => T): T {
    // Without a context manager the context goes nowhere; then at least what is emitted synchronously is recognised.
    this.#depth++;
    try {
      return context.with(EXPORT_CONTEXT, call);
    } finally {
      this.#depth--;
    }
  }

  /** Whether a record with this context was emitted from inside an export. */
  isInside(recordContext: Context | undefined): boolean {
    return this.#depth > 0 || recordContext?.getValue(EXPORTING_KEY) === true;
  }
}
