import { ensureBuilt } from '../../scripts/load/build';

/** Jest's global set-up: the tests that run the package as a user does need it built. */
export default function buildPackage(): void {
  ensureBuilt();
}
