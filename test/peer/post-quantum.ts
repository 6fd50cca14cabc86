/**
 * ML-KEM-768 (FIPS 203) and ML-DSA-65 (FIPS 204): those of node:crypto where it has them (Node 24 and later),
 * else those of noble, as they come. Keys and seeds are raw bytes, as the standards write them.
 */
import * as nodeCrypto from 'node:crypto';
import { ml_dsa65 } from '@noble/post-quantum/ml-dsa.js';
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import { type Bytes, bytes, join } from './bytes.ts';

export interface MlKem {
  /** @param seed d || z, 64 bytes */
  publicKey(seed: Bytes): Bytes;
  /** @throws if the key fails the input check */
  encapsulate(publicKey: Bytes): { sharedSecret: Bytes; ciphertext: Bytes };
  decapsulate(seed: Bytes, ciphertext: Bytes): Bytes;
}

export interface MlDsa {
  /** @param seed 32 bytes */
  publicKey(seed: Bytes): Bytes;
  /** Pure and hedged. */
  sign(seed: Bytes, message: Bytes, context: string): Bytes;
  verify(publicKey: Bytes, message: Bytes, context: string, signature: Bytes): boolean;
}

const nobleKem: MlKem = {
  publicKey: (seed) => ml_kem768.keygen(seed).publicKey,
  encapsulate(publicKey) {
    const { sharedSecret, cipherText } = ml_kem768.encapsulate(publicKey);
    return { sharedSecret, ciphertext: cipherText };
  },
  decapsulate: (seed, ciphertext) => ml_kem768.decapsulate(ciphertext, ml_kem768.keygen(seed).secretKey),
};

const nobleDsa: MlDsa = {
  publicKey: (seed) => ml_dsa65.keygen(seed).publicKey,
  sign: (seed, message, context) =>
    ml_dsa65.sign(message, ml_dsa65.keygen(seed).secretKey, { context: bytes(context) }),
  verify: (publicKey, message, context, signature) =>
    ml_dsa65.verify(signature, message, publicKey, { context: bytes(context) }),
};

/** What comes before the raw key in DER: a PKCS #8 private key as a seed, and a SubjectPublicKeyInfo. */
const DER = {
  kemSeed: Buffer.from('3054020100300b060960864801650304040204428040', 'hex'),
  kemPublic: Buffer.from('308204b2300b0609608648016503040402038204a100', 'hex'),
  dsaSeed: Buffer.from('3034020100300b060960864801650304031204228020', 'hex'),
  dsaPublic: Buffer.from('308207b2300b0609608648016503040312038207a100', 'hex'),
};

const privateKey = (before: Bytes, seed: Bytes): nodeCrypto.KeyObject =>
  nodeCrypto.createPrivateKey({ key: join(before, seed), format: 'der', type: 'pkcs8' });
const publicKey = (before: Bytes, raw: Bytes): nodeCrypto.KeyObject =>
  nodeCrypto.createPublicKey({ key: join(before, raw), format: 'der', type: 'spki' });
const rawOf = (before: Bytes, key: nodeCrypto.KeyObject): Buffer =>
  nodeCrypto.createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(before.length);

/** What Node 20's types do not know yet. */
interface NewerCrypto {
  encapsulate?(key: nodeCrypto.KeyObject): { sharedKey: Buffer; ciphertext: Buffer };
  decapsulate?(key: nodeCrypto.KeyObject, ciphertext: Bytes): Buffer;
}

function nodeKem(): MlKem | undefined {
  const { encapsulate, decapsulate } = nodeCrypto as NewerCrypto;
  if (encapsulate === undefined || decapsulate === undefined) return undefined;
  return {
    publicKey: (seed) => rawOf(DER.kemPublic, privateKey(DER.kemSeed, seed)),
    encapsulate(raw) {
      const { sharedKey, ciphertext } = encapsulate(publicKey(DER.kemPublic, raw));
      return { sharedSecret: sharedKey, ciphertext };
    },
    decapsulate: (seed, ciphertext) => decapsulate(privateKey(DER.kemSeed, seed), ciphertext),
  };
}

function nodeDsa(): MlDsa | undefined {
  const withContext = (key: nodeCrypto.KeyObject, context: string) => ({ key, context: bytes(context) });
  const dsa: MlDsa = {
    publicKey: (seed) => rawOf(DER.dsaPublic, privateKey(DER.dsaSeed, seed)),
    sign: (seed, message, context) =>
      nodeCrypto.sign(null, message, withContext(privateKey(DER.dsaSeed, seed), context)),
    verify: (raw, message, context, signature) =>
      nodeCrypto.verify(null, message, withContext(publicKey(DER.dsaPublic, raw), context), signature),
  };
  return knowsContexts(dsa) ? dsa : undefined;
}

/** The first Nodes with ML-DSA take the context string and forget it. */
function knowsContexts(dsa: MlDsa): boolean {
  try {
    const [seed, message] = [new Uint8Array(32), bytes('message')];
    return !dsa.verify(dsa.publicKey(seed), message, 'one', dsa.sign(seed, message, 'another'));
  } catch {
    return false;
  }
}

export const mlKem = nodeKem() ?? nobleKem;
export const mlDsa = nodeDsa() ?? nobleDsa;
