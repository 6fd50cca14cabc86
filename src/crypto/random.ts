/**
 * Randomness from globalThis.crypto.getRandomValues and from nothing else: if that is missing, fails
 * or gives zeros, everything stops here, before a key or a nonce exists.
 * Nonces and ids are drawn from a pool, since one call of the runtime's generator costs as much as thirty
 * small draws. Secrets never are (attack: processes started from one memory snapshot share its pool, and
 * one client's secrets would be another's).
 */
import { type Bytes, secretBytes } from './bytes.ts';
import type { RandomBytes } from './primitives.ts';
import { webCrypto } from './runtime.ts';

/** Fills `target` with random bytes, or throws. */
export type FillRandom = (target: Bytes) => void;

const POOL_BYTES = 4096;
/** Draws up to this size come from the pool: nonces, ids, and no key. */
const POOLED_BYTES = 16;
/** What getRandomValues fills in one call at most (Web Cryptography, section 10.1.1). */
const QUOTA_BYTES = 65536;

/**
 * Draws random bytes. Each draw is a new buffer that belongs to the caller, who may wipe it.
 * @throws {RangeError} for a length that is no non-negative integer.
 * @throws {Error} if the runtime has no working generator.
 */
export const randomBytes: RandomBytes = /* @__PURE__ */ pooledRandom(fillFromRuntime);

/** A generator with a pool of its own over `fill`; for {@link randomBytes}, and for tests of its failures. */
export function pooledRandom(fill: FillRandom): RandomBytes {
  let pool: Bytes | undefined;
  let used = POOL_BYTES;
  return (length) => {
    if (!Number.isSafeInteger(length) || length < 0)
      throw new RangeError('length must be a non-negative integer');
    if (length > POOLED_BYTES) return filled(fill, secretBytes(length));
    if (length > POOL_BYTES - used || pool === undefined) {
      // Forget the old pool first: after a failed refill there must be nothing left to hand out.
      used = POOL_BYTES;
      pool = filled(fill, pool ?? new Uint8Array(POOL_BYTES));
      used = 0;
    }
    const draw = pool.slice(used, used + length);
    pool.fill(0, used, used + length);
    used += length;
    return draw;
  };
}

function filled(fill: FillRandom, target: Bytes): Bytes {
  target.fill(0);
  fill(target);
  // Over 16 bytes that are all zero: a generator that does nothing, not chance.
  if (target.every((byte) => byte === 0))
    throw new Error('the random generator of this runtime returns zeros');
  return target;
}

function fillFromRuntime(target: Bytes): void {
  const crypto = webCrypto();
  if (typeof crypto?.getRandomValues !== 'function') {
    throw new Error('this runtime has no crypto.getRandomValues: no secure randomness, no encryption');
  }
  try {
    for (let at = 0; at < target.length; at += QUOTA_BYTES) {
      crypto.getRandomValues(target.subarray(at, at + QUOTA_BYTES));
    }
  } catch (cause) {
    throw new Error('crypto.getRandomValues failed: no secure randomness, no encryption', { cause });
  }
}
