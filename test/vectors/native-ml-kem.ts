/**
 * ML-KEM-768 decapsulation by node:crypto from a seed, which the library never needs (its keys stay in
 * the runtime) but the vectors do. Node 24.7 and later.
 */
import * as crypto from 'node:crypto';
import { type Bytes, concatBytes, viewOf } from '../../src/crypto/bytes.ts';
import { unhex } from '../crypto/implementations.ts';

/** PKCS #8 of a seed d || z (RFC 9935 section 6), as far as the seed itself. */
const PKCS8_PREFIX = unhex('3054020100300b0609608648016503040402 0442 8040');

/** The key pair of a 64-byte seed, as the runtime makes it. */
export function nativeFromSeed(seed: Bytes): { publicKey: Bytes; decapsulate(ciphertext: Bytes): Bytes } {
  const native = crypto as typeof crypto & {
    decapsulate(key: crypto.KeyObject, ciphertext: Bytes): Buffer;
  };
  const der = Buffer.from(concatBytes([PKCS8_PREFIX, seed]));
  const privateKey = native.createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const spki = viewOf(native.createPublicKey(privateKey).export({ format: 'der', type: 'spki' }));
  return {
    publicKey: spki.slice(-1184),
    decapsulate: (ciphertext) => viewOf(native.decapsulate(privateKey, ciphertext)),
  };
}
