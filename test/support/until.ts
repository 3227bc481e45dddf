/** Resolves when the condition holds; rejects, with a readable text, when it has not held for 10 s. */
export async function until(condition: () => boolean): Promise<void> {
  const giveUp = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > giveUp) {
      throw new Error(`waited in vain for ${condition.toString()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
