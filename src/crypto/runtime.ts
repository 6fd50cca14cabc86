/**
 * What this runtime has: the one file of the room that looks. By way of globalThis, since bundlers
 * answer a bare `Buffer` or `process` with a polyfill of 20 KB, and never by importing a node: module.
 */
import type * as NodeCrypto from 'node:crypto';

interface Runtime {
  readonly Buffer?: typeof Buffer;
  readonly crypto?: Partial<Pick<Crypto, 'getRandomValues' | 'subtle'>>;
  readonly process?: Partial<Pick<NodeJS.Process, 'getBuiltinModule'>>;
}

const runtime: Runtime = globalThis;

/** Node's Buffer, also Bun's and Deno's. */
export function nodeBuffer(): typeof Buffer | undefined {
  return typeof runtime.Buffer?.from === 'function' ? runtime.Buffer : undefined;
}

/** The Web Cryptography interface, which everything but getRandomValues may be missing from. */
export function webCrypto(): Runtime['crypto'] {
  return runtime.crypto;
}

/** node:crypto, or undefined in a runtime without it. */
export function nodeCrypto(): typeof NodeCrypto | undefined {
  try {
    return runtime.process?.getBuiltinModule?.('node:crypto');
  } catch {
    return undefined;
  }
}
