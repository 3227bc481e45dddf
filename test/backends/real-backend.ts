import { findBackend } from '../../scripts/backends/find';
import { LokiServer } from '../../scripts/backends/loki';
import type { BackendName } from '../../scripts/backends/manifest';

/**
 * The tests of one real server, skipped where there is none. The name is that of the outermost `describe`: the tests are counted by it.
 *
 * @param tests gets the path of the server's program
 */
export function describeBackend(name: BackendName, tests: (path: string) => void): void {
  const found = findBackend(name);
  const path = 'path' in found ? found.path : '';
  const isThere = path !== '' || (name === 'loki' && runningLoki !== '');
  (isThere ? describe : describe.skip)(name, () => tests(path));
}

const runningLoki = process.env['LOKI_URL'] ?? '';

/** The Loki that is running, or one of its own. */
export function startLoki(path: string): Promise<LokiServer> {
  return runningLoki === '' ? LokiServer.start(path) : Promise.resolve(LokiServer.running(runningLoki));
}
