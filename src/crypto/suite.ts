/**
 * A suite: the name in the transcript, the KEM that it stands for and the other primitives, which are the
 * same in every suite: ChaCha20-Poly1305, HKDF-SHA256, HMAC-SHA256, SHA-256.
 */
import type { Kem, Primitives } from './primitives.ts';

/** A client offers one and never changes it because of an answer; a server accepts a set. */
export type SuiteName = 'ML-KEM-768' | 'X-Wing';

export interface Suite {
  readonly name: SuiteName;
  readonly kem: Kem;
  readonly primitives: Primitives;
}

export const DEFAULT_SUITE: SuiteName = 'ML-KEM-768';

/** ML-KEM-768 (FIPS 203) alone: public key 1184, ciphertext 1088, secret 32 bytes. */
export function mlKem768Suite(p: Primitives): Suite {
  return { name: 'ML-KEM-768', kem: p.mlKem768, primitives: p };
}

/** X-Wing: public key 1216, ciphertext 1120, secret 32 bytes. */
async function xWingSuite(p: Primitives): Promise<Suite> {
  const { createXWing } = await import('./x-wing.ts');
  return { name: 'X-Wing', kem: createXWing(p.mlKem768), primitives: p };
}

/** A suite by its name, loaded if it has to be. */
export async function loadSuite(p: Primitives, name: SuiteName): Promise<Suite> {
  return name === 'X-Wing' ? xWingSuite(p) : mlKem768Suite(p);
}

export function isSuiteName(name: unknown): name is SuiteName {
  return name === 'ML-KEM-768' || name === 'X-Wing';
}
