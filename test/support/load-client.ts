import { Agent } from 'node:http';
import { send } from './web-request';

export interface Load {
  readonly requests: number;
  /** How many are under way at any time. */
  readonly concurrency: number;
  readonly keepAlive: boolean;
  /** Called after each answer, with the number of answers so far. */
  readonly onAnswer: (answered: number) => void;
}

/** Asks for `<url>/orders/<n>`, each once; the numbers of those that were answered to the last byte, with status 200. */
export async function runLoad(url: string, { requests, concurrency, keepAlive, onAnswer }: Load): Promise<number[]> {
  const agent = new Agent({ keepAlive, maxSockets: concurrency });
  const answered: number[] = [];
  let next = 0;
  const client = async (): Promise<void> => {
    while (next < requests) {
      const number = next++;
      // Refused or cut off: the server is going away, which is the point.
      const response = await send(`${url}/orders/${number}`, { agent }).catch(() => undefined);
      if (response?.status === 200) {
        answered.push(number);
        onAnswer(answered.length);
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency }, client));
  agent.destroy();
  return answered;
}
