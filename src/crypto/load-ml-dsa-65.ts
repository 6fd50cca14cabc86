/**
 * Loads ML-DSA-65 when it is first needed: 9 KB that a client without identities never asks for, nor one in
 * a browser whose WebCrypto has it.
 */
import type { Bytes } from './bytes.ts';
import { preferredSubtle } from './choice.ts';
import type { SignatureVerifier, Signer } from './signature.ts';
import { webMlDsa65 } from './web-ml-dsa-65.ts';

export async function loadVerifier(): Promise<SignatureVerifier> {
  return (await webVerifier()) ?? (await import('./ml-dsa-65.ts')).mlDsa65Verifier();
}

/** @param seed 32 bytes. @throws {RangeError} */
export async function loadSigner(seed: Bytes, keyId: string): Promise<Signer> {
  const subtle = preferredSubtle();
  // Not every WebCrypto with ML-DSA-65 leads from a private key to its public one.
  if (typeof subtle?.getPublicKey === 'function' && (await webVerifier()) !== undefined)
    return (await import('./web-ml-dsa-65-signer.ts')).createWebSigner(subtle, seed, keyId);
  return (await import('./ml-dsa-65.ts')).createMlDsa65Signer(seed, keyId);
}

let tried: Promise<SignatureVerifier | undefined> | undefined;

async function webVerifier(): Promise<SignatureVerifier | undefined> {
  const subtle = preferredSubtle();
  if (subtle === undefined) return undefined;
  tried ??= webMlDsa65(subtle);
  return tried;
}
