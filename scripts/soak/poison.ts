const EVERY = 997;

/** Whether every backend refuses the record of this sequence number. */
export function isPoison(sequence: number): boolean {
  return sequence % EVERY === EVERY - 1;
}

/** How many of the numbers from 0 to `count - 1` are poisonous. */
export function poisonBelow(count: number): number {
  return Math.floor(count / EVERY);
}
