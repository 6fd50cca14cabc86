/**
 * A suite: the name in the transcript and the KEM that it stands for. All else is the same in every
 * suite: ChaCha20-Poly1305, HKDF-SHA256, HMAC-SHA256, SHA-256.
 */
import type { Kem, Primitives } from './primitives.ts';

/** A client offers one and never changes it because of an answer; a server accepts a set. */
export type SuiteName = 'ML-KEM-768' | 'X-Wing';

export interface Suite {
  readonly name: SuiteName;
  readonly kem: Kem;
}

export const DEFAULT_SUITE: SuiteName = 'ML-KEM-768';

/** ML-KEM-768 (FIPS 203) alone: public key 1184, ciphertext 1088, secret 32 bytes. */
export function mlKem768Suite(p: Primitives): Suite {
  return { name: 'ML-KEM-768', kem: p.mlKem768 };
}
