import { constants } from 'node:os';
import { checkInteger, checkObject, checkOneOf, warnUnknownKeys } from '../check';
import { MAX_TIMER_MILLIS } from '../lane/lane-options';
import { checkShutsDown, shutDownWithin, type ShutsDown } from './bounded-shutdown';

export interface ShutdownOnSignalsOptions {
  /** The signals to handle. Default `['SIGTERM', 'SIGINT']`. */
  readonly signals?: readonly NodeJS.Signals[];
  /** How long the shutdown may hold the end of the process, in milliseconds. Default 10000. */
  readonly timeoutMillis?: number;
}

const DEFAULT_SIGNALS: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT'];
const DEFAULT_TIMEOUT_MILLIS = 10_000;

// Nobody can handle these (signal(7)).
const UNSTOPPABLE: readonly string[] = ['SIGKILL', 'SIGSTOP'];

/**
 * On the first of the signals: `provider.shutdown()`, within the time-out, then the same signal again without these handlers, so that the process ends by it and its parent sees that.
 * A further one of the signals meanwhile ends the process at once.
 *
 * Where a signal still has other listeners at that point, it is not raised again: they have been told, and whether the process ends is theirs to say.
 *
 * @returns takes the handlers away
 * @throws TypeError or RangeError naming option, range and value received
 */
export function shutdownOnSignals(provider: ShutsDown, options: ShutdownOnSignalsOptions = {}): () => void {
  checkShutsDown('provider', provider);
  warnUnknownKeys('shutdownOnSignals', checkObject('options', options), ['signals', 'timeoutMillis']);
  const signals = checkSignals(options.signals);
  const timeoutMillis = options.timeoutMillis === undefined ? DEFAULT_TIMEOUT_MILLIS : checkInteger('timeoutMillis', options.timeoutMillis, 0, MAX_TIMER_MILLIS);
  let isEnding = false;
  const remove = (): void => {
    for (const signal of signals) {
      process.removeListener(signal, onSignal);
    }
  };
  const endBy = (signal: NodeJS.Signals): void => {
    remove();
    if (process.listenerCount(signal) === 0) {
      process.kill(process.pid, signal);
    }
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    if (isEnding) {
      endBy(signal);
      return;
    }
    isEnding = true;
    void shutDownWithin(provider, timeoutMillis, 'on a signal').then(() => endBy(signal));
  };
  for (const signal of signals) {
    process.on(signal, onSignal);
  }
  return remove;
}

function checkSignals(given: readonly NodeJS.Signals[] | undefined): readonly NodeJS.Signals[] {
  if (given === undefined) {
    return DEFAULT_SIGNALS;
  }
  if (!Array.isArray(given) || given.length === 0) {
    throw new TypeError('signals must be an array of at least one signal');
  }
  const known = (Object.keys(constants.signals) as NodeJS.Signals[]).filter((signal) => !UNSTOPPABLE.includes(signal));
  return [...new Set(given.map((signal: unknown, index) => checkOneOf(`signals[${index}]`, signal, known)))];
}
