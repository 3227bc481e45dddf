import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { resolveWorkerPath } from '../../src/thread/worker-path';
import { captureDiag } from '../support/capture-diag';

describe('workerPath', () => {
  it.each([
    ['an absolute path', '/opt/thread.cjs', '/opt/thread.cjs'],
    ['a path from the working directory', 'dist/thread.cjs', resolve('dist/thread.cjs')],
    ['a URL', pathToFileURL('/opt/with space.cjs'), '/opt/with space.cjs'],
    ['a URL as text', 'file:///opt/thread.cjs', '/opt/thread.cjs'],
  ])('may be %s', (_, given, expected) => {
    expect(resolveWorkerPath(given, { OTEL_LOG_QUEUE_WORKER_PATH: '/elsewhere.cjs' })).toBe(expected);
  });

  it.each([
    [7, TypeError, 'workerPath must be a non-empty string, received 7'],
    ['', TypeError, 'workerPath must be a non-empty string, received ""'],
    ['https://example.com/thread.cjs', RangeError, 'workerPath must be a path or a file: URL, received "https://example.com/thread.cjs"'],
    [new URL('data:text/javascript,0'), RangeError, 'workerPath must be a path or a file: URL, received "data:text/javascript,0"'],
  ])('%s is refused', (given, error, message) => {
    const refused = expect(() => resolveWorkerPath(given, {}));
    refused.toThrow(error);
    refused.toThrow(message);
  });

  it('comes from the environment where the option is not given; what cannot be read there is said and ignored', () => {
    const diagnostics = captureDiag();
    expect(resolveWorkerPath(undefined, { OTEL_LOG_QUEUE_WORKER_PATH: ' /opt/thread.cjs ' })).toBe('/opt/thread.cjs');
    expect(resolveWorkerPath(undefined, { OTEL_LOG_QUEUE_WORKER_PATH: '' })).toBeUndefined();
    expect(diagnostics.lines).toEqual([]);
    expect(resolveWorkerPath(undefined, { OTEL_LOG_QUEUE_WORKER_PATH: 'https://example.com' })).toBeUndefined();
    expect(diagnostics.lines).toEqual(['warn otel-log-queue: OTEL_LOG_QUEUE_WORKER_PATH must be a path or a file: URL, received "https://example.com"; ignored']);
    diagnostics.restore();
  });
});
