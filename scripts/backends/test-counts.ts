import { BACKENDS, type BackendName } from './manifest';

/** What is read of a result file of `jest --json`. */
export interface JestResults {
  readonly testResults: readonly { readonly assertionResults: readonly { readonly ancestorTitles: readonly string[]; readonly status: string }[] }[];
}

/**
 * One line a backend: how many tests ran against it, those that failed included.
 * A test belongs to the backend whose name is the title of its outermost `describe`.
 *
 * @param reasons why there was no server, or why some tests could not run
 */
export function countLines(results: JestResults, reasons: Readonly<Partial<Record<BackendName, string>>>): string[] {
  const tests = results.testResults.flatMap(({ assertionResults }) => assertionResults);
  return BACKENDS.map((name) => {
    const own = tests.filter(({ ancestorTitles }) => ancestorTitles[0] === name);
    const run = own.filter(({ status }) => status === 'passed' || status === 'failed').length;
    const skipped = own.length - run;
    const reason = reasons[name];
    return `${name}: ${run} tests run${skipped === 0 ? '' : `, ${skipped} skipped`}${(skipped > 0 || run === 0) && reason !== undefined ? ` (${reason})` : ''}`;
  });
}
