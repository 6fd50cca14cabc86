/**
 * Work that takes long, a piece at a turn of the event loop, in the order in which it came: so a small call waits
 * for one piece at most. Each waits by turns of its own and is woken by nobody else: workerd lets no request wake
 * another.
 */
import { onNextTurn } from './next-turn.ts';

/** What is longer is a large one: a millisecond, where a turn of the event loop takes hundredths of one. */
export const LARGE_BYTES: number = 256 * 1024;

/** Who waits for longer never wakes: workerd drops a request, with all that it waits for, when its client leaves. */
const MAX_WAIT_MS = 10_000;

interface Ticket {
  readonly since: number;
}

export class Turns {
  readonly #apart: number;
  /** In the order in which they came. */
  readonly #tickets = new Set<Ticket>();

  /** @param apart how many turns lie between two that are given. */
  constructor(apart = 1) {
    this.#apart = apart;
  }

  /** How many wait. */
  get waiting(): number {
    const oldest = performance.now() - MAX_WAIT_MS;
    for (const ticket of this.#tickets) {
      if (ticket.since > oldest) break;
      this.#tickets.delete(ticket);
    }
    return this.#tickets.size;
  }

  /** Resolves in a turn in which nobody else's does. */
  take(): Promise<void> {
    const ticket = { since: performance.now() };
    let left = (this.waiting + 1) * this.#apart;
    this.#tickets.add(ticket);
    return new Promise((resolve) => {
      const turned = (): void => {
        if (--left > 0) return void onNextTurn(turned);
        this.#tickets.delete(ticket);
        resolve();
      };
      onNextTurn(turned);
    });
  }
}
