/**
 * What X-Wing is on every runtime: its sizes, its halves and its input check.
 */
import type { Bytes } from './bytes.ts';
import * as mlkem from './ml-kem-768.ts';
import type { Kem } from './primitives.ts';

const X25519_BYTES = 32;

export const X_WING_CIPHERTEXT_BYTES: number = mlkem.CIPHERTEXT_BYTES + X25519_BYTES;

/** @throws {RangeError} for a public key of another length, or whose ML-KEM half fails its check. */
export function checkPublicKey(publicKey: Bytes, mlKem768: Kem): void {
  mlKem768.checkPublicKey(splitPublicKey(publicKey)[0]);
}

/** pk_M and pk_X. @throws {RangeError} */
export function splitPublicKey(publicKey: Bytes): readonly [Bytes, Bytes] {
  return split(publicKey, mlkem.PUBLIC_KEY_BYTES, 'public key');
}

/** ct_M and ct_X. @throws {RangeError} */
export function splitCiphertext(ciphertext: Bytes): readonly [Bytes, Bytes] {
  return split(ciphertext, mlkem.CIPHERTEXT_BYTES, 'ciphertext');
}

function split(bytes: Bytes, at: number, what: string): readonly [Bytes, Bytes] {
  if (bytes.length !== at + X25519_BYTES)
    throw new RangeError(`an X-Wing ${what} has ${at + X25519_BYTES} bytes`);
  return [bytes.subarray(0, at), bytes.subarray(at)];
}
