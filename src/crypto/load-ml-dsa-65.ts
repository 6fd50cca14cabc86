/**
 * Loads ML-DSA-65 when it is first needed: 9 KB that a client without identities never asks for, nor one in
 * a browser whose WebCrypto has it.
 */
import type { Bytes } from './bytes.ts';
import { nodeCrypto } from './runtime.ts';
import { forced } from './select.ts';
import type { SignatureVerifier, Signer } from './signature.ts';
import { webMlDsa65 } from './web-ml-dsa-65.ts';
import { modernSubtle } from './web-subtle.ts';

export async function loadVerifier(): Promise<SignatureVerifier> {
  return (await webVerifier()) ?? (await import('./ml-dsa-65.ts')).mlDsa65Verifier();
}

/** @param seed 32 bytes. @throws {RangeError} */
export async function loadSigner(seed: Bytes, keyId: string): Promise<Signer> {
  const subtle = modernSubtle();
  if (subtle !== undefined && (await webVerifier()) !== undefined)
    return (await import('./web-ml-dsa-65-signer.ts')).createWebSigner(subtle, seed, keyId);
  return (await import('./ml-dsa-65.ts')).createMlDsa65Signer(seed, keyId);
}

let tried: Promise<SignatureVerifier | undefined> | undefined;

/** WebCrypto's, where there is no node:crypto, which needs no promise. */
async function webVerifier(): Promise<SignatureVerifier | undefined> {
  const subtle = modernSubtle();
  if (subtle === undefined || forced() === 'noble') return undefined;
  if (nodeCrypto() !== undefined && forced() !== 'web') return undefined;
  tried ??= webMlDsa65(subtle);
  return tried;
}
