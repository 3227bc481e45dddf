import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parser } from '@prometheus-io/lezer-promql';
import { parse } from 'yaml';
import { ROOT } from '../../scripts/load/build';
import { FaultServer, status } from '../support/fault-server';
import { listeningAt, runExample, type RunningExample } from '../support/run-example';

interface Rules {
  readonly groups: readonly { readonly rules: readonly { readonly alert: string; readonly expr: string; readonly annotations: Record<string, string> }[] }[];
}

const folder = join(ROOT, 'scripts', 'examples', 'prometheus');
const { groups } = parse(readFileSync(join(folder, 'alerts.yml'), 'utf8')) as Rules;
const rules = groups.flatMap((group) => group.rules);

let receiver: FaultServer;
let example: RunningExample | undefined;

beforeEach(async () => {
  // So that there are series of failures.
  receiver = await FaultServer.start(status(401));
});

afterEach(async () => {
  example?.child.kill('SIGKILL');
  await example?.ended;
  await receiver.close();
});

jest.setTimeout(120_000);

/** Metric names with the labels of all their series. */
function labelsOf(exposition: string): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  for (const line of exposition.split('\n').filter((text) => text !== '' && !text.startsWith('#'))) {
    const [, name = '', labels = ''] = /^(\w+)(?:\{(.*)\})? /.exec(line) ?? [];
    const known = found.get(name) ?? new Set();
    for (const [, label = ''] of labels.matchAll(/(\w+)="/g)) {
      known.add(label);
    }
    found.set(name, known);
  }
  return found;
}

it('every metric and label that a rule names is one that the service has', async () => {
  example = runExample('prometheus', { PORT: '0', OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url });
  const url = await listeningAt(example);
  const get = async (path: string): Promise<string> => (await fetch(`${url}${path}`)).text();
  expect(JSON.parse(await get('/health'))).toMatchObject({ status: 'ok', lostLastMinute: 0 });
  expect(await get('/orders')).toBe('ok\n');
  let metrics = '';
  const isDone = (): boolean => /^otel_sdk_exporter_operation_duration_count/m.test(metrics);
  for (const giveUp = Date.now() + 10_000; !isDone() && Date.now() < giveUp; ) {
    metrics = await get('/metrics');
  }
  const labels = labelsOf(metrics);
  expect(rules.length).toBeGreaterThanOrEqual(5);
  for (const { expr, annotations } of rules) {
    const names = [...expr.matchAll(/\botel_sdk_\w+/g)].map(([name]) => name);
    expect(names.length).toBeGreaterThan(0);
    expect(names.filter((name) => !labels.has(name))).toEqual([]);
    // Those that Prometheus itself adds.
    const known = new Set(['job', 'instance', ...names.flatMap((name) => [...(labels.get(name) ?? [])])]);
    const used = [
      ...[...expr.matchAll(/\b(?:by|on) \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(', ')),
      ...[...expr.matchAll(/(\w+)!?=~?"/g)].map(([, label = '']) => label),
      ...Object.values(annotations).flatMap((text) => [...text.matchAll(/\$labels\.(\w+)/g)].map(([, label = '']) => label)),
    ];
    expect(used.filter((label) => !known.has(label))).toEqual([]);
  }
  expect(JSON.parse(await get('/health'))).toMatchObject({ status: 'degraded', losses: [{ lane: 'otlp', reason: 'export_failed' }] });
  example.child.kill('SIGTERM');
  expect(await example.ended).toMatchObject({ signal: 'SIGTERM' });
});

it.each(rules.map(({ alert, expr }) => [alert, expr]))('the expression of %s is PromQL', (_alert, expr) => {
  const errors: string[] = [];
  parser.parse(expr).iterate({
    enter: ({ type, from }) => {
      if (type.isError) {
        errors.push(expr.slice(from, from + 40));
      }
    },
  });
  expect(errors).toEqual([]);
});

it('the scrape configuration names the file of the rules', () => {
  const { rule_files: files } = parse(readFileSync(join(folder, 'prometheus.yml'), 'utf8')) as { rule_files: string[] };
  expect(files).toEqual(['alerts.yml']);
});
