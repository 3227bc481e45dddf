import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ArgumentError, parseArguments, recordCount } from '../../../scripts/load/arguments';

const message = (argv: string[], environment: Record<string, string> = {}): string => {
  try {
    parseArguments(argv, environment);
  } catch (error) {
    expect(error).toBeInstanceOf(ArgumentError);
    return (error as Error).message;
  }
  throw new Error(`${argv.join(' ')} was accepted`);
};

describe('parseArguments', () => {
  it('without arguments is 10 tasks of 1,000 records/s for 10 s, OTLP, compared', () => {
    const load = parseArguments([], {});
    expect(load).toEqual({
      ...{ concurrency: 10, rate: 1000, durationSeconds: 10, strategy: 'drop', exporter: 'otlp', latencyMillis: 0, compare: true, repeat: 1, help: false },
      ...{ maxsize: undefined, worker: undefined, burst: undefined, outage: undefined, spool: false, json: undefined },
    });
    expect(recordCount(load)).toBe(100_000);
  });

  it('takes every option in both spellings', () => {
    const path = join(tmpdir(), 'load.json');
    const pairs = [
      ['concurrency', '3'], ['rate', '7'], ['duration', '0.5'], ['strategy', 'drop-oldest'], ['maxsize', '9'], ['worker', 'event-loop'],
      ['exporter', 'loki'], ['latency', '50'], ['burst', '11'], ['outage', '1.5:30'], ['repeat', '2'], ['json', path],
    ] as const;
    const expected = {
      ...{ concurrency: 3, rate: 7, durationSeconds: 0.5, strategy: 'drop-oldest', maxsize: 9, worker: 'event-loop' },
      ...{ exporter: 'loki', latencyMillis: 50, burst: 11, outage: { fromSeconds: 1.5, toSeconds: 30 }, spool: true, compare: true, repeat: 2, json: path, help: false },
    };
    expect(parseArguments([...pairs.flatMap(([name, value]) => [`--${name}`, value]), '--compare'], {})).toEqual(expected);
    expect(parseArguments([...pairs.map(([name, value]) => `--${name}=${value}`), '--compare=true'], {})).toEqual(expected);
    const environment = Object.fromEntries([...pairs, ['compare', '1'] as const].map(([name, value]) => [`LOAD_TEST_${name.toUpperCase()}`, value]));
    expect(parseArguments([], environment)).toEqual(expected);
  });

  it('lets the command line win over the environment, the last of several win, and an empty variable be unset', () => {
    expect(parseArguments(['--rate=5', '--rate', '6'], { LOAD_TEST_RATE: '7', LOAD_TEST_REPEAT: ' ' })).toMatchObject({ rate: 6, repeat: 1, compare: false });
    expect(parseArguments([], { LOAD_TEST_RATE: ' ' }).compare).toBe(true);
  });

  it('compares only when asked, once there is any option', () => {
    expect(parseArguments(['--rate', '5'], {}).compare).toBe(false);
    expect(parseArguments(['--compare', '--rate', '5'], {}).compare).toBe(true);
    expect(parseArguments(['--compare=false'], {}).compare).toBe(false);
  });

  it('gives the lane a spool with an outage, unless told otherwise, and without one only when asked', () => {
    const spoolOf = (...argv: string[]): boolean => parseArguments(argv, {}).spool;
    expect([spoolOf('--outage', '1:2'), spoolOf('--outage', '1:2', '--spool=false'), spoolOf('--rate', '5'), spoolOf('--spool')]).toEqual([true, false, false, true]);
  });

  it.each([
    [['--outage', '10'], '--outage must be two numbers of seconds from 0 to 3600 as 10:30, the first one lower, received "10"'],
    [['--outage', '30:10'], '--outage must be two numbers of seconds from 0 to 3600 as 10:30, the first one lower, received "30:10"'],
    [['--outage', '0:3601'], '--outage must be two numbers of seconds from 0 to 3600 as 10:30, the first one lower, received "0:3601"'],
    [['--rate', '0'], '--rate must be an integer from 1 to 1000000, received "0"'],
    [['--rate=-5'], '--rate must be an integer from 1 to 1000000, received "-5"'],
    [['--rate', '-5'], '--rate must be an integer from 1 to 1000000, received "-5"'],
    [['--rate', '1.5'], '--rate must be an integer from 1 to 1000000, received "1.5"'],
    [['--rate', '0x10'], '--rate must be an integer from 1 to 1000000, received "0x10"'],
    [['--rate='], '--rate must be an integer from 1 to 1000000, received ""'],
    [['--concurrency', 'many'], '--concurrency must be an integer from 1 to 10000, received "many"'],
    [['--duration', '0'], '--duration must be a number from 0.1 to 3600, received "0"'],
    [['--maxsize', '0'], '--maxsize must be an integer from 1 to 10000000, received "0"'],
    [['--latency', '60001'], '--latency must be an integer from 0 to 60000, received "60001"'],
    [['--burst', '10000001'], '--burst must be an integer from 1 to 10000000, received "10000001"'],
    [['--repeat', '101'], '--repeat must be an integer from 1 to 100, received "101"'],
    [['--strategy', 'newest'], '--strategy must be one of drop, drop-oldest, sample, priority, block, received "newest"'],
    [['--exporter', 'zipkin'], '--exporter must be one of null, otlp, loki, stdout, file, received "zipkin"'],
    [['--compare=perhaps'], '--compare must be true or false, received "perhaps"'],
    [['--worker', '7'], '--worker must be the name of a worker, as event-loop, received "7"'],
    [['--json', '/no/such/folder/x.json'], '--json must be the path of a file in a folder that can be written, received "/no/such/folder/x.json"'],
    [['--json', tmpdir()], `--json must be the path of a file in a folder that can be written, received ${JSON.stringify(tmpdir())}`],
    [['--rate', '--burst', '5'], '--rate needs a value, received none'],
    [['--burst'], '--burst needs a value, received none'],
  ])('%j names option, range and value', (argv, expected) => {
    expect(message(argv)).toBe(expected);
  });

  it('names the variable when the wrong value came from the environment', () => {
    expect(message([], { LOAD_TEST_EXPORTER: 'zipkin' })).toMatch(/^LOAD_TEST_EXPORTER must be one of /);
  });

  it('refuses what is no option, and lists the options', () => {
    expect(message(['--speed', '5'])).toMatch(/^"--speed" is no option; .*--rate/);
    expect(message(['5'])).toMatch(/^"5" is no option/);
    expect(message(['--Rate=5'])).toMatch(/^"--Rate=5" is no option/);
  });

  it('bounds the records of a run', () => {
    expect(message(['--rate', '1000000', '--duration', '3600', '--concurrency', '10000'])).toMatch(/^--rate: .* at most 100000000 records, received 36000000000000$/);
  });

  it('cuts a long value', () => {
    expect(message(['--rate', 'x'.repeat(1000)]).length).toBeLessThan(150);
  });
});
