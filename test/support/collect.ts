/** Collects garbage until none is left, in a process with --expose-gc. */
import { setTimeout as sleep } from 'node:timers/promises';

const ROUNDS = 3;
const ROUND_MS = 20;

/** Several rounds: a finalizer frees what hangs on an object after the object itself is gone. */
export async function collect(): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    globalThis.gc?.();
    await sleep(ROUND_MS);
  }
}
