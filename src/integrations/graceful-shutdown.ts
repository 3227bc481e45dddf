import { checkInteger, checkObject } from '../check';
import { MAX_TIMER_MILLIS } from '../lane/lane-options';
import { checkShutsDown, type ShutsDown } from './bounded-shutdown';
import { HttpDrain, type GracefulServer } from './http-drain';
import { shutdownOnSignals, type ShutdownOnSignalsOptions } from './signals';

export type { GracefulServer } from './http-drain';

export interface GracefulShutdownOptions extends ShutdownOnSignalsOptions {
  /** How long requests that have begun may take to end, in milliseconds; then they are cut off. Default: half of `timeoutMillis`, so that the rest is left for the logs. */
  readonly serverTimeoutMillis?: number;
}

const DEFAULT_TIMEOUT_MILLIS = 10_000;

/**
 * On SIGTERM or SIGINT: the server takes no further connection, answers the requests that have begun, and ends keep-alive connections; then `provider.shutdown()`, so that the records of the last requests are delivered; then the process ends by the same signal.
 * A second signal meanwhile ends it at once. Where a signal still has other listeners, the process is theirs to end.
 *
 * @param server what `app.listen()` returns
 * @returns takes the handlers away
 * @throws TypeError or RangeError naming option, range and value received
 */
export function gracefulShutdown(server: GracefulServer, provider: ShutsDown, options: GracefulShutdownOptions = {}): () => void {
  if (typeof (server as Partial<GracefulServer> | null | undefined)?.closeIdleConnections !== 'function') {
    throw new TypeError('server must be a server of node:http or node:https: what app.listen() returns');
  }
  checkShutsDown('provider', provider);
  const { serverTimeoutMillis, ...signalOptions } = checkObject('options', options) as GracefulShutdownOptions;
  const { timeoutMillis = DEFAULT_TIMEOUT_MILLIS } = signalOptions;
  const forServer = serverTimeoutMillis === undefined ? timeoutMillis / 2 : checkInteger('serverTimeoutMillis', serverTimeoutMillis, 0, MAX_TIMER_MILLIS);
  const both: ShutsDown = {
    shutdown: async ({ timeoutMillis: left }) => {
      const end = Date.now() + left;
      await drain.close(Math.min(forServer, left));
      return provider.shutdown({ timeoutMillis: Math.max(0, end - Date.now()) });
    },
  };
  const remove = shutdownOnSignals(both, { ...signalOptions, timeoutMillis });
  // Not before the options have been checked.
  const drain = new HttpDrain(server);
  return () => {
    remove();
    drain.stopFollowing();
  };
}
