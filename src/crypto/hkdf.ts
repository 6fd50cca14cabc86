/**
 * HKDF-Expand with SHA-256 (RFC 5869 section 2.3) over an imported HMAC key, so that a secret from
 * which many keys are derived is imported once.
 *   T(0) = ""    T(i) = HMAC(PRK, T(i-1) || info || i)    OKM = first L bytes of T(1) || T(2) || ...
 */
import { type Bytes, concatBytes, secretBytes, wipe } from './bytes.ts';
import type { MacKey } from './primitives.ts';

const HASH_BYTES = 32;
const MAX_BYTES = 255 * HASH_BYTES;

/**
 * @returns `length` bytes.
 * @throws {RangeError} for a length over 255 x 32, or one that is no non-negative integer.
 */
export function hkdfExpand(prk: MacKey, info: Bytes, length: number): Bytes {
  if (!Number.isSafeInteger(length) || length < 0 || length > MAX_BYTES) {
    throw new RangeError(`HKDF gives 0 to ${MAX_BYTES} bytes`);
  }
  const okm = secretBytes(length);
  let previous: Bytes = new Uint8Array(0);
  for (let i = 1, at = 0; at < length; i++, at += HASH_BYTES) {
    const input = concatBytes([previous, info, Uint8Array.of(i)]);
    const block = prk.mac(input);
    okm.set(block.subarray(0, Math.min(HASH_BYTES, length - at)), at);
    wipe(input, previous);
    previous = block;
  }
  wipe(previous);
  return okm;
}
