import { findBackend } from '../../scripts/backends/find';
import type { BackendName } from '../../scripts/backends/manifest';

/**
 * The tests of one real server, skipped where there is none. The name is that of the outermost `describe`: the tests are counted by it.
 *
 * @param tests gets the path of the server's program
 */
export function describeBackend(name: BackendName, tests: (path: string) => void): void {
  const found = findBackend(name);
  const path = 'path' in found ? found.path : '';
  (path === '' ? describe.skip : describe)(name, () => tests(path));
}
