/**
 * Identity signatures: what a signer is, wherever its key lies.
 */
import type { Bytes } from './bytes.ts';
import type { MaybePromise } from './primitives.ts';

// The sizes of ML-DSA-65 (FIPS 204), in bytes.
export const ML_DSA_65_SEED_BYTES = 32;
export const ML_DSA_65_PUBLIC_KEY_BYTES = 1952;
export const ML_DSA_65_SIGNATURE_BYTES = 3309;

/** An ML-DSA-65 key that can sign: from a seed, or in a KMS. */
export interface Signer {
  /** Names the key in logs; not a secret. */
  readonly keyId: string;
  /** 1952 bytes. */
  readonly publicKey: Bytes;
  /**
   * Pure ML-DSA-65 with a context string, hedged.
   * @returns 3309 bytes.
   */
  sign(message: Bytes, context: Bytes): MaybePromise<Bytes>;
}

export interface SignatureVerifier {
  /** Never throws: a malformed key or signature is a bad one. */
  verify(publicKey: Bytes, message: Bytes, signature: Bytes, context: Bytes): MaybePromise<boolean>;
}

/** Whether an application's value looks like a signer: what it signs is verified anyway. */
export function isSigner(value: unknown): value is Signer {
  if (typeof value !== 'object' || value === null) return false;
  const { publicKey, sign } = value as Partial<Signer>;
  const hasKey = publicKey instanceof Uint8Array && publicKey.length === ML_DSA_65_PUBLIC_KEY_BYTES;
  return hasKey && typeof sign === 'function';
}
