import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/**
 * Waits for the end of a forked process and for its last message: the event `exit` can come before the messages that are still in the channel.
 * @returns its exit code
 */
export async function endOf(child: ChildProcess): Promise<number | null> {
  const [[code]] = (await Promise.all([once(child, 'exit'), once(child, 'disconnect')])) as [[number | null], unknown];
  return code;
}
