import { diag, DiagLogLevel } from '@opentelemetry/api';

/** Records what the library says through `diag` instead of printing it. */
export function captureDiag(): { lines: string[]; restore: () => void } {
  const lines: string[] = [];
  const take =
    (level: string) =>
    (message: string, ...rest: unknown[]): void => {
      lines.push(`${level} ${[message, ...rest].map(String).join(' ')}`);
    };
  diag.setLogger(
    { error: take('error'), warn: take('warn'), info: take('info'), debug: take('debug'), verbose: take('verbose') },
    { logLevel: DiagLogLevel.INFO, suppressOverrideMessage: true },
  );
  return { lines, restore: () => diag.disable() };
}
