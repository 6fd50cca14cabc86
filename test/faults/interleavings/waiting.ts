/**
 * What waits for the schedule: messages between client and server, calls of the store, handlers. Each goes on
 * when a step says so, in any order.
 */

/** What becomes of a message: it goes on, or what the way makes of it. A code is a forged refusal. */
export const DAMAGES = ['lost', 'cut', 'broken', 'swapped', 'page', 'nothing'] as const;
export const FORGED_CODES = ['ISO-2001', 'ISO-2002', 'ISO-3003', 'ISO-2003', 'ISO-5001', 'ISO-1008'] as const;
export type Fate = 'on' | (typeof DAMAGES)[number] | (typeof FORGED_CODES)[number];

export interface Waiting {
  readonly what: string;
  /** @param to the instance that a request goes to. */
  go(fate: Fate, to: number): void;
}

/** By any number: below zero from the end. */
export function pick<One>(all: readonly One[], which: number): One | undefined {
  return all.at(which % Math.max(1, all.length));
}

export class Queue {
  readonly all: Waiting[] = [];

  /** Until it is told to go on. */
  hold(what: string): Promise<void> {
    return new Promise((resolve) => {
      this.add({ what, go: () => resolve() });
    });
  }

  add(one: Waiting): void {
    this.all.push(one);
  }

  remove(one: Waiting): void {
    const at = this.all.indexOf(one);
    if (at >= 0) this.all.splice(at, 1);
  }

  /** Takes one out, by its place. */
  take(which: number): Waiting | undefined {
    const one = pick(this.all, which);
    if (one !== undefined) this.remove(one);
    return one;
  }
}
