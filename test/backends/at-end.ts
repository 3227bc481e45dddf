type CleanUp = () => Promise<unknown> | void;

const cleanUps: CleanUp[] = [];

/** Whatever becomes of the test, a server that it has started is stopped: else it would hold the run. */
export function atEnd(cleanUp: CleanUp): void {
  cleanUps.unshift(cleanUp);
}

/** Call it in `afterEach`: the last one first. */
export async function cleanUpAll(): Promise<void> {
  for (const cleanUp of cleanUps.splice(0)) {
    await cleanUp();
  }
}
