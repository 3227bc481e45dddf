import { resolveSpoolOptions } from '../../src/spool/spool-options';
import { captureDiag } from '../support/capture-diag';

describe('the options of a spool', () => {
  it('have defaults', () => {
    expect(resolveSpoolOptions('spool', { directory: '/d' })).toEqual({ directory: '/d', maxBytes: 2 ** 30, fsync: false, mode: 'overflow', replay: 'fresh-first' });
    const all = { directory: '/d', maxBytes: 5, fsync: true, mode: 'journal', replay: 'in-order' };
    expect(resolveSpoolOptions('spool', all)).toEqual(all);
  });

  it.each([
    [undefined, TypeError, 'spool must be an object, received undefined'],
    ['/d', TypeError, 'spool must be an object, received "/d"'],
    [{}, TypeError, 'spool.directory must be a non-empty string, received undefined'],
    [{ directory: '' }, TypeError, 'spool.directory must be a non-empty string, received ""'],
    [{ directory: '/d', maxBytes: 0 }, RangeError, 'spool.maxBytes must be an integer of at least 1, received 0'],
    [{ directory: '/d', maxBytes: '1' }, TypeError, 'spool.maxBytes must be an integer of at least 1, received "1"'],
    [{ directory: '/d', fsync: 1 }, TypeError, 'spool.fsync must be true or false, received 1'],
    [{ directory: '/d', mode: 'both' }, RangeError, "spool.mode must be one of 'overflow', 'journal', received \"both\""],
    [{ directory: '/d', replay: 1 }, TypeError, "spool.replay must be one of 'fresh-first', 'in-order', received 1"],
  ])('%p is refused', (value, type, message) => {
    expect(() => resolveSpoolOptions('spool', value)).toThrow(new type(message));
  });

  it('name what they do not know', () => {
    const { lines, restore } = captureDiag();
    resolveSpoolOptions('spool', { directory: '/d', maxbytes: 1 });
    restore();
    expect(lines).toEqual(["warn otel-log-queue: spool has no option 'maxbytes'; ignored"]);
  });
});
