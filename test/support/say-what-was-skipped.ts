/** Jest's global tear-down: the last words of a run. */
export default function sayWhatWasSkipped(): void {
  process.stdout.write('\nNot run: the tests against a real OpenTelemetry Collector, Loki and VictoriaLogs (test/backends). To run them: npm run test:backends\n');
}
