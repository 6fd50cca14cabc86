/**
 * Which primitives are used: the runtime's own where it has them, else noble. Decided once, at first
 * use and not at import, by what the runtime can do and not by what it calls itself.
 */
import { noblePrimitives } from './noble.ts';
import { nodePrimitives } from './node.ts';
import type { Primitives } from './primitives.ts';
import { webPrimitives } from './web.ts';
import { modernSubtle } from './web-subtle.ts';

let detected: Primitives | undefined;
let tried: Promise<Primitives | undefined> | undefined;
let choice: 'noble' | 'web' | undefined;

/** The primitives of this runtime that are there at once. */
export function primitives(): Primitives {
  if (choice === 'noble') return noblePrimitives;
  detected ??= nodePrimitives() ?? noblePrimitives;
  return detected;
}

/** The best primitives of this runtime, for whoever can wait: what WebCrypto can do shows only when it is tried. */
export async function loadPrimitives(): Promise<Primitives> {
  const atOnce = primitives();
  const subtle = modernSubtle();
  if (subtle === undefined || choice === 'noble') return atOnce;
  if (atOnce !== noblePrimitives && choice !== 'web') return atOnce;
  tried ??= webPrimitives(subtle);
  return (await tried) ?? atOnce;
}

/** What tests asked for. */
export function forced(): typeof choice {
  return choice;
}

/**
 * Takes the choice from the runtime, so that tests run on every implementation: 'noble' is noble alone,
 * 'web' prefers WebCrypto to node:crypto where the caller can wait.
 */
export function force(primitives: typeof choice): void {
  choice = primitives;
}
