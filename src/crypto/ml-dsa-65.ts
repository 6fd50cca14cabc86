/**
 * ML-DSA-65 (FIPS 204, pure, hedged): signatures of identities, by the runtime where it can, else by noble.
 * Loaded on demand, because only handshakes with an identity need it.
 */
import { ml_dsa65 } from '@noble/post-quantum/ml-dsa.js';
import type { Bytes } from './bytes.ts';
import { forced } from './choice.ts';
import { nodeMlDsa65 } from './node-ml-dsa-65.ts';
import { nodeCrypto } from './runtime.ts';
import { ML_DSA_65_SEED_BYTES, type SignatureVerifier, type Signer } from './signature.ts';

/**
 * A signer whose private key is derived from a seed (FIPS 204, ML-DSA.KeyGen_internal).
 * @param seed 32 bytes, copied.
 * @throws {RangeError} for a seed of another length.
 */
export function createMlDsa65Signer(seed: Bytes, keyId: string): Signer {
  if (seed.length !== ML_DSA_65_SEED_BYTES) throw new RangeError('an ML-DSA-65 seed has 32 bytes');
  return native()?.createSigner(seed, keyId) ?? nobleSigner(seed, keyId);
}

export function mlDsa65Verifier(): SignatureVerifier {
  return native()?.verifier ?? nobleVerifier;
}

let detected: ReturnType<typeof nodeMlDsa65> | null = null;

function native(): ReturnType<typeof nodeMlDsa65> {
  if (forced() === 'noble') return undefined;
  if (detected === null) {
    const crypto = nodeCrypto();
    detected = crypto && nodeMlDsa65(crypto);
  }
  return detected;
}

function nobleSigner(seed: Bytes, keyId: string): Signer {
  const { publicKey, secretKey } = ml_dsa65.keygen(seed);
  return {
    keyId,
    publicKey: Uint8Array.from(publicKey),
    // Hedged: noble draws fresh randomness for each signature unless told otherwise.
    sign: (message, context) => Uint8Array.from(ml_dsa65.sign(message, secretKey, { context })),
  };
}

const nobleVerifier: SignatureVerifier = {
  verify(publicKey, message, signature, context) {
    try {
      return ml_dsa65.verify(signature, message, publicKey, { context });
    } catch {
      // A key or a signature that can't be decoded is a bad one.
      return false;
    }
  },
};
