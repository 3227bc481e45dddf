const BRAND = Symbol.for('otel-log-queue.ExportError');

export interface ExportErrorOptions {
  /** Whether sending the same batch again can help. */
  readonly retryable: boolean;
  /** The HTTP status, if a backend answered. */
  readonly status?: number | undefined;
  /** How long the backend asked to be left alone, in milliseconds. */
  readonly retryAfterMillis?: number | undefined;
  /** What a record is lost as when this error is final. Default `export_failed`. */
  readonly reason?: 'export_failed' | 'rejected' | 'too_large' | 'invalid';
  /** The answer looks like an outage, but its words blame something in the batch: if they come again, sending it once more cannot help. Default false. */
  readonly isPoison?: boolean;
  /** What kind of failure it is, for the attribute `error.type` of metrics: one of few values. Default: the status, or the reason. */
  readonly errorType?: string | undefined;
  readonly cause?: unknown;
}

/**
 * A failed export. The message never holds a credential: whoever makes one has redacted it.
 * `instanceof` also holds between the ESM and the CJS copy of this package.
 */
export class ExportError extends Error {
  readonly retryable: boolean;
  readonly status: number | undefined;
  readonly retryAfterMillis: number | undefined;
  readonly reason: 'export_failed' | 'rejected' | 'too_large' | 'invalid';
  readonly isPoison: boolean;
  readonly errorType: string;

  constructor(message: string, options: ExportErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ExportError';
    this.retryable = options.retryable;
    this.status = options.status;
    this.retryAfterMillis = options.retryAfterMillis;
    this.reason = options.reason ?? 'export_failed';
    this.isPoison = options.isPoison ?? false;
    this.errorType = options.errorType ?? (options.status === undefined ? this.reason : String(options.status));
    Object.defineProperty(this, BRAND, { value: true });
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && BRAND in value;
  }
}
