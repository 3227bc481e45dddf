import type { LogLevel } from '@nestjs/common';
import { checkOneOf } from '../check';

interface Severity {
  readonly severityNumber: number;
  /** As Nest prints it: the specification wants the name that the source uses. */
  readonly severityText: string;
}

// In Nest's own order, the least severe first.
export const SEVERITIES: Readonly<Record<LogLevel, Severity>> = {
  verbose: { severityNumber: 1, severityText: 'VERBOSE' },
  debug: { severityNumber: 5, severityText: 'DEBUG' },
  log: { severityNumber: 9, severityText: 'LOG' },
  warn: { severityNumber: 13, severityText: 'WARN' },
  error: { severityNumber: 17, severityText: 'ERROR' },
  fatal: { severityNumber: 21, severityText: 'FATAL' },
};

const LEVELS = Object.keys(SEVERITIES) as LogLevel[];

/** The levels that are on, by Nest's rule: those that are named, and all above the highest of them; none: none. */
export function enabledLevels(named: readonly LogLevel[]): ReadonlySet<LogLevel> {
  const highest = Math.max(...named.map((level) => LEVELS.indexOf(level)));
  return new Set(LEVELS.filter((level, index) => named.includes(level) || (named.length > 0 && index >= highest)));
}

/** @throws TypeError or RangeError naming option, range and value received */
export function checkLogLevels(option: string, levels: readonly LogLevel[] = LEVELS): readonly LogLevel[] {
  if (!Array.isArray(levels)) {
    throw new TypeError(`${option} must be an array of log levels`);
  }
  return levels.map((level: unknown, index) => checkOneOf(`${option}[${index}]`, level, LEVELS));
}
