/**
 * Loads ML-DSA-65 when it is first needed: 9 KB that a client without identities never asks for.
 */
import type { Bytes } from './bytes.ts';
import type { SignatureVerifier, Signer } from './signature.ts';

export async function loadVerifier(): Promise<SignatureVerifier> {
  return (await import('./ml-dsa-65.ts')).mlDsa65Verifier();
}

/** @param seed 32 bytes. @throws {RangeError} */
export async function loadSigner(seed: Bytes, keyId: string): Promise<Signer> {
  return (await import('./ml-dsa-65.ts')).createMlDsa65Signer(seed, keyId);
}
