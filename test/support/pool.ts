/**
 * Begins all jobs, at most `size` at a time and in their order.
 * @returns one promise for each; a rejection that nobody awaits is not an unhandled one
 */
export function runInPool<Job, Result>(size: number, jobs: readonly Job[], run: (job: Job) => Promise<Result>): Promise<Result>[] {
  const free: Promise<unknown>[] = Array.from({ length: size }, () => Promise.resolve());
  return jobs.map((job, index) => {
    const place = index % size;
    const result = (free[place] as Promise<unknown>).then(() => run(job));
    free[place] = result.catch(() => undefined);
    return result;
  });
}
