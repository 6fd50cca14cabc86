/** Waiting for a condition, never for a time. */
import { setTimeout as sleep } from 'node:timers/promises';

/** Asks until the answer is neither undefined nor false; what throws counts as no. @throws after `withinMs`. */
export async function until<Value>(
  what: string,
  question: () => Promise<Value | undefined | false> | Value | undefined | false,
  withinMs = 15_000,
): Promise<Value> {
  const end = performance.now() + withinMs;
  let last: unknown;
  while (performance.now() < end) {
    try {
      const answer = await question();
      if (answer !== undefined && answer !== false) return answer;
    } catch (error) {
      last = error;
    }
    await sleep(10);
  }
  throw new Error(`not within ${withinMs} ms: ${what}`, { cause: last });
}
