import { ConsoleLogger, Logger, type LogLevel } from '@nestjs/common';
import { OtelLogger } from '../../src/integrations/nestjs';
import { captureDiag } from '../support/capture-diag';
import { endRigs, makeRecordRig, type RecordRig } from '../support/record-rig';

let rig: RecordRig;
let logger: OtelLogger;

beforeEach(() => {
  rig = makeRecordRig();
  logger = new OtelLogger(rig.provider);
});

afterEach(async () => {
  Logger.overrideLogger(new ConsoleLogger());
  await endRigs();
});

/** Body and attributes of every record. */
const told = async (): Promise<[unknown, Record<string, unknown>][]> => (await rig.records()).map(({ body, attributes }) => [body, attributes]);

const STACK = 'TypeError: no such field\n    at read (/app/read.js:10:5)\n    at main (/app/main.js:1:1)';
const EXCEPTION = { 'exception.type': 'TypeError', 'exception.message': 'no such field', 'exception.stacktrace': STACK };

it('levels are severities, with the words of Nest', async () => {
  for (const level of ['verbose', 'debug', 'log', 'warn', 'error', 'fatal'] as const) {
    logger[level]('text', 'Context');
  }
  expect((await rig.records()).map(({ severityNumber, severityText, body, attributes, instrumentationScope }) => [severityNumber, severityText, body, attributes, instrumentationScope.name])).toEqual(
    [
      [1, 'VERBOSE'],
      [5, 'DEBUG'],
      [9, 'LOG'],
      [13, 'WARN'],
      [17, 'ERROR'],
      [21, 'FATAL'],
    ].map((severity) => [...severity, 'text', { 'nestjs.context': 'Context' }, 'otel-log-queue/nestjs']),
  );
});

it.each<[string, (logger: OtelLogger) => void, [unknown, Record<string, unknown>][]]>([
  ['a message alone', (log) => log.log('text'), [['text', {}]]],
  ['a single string is the message, not the context', (log) => log.error('text'), [['text', {}]]],
  ['object literals behind the message are attributes, the later wins', (log) => log.log('text', { a: 1, b: 1 }, { b: { c: new Date(0) } }, 'Ctx'), [['text', { a: 1, b: { c: '1970-01-01T00:00:00.000Z' }, 'nestjs.context': 'Ctx' }]]],
  ['an object literal alone is the body', (log) => log.log({ order: 1 }, 'Ctx'), [[{ order: 1 }, { 'nestjs.context': 'Ctx' }]]],
  ['other arguments are records of their own', (log) => log.warn('text', 1, ['x'], { a: 1 }, 'Ctx'), [['text', { a: 1, 'nestjs.context': 'Ctx' }], [1, { a: 1, 'nestjs.context': 'Ctx' }], [['x'], { a: 1, 'nestjs.context': 'Ctx' }]]],
  ['a context cannot be overwritten by a parameter', (log) => log.log('text', { 'nestjs.context': 'fake' }, 'Ctx'), [['text', { 'nestjs.context': 'Ctx' }]]],
  ['a stack trace', (log) => log.error('text', STACK), [['text', EXCEPTION]]],
  ['a stack trace and a context', (log) => log.error('text', STACK, 'Ctx'), [['text', { ...EXCEPTION, 'nestjs.context': 'Ctx' }]]],
  ['a stack trace that does not look like one', (log) => log.error('text', 'somewhere', 'Ctx'), [['text', { 'exception.message': 'text', 'exception.stacktrace': 'somewhere', 'nestjs.context': 'Ctx' }]]],
  ['no stack trace in its place', (log) => log.error('text', undefined, 'Ctx'), [['text', { 'nestjs.context': 'Ctx' }]]],
  ['a stack trace and values', (log) => log.error('text', { a: 1 }, STACK, 'Ctx'), [['text', { a: 1, ...EXCEPTION, 'nestjs.context': 'Ctx' }]]],
  ['a stack trace belongs to the first of several messages', (log) => log.error('text', 1, STACK, 'Ctx'), [['text', { ...EXCEPTION, 'nestjs.context': 'Ctx' }], [1, { 'nestjs.context': 'Ctx' }]]],
  ['log has no stack trace', (log) => log.log('text', 'more', 'Ctx'), [['text', { 'nestjs.context': 'Ctx' }], ['more', { 'nestjs.context': 'Ctx' }]]],
  ['a class', (log) => log.log(Logger), [['Logger', {}]]],
  ['a function is called', (log) => log.log(() => ({ late: true })), [[{ late: true }, {}]]],
  ['a context of new Logger()', () => new Logger('Ctx').log('text', { a: 1 }), [['text', { a: 1, 'nestjs.context': 'Ctx' }]]],
  ['an error of new Logger()', () => new Logger('Ctx').error('text'), [['text', { 'nestjs.context': 'Ctx' }]]],
  ['a stack of new Logger()', () => new Logger('Ctx').error('text', STACK), [['text', { ...EXCEPTION, 'nestjs.context': 'Ctx' }]]],
])('%s', async (_, call, expected) => {
  Logger.overrideLogger(logger);
  call(logger);
  expect(await told()).toEqual(expected);
});

