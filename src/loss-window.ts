import { performance } from 'node:perf_hooks';
import type { Loss } from './loss-reporter';
import type { LossReason } from './stats';

interface Second {
  /** Of `performance.now()`. */
  readonly second: number;
  readonly losses: readonly Loss[];
}

const WINDOW_SECONDS = 60;

/** The losses of the last minute, to the second. Costs nothing while nothing is lost, and has no timer. */
export class LossWindow {
  #seconds: Second[] = [];

  add(losses: readonly Loss[]): void {
    if (losses.length === 0) {
      return;
    }
    this.#forget();
    const second = currentSecond();
    const last = this.#seconds.at(-1);
    if (last?.second === second) {
      this.#seconds[this.#seconds.length - 1] = { second, losses: merged([...last.losses, ...losses]) };
    } else {
      this.#seconds.push({ second, losses });
    }
  }

  /** @param pending what has been lost and not been added yet */
  recent(pending: readonly Loss[]): readonly Loss[] {
    this.#forget();
    return merged([...this.#seconds.flatMap(({ losses }) => losses), ...pending]);
  }

  #forget(): void {
    const first = currentSecond() - WINDOW_SECONDS;
    this.#seconds = this.#seconds.filter(({ second }) => second > first);
  }
}

function currentSecond(): number {
  return Math.floor(performance.now() / 1000);
}

/** One entry for each place and reason. */
function merged(losses: readonly Loss[]): readonly Loss[] {
  const places = new Map<string | undefined, Map<LossReason, number>>();
  for (const { lane, reason, count } of losses) {
    const counts = places.get(lane) ?? new Map<LossReason, number>();
    places.set(lane, counts.set(reason, (counts.get(reason) ?? 0) + count));
  }
  return [...places].flatMap(([lane, counts]) => [...counts].map(([reason, count]) => ({ lane, reason, count })));
}
