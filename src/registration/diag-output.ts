import { format } from 'node:util';
import { diag, DiagLogLevel, type DiagLogger } from '@opentelemetry/api';
import { readOneOf, type Environment } from '../environment';

const LEVELS = { none: DiagLogLevel.NONE, error: DiagLogLevel.ERROR, warn: DiagLogLevel.WARN, info: DiagLogLevel.INFO, debug: DiagLogLevel.DEBUG, verbose: DiagLogLevel.VERBOSE, all: DiagLogLevel.ALL };

// A NodeSDK that starts later tries to register its own provider too, and is meant to fail.
const EXPECTED = '@opentelemetry/api: Attempted duplicate registration of API: logs';

/**
 * Shows what `diag` says on standard error: from warnings on, or as `OTEL_LOG_LEVEL` says. Somebody else's `diag` logger stays.
 * Not through the console, which may be instrumented itself: each line would be a record.
 */
export function showDiag(environment: Environment = process.env): void {
  if ((globalThis as { [key: symbol]: { diag?: unknown } | undefined })[Symbol.for('opentelemetry.js.api.1')]?.diag === undefined) {
    const logger = stderrLogger();
    diag.setLogger(logger, { logLevel: DiagLogLevel.WARN });
    // Only now, because a level that nobody knows is told too.
    const level = readOneOf(environment, 'OTEL_LOG_LEVEL', Object.keys(LEVELS) as (keyof typeof LEVELS)[]);
    if (level !== undefined) {
      diag.setLogger(logger, { logLevel: LEVELS[level], suppressOverrideMessage: true });
    }
  }
}

function stderrLogger(): DiagLogger {
  const write = (message: string, ...rest: unknown[]): void => {
    if (!message.includes(EXPECTED)) {
      process.stderr.write(`${format('%s', message, ...rest)}\n`);
    }
  };
  return { error: write, warn: write, info: write, debug: write, verbose: write };
}
