import { accessSync, constants, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

export const STRATEGIES = ['drop', 'drop-oldest', 'sample', 'priority', 'block'] as const;
export const EXPORTERS = ['null', 'otlp', 'loki', 'stdout', 'file'] as const;

/** The receiver refuses connections between the two. */
export interface Outage {
  readonly fromSeconds: number;
  readonly toSeconds: number;
}

export interface LoadArguments {
  readonly concurrency: number;
  /** Records per second of each task. */
  readonly rate: number;
  readonly durationSeconds: number;
  readonly strategy: (typeof STRATEGIES)[number];
  /** Undefined: the processor's own default. */
  readonly maxsize: number | undefined;
  /** Undefined: the processor's own default, for its own exporters the thread. Checked by the processor itself, because what there is depends on what was built. */
  readonly worker: string | undefined;
  readonly exporter: (typeof EXPORTERS)[number];
  readonly latencyMillis: number;
  /** Records of one synchronous loop; undefined: paced tasks. */
  readonly burst: number | undefined;
  /** When the receiver is down, counted from the first emit; undefined: never. */
  readonly outage: Outage | undefined;
  /** Whether the queue's lane has a spool on disk. */
  readonly spool: boolean;
  readonly compare: boolean;
  readonly repeat: number;
  readonly json: string | undefined;
  readonly help: boolean;
}

/** A value that makes no sense. The message names option, range and value. */
export class ArgumentError extends Error {
  override readonly name = 'ArgumentError';
}

/** A sequence bit and two histogram entries for each record: what a run can hold in well under 100 MB. */
const MAX_RECORDS = 100_000_000;
const NAMES = ['concurrency', 'rate', 'duration', 'strategy', 'maxsize', 'worker', 'exporter', 'latency', 'burst', 'outage', 'spool', 'compare', 'repeat', 'json', 'help'] as const;
const FLAGS: readonly string[] = ['spool', 'compare', 'help'];

type Name = (typeof NAMES)[number];

interface Given {
  readonly text: string;
  /** As the user wrote it: `--rate` or `LOAD_TEST_RATE`. */
  readonly source: string;
}

/** @throws ArgumentError */
export function parseArguments(argv: readonly string[], environment: Readonly<Record<string, string | undefined>>): LoadArguments {
  const given = new Map<Name, Given>([...fromEnvironment(environment), ...fromCommandLine(argv)]);
  const parsed: LoadArguments = {
    concurrency: integer(given.get('concurrency'), 1, 10_000) ?? 10,
    rate: integer(given.get('rate'), 1, 1_000_000) ?? 1000,
    durationSeconds: number(given.get('duration'), 0.1, 3600) ?? 10,
    strategy: oneOf(given.get('strategy'), STRATEGIES) ?? 'drop',
    maxsize: integer(given.get('maxsize'), 1, 10_000_000),
    worker: word(given.get('worker')),
    exporter: oneOf(given.get('exporter'), EXPORTERS) ?? 'otlp',
    latencyMillis: integer(given.get('latency'), 0, 60_000) ?? 0,
    burst: integer(given.get('burst'), 1, 10_000_000),
    outage: outage(given.get('outage')),
    spool: flag(given.get('spool')) ?? given.has('outage'),
    compare: flag(given.get('compare')) ?? given.size === 0,
    repeat: integer(given.get('repeat'), 1, 100) ?? 1,
    json: writablePath(given.get('json')),
    help: flag(given.get('help')) ?? false,
  };
  if (recordCount(parsed) > MAX_RECORDS) {
    const source = given.get('rate')?.source ?? given.get('concurrency')?.source ?? '--rate';
    throw new ArgumentError(`${source}: concurrency x rate x duration must be at most ${MAX_RECORDS} records, received ${recordCount(parsed)}`);
  }
  return parsed;
}

export function recordsPerTask(load: LoadArguments): number {
  return Math.max(1, Math.round(load.rate * load.durationSeconds));
}

/** Records of one run. */
export function recordCount(load: LoadArguments): number {
  return load.burst ?? load.concurrency * recordsPerTask(load);
}

function* fromEnvironment(environment: Readonly<Record<string, string | undefined>>): Generator<[Name, Given]> {
  for (const name of NAMES) {
    const source = `LOAD_TEST_${name.toUpperCase()}`;
    const text = environment[source]?.trim();
    if (name !== 'help' && text !== undefined && text !== '') {
      yield [name, { text, source }];
    }
  }
}

function* fromCommandLine(argv: readonly string[]): Generator<[Name, Given]> {
  for (let index = 0; index < argv.length; index += 1) {
    const argument = argv[index]!;
    const [, written, value] = /^--([a-z]+)(?:=(.*))?$/s.exec(argument === '-h' ? '--help' : argument) ?? [];
    const name = NAMES.find((each) => each === written);
    if (name === undefined) {
      throw new ArgumentError(`${shown(argument)} is no option; the options are ${NAMES.map((each) => `--${each}`).join(' ')}`);
    }
    const source = `--${name}`;
    const next = argv[index + 1];
    if (value !== undefined) {
      yield [name, { text: value, source }];
    } else if (FLAGS.includes(name)) {
      yield [name, { text: 'true', source }];
    } else if (next === undefined || next.startsWith('--')) {
      throw new ArgumentError(`${source} needs a value, received none`);
    } else {
      index += 1;
      yield [name, { text: next, source }];
    }
  }
}

function integer(given: Given | undefined, min: number, max: number): number | undefined {
  return given && numberOf(given, `an integer from ${min} to ${max}`, (value) => Number.isInteger(value) && value >= min && value <= max);
}

function number(given: Given | undefined, min: number, max: number): number | undefined {
  return given && numberOf(given, `a number from ${min} to ${max}`, (value) => value >= min && value <= max);
}

function numberOf(given: Given, range: string, isAllowed: (value: number) => boolean): number {
  // Number() also takes '', ' 1 ' and '0x10', which are slips here.
  const value = /^[+-]?\d+(\.\d+)?(e\d+)?$/i.test(given.text) ? Number(given.text) : NaN;
  return isAllowed(value) ? value : refuse(given, range);
}

function outage(given: Given | undefined): Outage | undefined {
  if (given === undefined) {
    return undefined;
  }
  const [, from, to] = /^(\d+(?:\.\d+)?):(\d+(?:\.\d+)?)$/.exec(given.text) ?? [];
  const [fromSeconds, toSeconds] = [Number(from), Number(to)];
  return fromSeconds < toSeconds && toSeconds <= 3600 ? { fromSeconds, toSeconds } : refuse(given, 'two numbers of seconds from 0 to 3600 as 10:30, the first one lower');
}

function oneOf<T extends string>(given: Given | undefined, allowed: readonly T[]): T | undefined {
  return given && (allowed.find((each) => each === given.text) ?? refuse(given, `one of ${allowed.join(', ')}`));
}

function flag(given: Given | undefined): boolean | undefined {
  return given && (/^(true|1)$/i.test(given.text) ? true : /^(false|0)$/i.test(given.text) ? false : refuse(given, 'true or false'));
}

function word(given: Given | undefined): string | undefined {
  return given && (/^[a-z-]+$/.test(given.text) ? given.text : refuse(given, 'the name of a worker, as event-loop'));
}

/** Checked before the load runs: a run of a minute whose result cannot be written would be lost. */
function writablePath(given: Given | undefined): string | undefined {
  if (given === undefined) {
    return undefined;
  }
  const path = resolve(given.text);
  try {
    if (given.text === '' || statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) {
      throw new Error('no file');
    }
    accessSync(dirname(path), constants.W_OK);
    return path;
  } catch {
    return refuse(given, 'the path of a file in a folder that can be written');
  }
}

function refuse(given: Given, range: string): never {
  throw new ArgumentError(`${given.source} must be ${range}, received ${shown(given.text)}`);
}

function shown(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}
