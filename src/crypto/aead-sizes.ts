/**
 * What ChaCha20-Poly1305 (RFC 8439 section 2.8) is on every runtime: its sizes in bytes and its input checks, since
 * not every implementation makes them.
 */
import type { Bytes } from './bytes.ts';

export const KEY_BYTES = 32;
export const NONCE_BYTES = 12;
export const TAG_BYTES = 16;

/** @throws {RangeError} for a key of another length. */
export function checkKey(key: Bytes): void {
  if (key.length !== KEY_BYTES) throw new RangeError('a ChaCha20-Poly1305 key has 32 bytes');
}

/** @throws {RangeError} for a nonce of another length. */
export function checkNonce(nonce: Bytes): void {
  if (nonce.length !== NONCE_BYTES) throw new RangeError('a ChaCha20-Poly1305 nonce has 12 bytes');
}
