import { performance } from 'node:perf_hooks';
import { encodeInSlices } from '../../src/exporters/time-slice';
import { range } from '../support/records';

/** Takes as long as a large record does. */
function busy(millis: number): void {
  const end = performance.now() + millis;
  while (performance.now() < end);
}

it('gives the event loop turns while it encodes, in order', async () => {
  let turns = 0;
  let isDone = false;
  const countTurns = (): void => {
    turns++;
    if (!isDone) {
      setImmediate(countTurns);
    }
  };
  setImmediate(countTurns);
  const encoded: number[] = [];
  await encodeInSlices(
    range(0, 320),
    (seq) => {
      encoded.push(seq);
      busy(0.2);
    },
    new AbortController().signal,
  );
  isDone = true;
  expect(encoded).toEqual(range(0, 320));
  // 64 ms of work: a slice ends at the latest 16 records after its time is up.
  expect(turns).toBeGreaterThanOrEqual(10);
});

it('needs no turn for a batch that is quickly encoded', async () => {
  let turns = 0;
  setImmediate(() => turns++);
  await encodeInSlices(range(0, 10), () => undefined, new AbortController().signal);
  expect(turns).toBe(0);
});

it('stops between two slices when it is aborted', async () => {
  const abort = new AbortController();
  let encoded = 0;
  setImmediate(() => abort.abort(new Error('enough')));
  const run = encodeInSlices(
    range(0, 10_000),
    () => {
      encoded++;
      busy(0.2);
    },
    abort.signal,
  );
  await expect(run).rejects.toThrow('enough');
  expect(encoded).toBeLessThan(10_000);
});
