/**
 * Work that takes long, a piece at a turn of the event loop, in the order in which it came: so a small call waits
 * for one piece at most. Each waits by turns of its own and is woken by nobody else: workerd lets no request wake
 * another.
 */
import { onNextTurn } from './next-turn.ts';

/** What is longer is a large one: a millisecond, where a turn of the event loop takes hundredths of one. */
export const LARGE_BYTES: number = 256 * 1024;

/** Longer than for so many others nobody waits, should one of them never have been woken. */
const MAX_AHEAD = 1024;

export class Turns {
  readonly #apart: number;
  #waiting = 0;

  /** @param apart how many turns lie between two that are given. */
  constructor(apart = 1) {
    this.#apart = apart;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Resolves in a turn in which nobody else's does. */
  take(): Promise<void> {
    let left = Math.min(++this.#waiting, MAX_AHEAD) * this.#apart;
    return new Promise((resolve) => {
      const turned = (): void => {
        if (--left > 0) return void onNextTurn(turned);
        this.#waiting--;
        resolve();
      };
      onNextTurn(turned);
    });
  }
}
