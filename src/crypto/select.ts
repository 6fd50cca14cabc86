/**
 * Which primitives are used: the runtime's own where it has them, else noble. Decided once, at first
 * use and not at import, by what the runtime can do and not by what it calls itself.
 */
import { noblePrimitives } from './noble.ts';
import { nodePrimitives } from './node.ts';
import type { Primitives } from './primitives.ts';

let detected: Primitives | undefined;
let nobleForced = false;

/** The primitives of this runtime. */
export function primitives(): Primitives {
  if (nobleForced) return noblePrimitives;
  detected ??= nodePrimitives() ?? noblePrimitives;
  return detected;
}

/** Whether tests asked for noble alone. */
export function nobleIsForced(): boolean {
  return nobleForced;
}

/** Turns the runtime's own primitives off and on again, so that tests run on both. */
export function forceNoble(on: boolean): void {
  nobleForced = on;
}
