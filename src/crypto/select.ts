/**
 * Which primitives are used where nobody can wait: the runtime's own where it has them, else noble. Decided once, at
 * first use and not at import, by what the runtime can do and not by what it calls itself.
 */
import { forced } from './choice.ts';
import { noblePrimitives } from './noble.ts';
import { nodePrimitives } from './node.ts';
import type { SyncPrimitives } from './primitives.ts';

let detected: SyncPrimitives | undefined;

/** The primitives of this runtime that are there at once. */
export function primitives(): SyncPrimitives {
  if (forced() === 'noble') return noblePrimitives;
  detected ??= nodePrimitives() ?? noblePrimitives;
  return detected;
}
