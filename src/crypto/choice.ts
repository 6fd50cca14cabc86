/** Whose cryptography is used, where several have it. */
import { nodeCrypto } from './runtime.ts';
import { type ModernSubtle, modernSubtle } from './web-subtle.ts';

let choice: 'noble' | 'web' | undefined;

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

/** WebCrypto, for whoever can wait, where there is no node:crypto: that needs no promise. */
export function preferredSubtle(): ModernSubtle | undefined {
  if (choice === 'noble' || (nodeCrypto() !== undefined && choice !== 'web')) return undefined;
  return modernSubtle();
}