it('an error is the message and exception.*, wherever it stands', async () => {
  class PaymentError extends Error {}
  const error = new PaymentError('no money');
  logger.error(error);
  logger.warn('payment', error, { order: 1 }, 'Ctx');
  new OtelLogger(rig.provider, { context: 'Own' }).fatal(error, undefined, 'Ctx');
  const exception = { 'exception.type': 'PaymentError', 'exception.message': 'no money', 'exception.stacktrace': error.stack };
  expect(await told()).toEqual([
    ['no money', exception],
    ['payment', { order: 1, ...exception, 'nestjs.context': 'Ctx' }],
    ['no money', { ...exception, 'nestjs.context': 'Ctx' }],
  ]);
});

it('the same arguments make as many records as Nest 11 prints messages, but for object literals and errors', async () => {
  const printed: unknown[] = [];
  class Printed extends ConsoleLogger {
    protected override printMessages(messages: unknown[], context = '', level?: LogLevel, _stream?: 'stdout' | 'stderr', stack?: unknown): void {
      printed.push(...messages.map((message) => [message, context, level, stack]));
    }
  }
  const nest = new Printed();
  jest.spyOn(process.stderr, 'write').mockReturnValue(true);
  const calls: unknown[][] = [['a'], ['a', 'Ctx'], ['a', 1, 'Ctx'], ['a', undefined, 'Ctx'], ['a', STACK, 'Ctx'], ['a', STACK], [null], [undefined, 'Ctx']];
  for (const level of ['log', 'error'] as const) {
    for (const [message, ...rest] of calls) {
      nest[level](message, ...rest);
      logger[level](message, ...rest);
    }
  }
  jest.restoreAllMocks();
  const records = await rig.records();
  expect(records.map(({ body, attributes, severityText }) => [body, attributes['nestjs.context'] ?? '', severityText?.toLowerCase(), attributes['exception.stacktrace']])).toEqual(printed);
});

it('the context of the logger is that of calls without one', async () => {
  new OtelLogger(rig.provider, { context: 'Own' }).log('text');
  new OtelLogger(rig.provider, { context: 'Own' }).log('text', 'Ctx');
  expect((await told()).map(([, attributes]) => attributes['nestjs.context'])).toEqual(['Own', 'Ctx']);
});

it.each<[LogLevel[], LogLevel[]]>([
  [['warn'], ['warn', 'error', 'fatal']],
  [['debug', 'error'], ['debug', 'error', 'fatal']],
  [[], []],
])('levels %j let pass %j, as those of Nest do', async (levels, passing) => {
  const all = ['verbose', 'debug', 'log', 'warn', 'error', 'fatal'] as const;
  logger.setLogLevels(levels);
  const other = new OtelLogger(rig.provider, { logLevels: levels });
  const nest = new ConsoleLogger('', { logLevels: levels });
  for (const level of all) {
    logger[level]('text');
    other[level]('text');
  }
  expect((await rig.records()).map(({ severityText }) => severityText?.toLowerCase())).toEqual(passing.flatMap((level) => [level, level]));
  expect(all.filter((level) => nest.isLevelEnabled(level))).toEqual(passing);
});

it('never throws, and tells it once', async () => {
  const diag = captureDiag();
  const bad = {
    get field(): never {
      throw new Error('a getter');
    },
  };
  logger.log('text', bad);
  logger.log(() => {
    throw new Error('from a message');
  });
  logger.log(new Proxy({}, { getPrototypeOf: () => { throw new Error('from a proxy'); } }), 'Ctx');
  expect(await told()).toEqual([
    ['text', { field: '[Unreadable]' }],
    ['[Unreadable]', {}],
    ['[Unreadable]', {}],
  ]);
  expect(diag.lines).toEqual(['warn otel-log-queue: a record could not be made (told once): from a message']);
  diag.restore();
});

it('names what is wrong', () => {
  expect(() => new OtelLogger({} as never)).toThrow(TypeError);
  expect(() => new OtelLogger(rig.provider, { context: 1 as never })).toThrow(new TypeError('context must be a non-empty string, received 1'));
  expect(() => new OtelLogger(rig.provider, { logLevels: ['info' as never] })).toThrow(/^logLevels\[0\] must be one of 'verbose', .*, received "info"$/);
  expect(() => logger.setLogLevels('warn' as never)).toThrow(new TypeError('levels must be an array of log levels'));
});
