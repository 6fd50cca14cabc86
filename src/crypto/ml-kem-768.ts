/**
 * What ML-KEM-768 (FIPS 203) is on every runtime: its sizes and its input checks, made here so that
 * they are the same whoever does the arithmetic.
 */
import type { Bytes } from './bytes.ts';
import type { Kem } from './primitives.ts';

export const PUBLIC_KEY_BYTES = 1184;
export const CIPHERTEXT_BYTES = 1088;

/** k = 3 polynomials of 256 coefficients, 12 bits each, then the 32-byte seed rho. */
const COEFFICIENT_BYTES = 3 * 384;
const Q = 3329;

/**
 * The encapsulation key check of FIPS 203 section 7.2: length, and every coefficient below q.
 * @throws {RangeError} for a key that fails it.
 */
export function checkPublicKey(publicKey: Bytes): void {
  if (publicKey.length !== PUBLIC_KEY_BYTES) throw new RangeError('an ML-KEM-768 public key has 1184 bytes');
  for (let i = 0; i < COEFFICIENT_BYTES; i += 3) {
    const [a = 0, b = 0, c = 0] = [publicKey[i], publicKey[i + 1], publicKey[i + 2]];
    if ((a | ((b & 15) << 8)) >= Q || ((b >> 4) | (c << 4)) >= Q) {
      throw new RangeError('the ML-KEM-768 public key has a coefficient that is not below q');
    }
  }
}

/**
 * The ciphertext check of FIPS 203 section 7.3. All ciphertexts of the right length are valid.
 * @throws {RangeError} for a ciphertext of another length.
 */
export function checkCiphertext(ciphertext: Bytes): void {
  if (ciphertext.length !== CIPHERTEXT_BYTES) throw new RangeError('an ML-KEM-768 ciphertext has 1088 bytes');
}

/** The part of it that asks no runtime. */
export const ML_KEM_768: Pick<Kem, 'ciphertextBytes' | 'checkPublicKey'> = {
  ciphertextBytes: CIPHERTEXT_BYTES,
  checkPublicKey,
};
