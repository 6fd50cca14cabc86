/** The ML-DSA-65 implementations that this runtime offers. */
import * as crypto from 'node:crypto';
import type { Bytes } from '../../src/crypto/bytes.ts';
import { force, forced } from '../../src/crypto/choice.ts';
import { createMlDsa65Signer, mlDsa65Verifier } from '../../src/crypto/ml-dsa-65.ts';
import { nodeMlDsa65 } from '../../src/crypto/node-ml-dsa-65.ts';
import type { SignatureVerifier, Signer } from '../../src/crypto/signature.ts';

export interface Signatures {
  readonly name: 'noble' | 'native';
  readonly verifier: SignatureVerifier;
  createSigner(seed: Bytes, keyId: string): Signer;
}

function by<T>(noble: boolean, run: () => T): T {
  const before = forced();
  force(noble ? 'noble' : undefined);
  try {
    return run();
  } finally {
    force(before);
  }
}

export const nobleSignatures: Signatures = {
  name: 'noble',
  verifier: by(true, mlDsa65Verifier),
  createSigner: (seed, keyId) => by(true, () => createMlDsa65Signer(seed, keyId)),
};

/** The runtime's own: Node 24 and later. */
export const nativeSignatures: Signatures | undefined =
  nodeMlDsa65(crypto) === undefined
    ? undefined
    : {
        name: 'native',
        verifier: by(false, mlDsa65Verifier),
        createSigner: (seed, keyId) => by(false, () => createMlDsa65Signer(seed, keyId)),
      };

export const signatures: readonly Signatures[] =
  nativeSignatures === undefined ? [nobleSignatures] : [nobleSignatures, nativeSignatures];
