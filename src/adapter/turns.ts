/**
 * Large pieces of work, one at a turn of the event loop: whoever calls with a megabyte waits for others who do,
 * and a small call waits for one of them at most. Each waits by turns of its own and is woken by nobody else:
 * workerd lets no request wake another.
 */
import { onNextTurn } from './next-turn.ts';

/** What is longer is a large one: a millisecond, where a turn of the event loop takes hundredths of one. */
export const LARGE_BYTES: number = 256 * 1024;

/** Longer than for so many others nobody waits, should one of them never have been woken. */
const MAX_TURNS = 1024;

export class Turns {
  #waiting = 0;

  /** Resolves in a turn in which nobody else's does. */
  async take(): Promise<void> {
    this.#waiting++;
    for (let left = Math.min(this.#waiting, MAX_TURNS); left > 0; left--) await nextTurn();
    this.#waiting--;
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => void onNextTurn(resolve));
}
