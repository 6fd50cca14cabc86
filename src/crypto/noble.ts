/**
 * The primitives by noble, audited JavaScript that runs everywhere: ChaCha20-Poly1305 (RFC 8439), ML-KEM-768
 * (FIPS 203), and what noble-hash.ts has.
 * Keys are copied on the way in, since noble's objects hold what they are given by reference.
 */
import { chacha20poly1305 } from '@noble/ciphers/chacha.js';
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import { checkKey, checkNonce, TAG_BYTES } from './aead-sizes.ts';
import { type Bytes, byteLength, copySecret, wipe } from './bytes.ts';
import { hkdfExpandTo } from './hkdf.ts';
import * as mlkem from './ml-kem-768.ts';
import { nobleHashes } from './noble-hash.ts';
import { AeadError, type Kem, type SyncAeadKey, type SyncPrimitives } from './primitives.ts';

/** Seals and opens at once; {@link noblePrimitives} shows it as an AeadKey. */
export function nobleAeadKey(rawKey: Bytes): SyncAeadKey {
  checkKey(rawKey);
  const key = copySecret(rawKey);
  let wiped = false;
  function cipher(nonce: Bytes, aad: Bytes): ReturnType<typeof chacha20poly1305> {
    // Without this check a wiped key would go on sealing, under zeros.
    if (wiped) throw new Error('the key is wiped');
    checkNonce(nonce);
    return chacha20poly1305(key, nonce, aad);
  }
  return {
    seal(nonce, aad, pieces) {
      const sealing = cipher(nonce, aad);
      const length = byteLength(pieces);
      const box = new Uint8Array(length + TAG_BYTES);
      let at = 0;
      for (const piece of pieces) {
        box.set(piece, at);
        at += piece.length;
      }
      // In place: the joined plaintext is overwritten by its own ciphertext.
      sealing.encrypt(box.subarray(0, length), box);
      return [box];
    },
    open(nonce, aad, box) {
      const opening = cipher(nonce, aad);
      if (box.length < TAG_BYTES) throw new AeadError();
      const plain = new Uint8Array(box.length - TAG_BYTES);
      try {
        // noble compares the tag before it decrypts anything.
        opening.decrypt(box, plain);
      } catch {
        throw new AeadError();
      }
      return plain;
    },
    wipe() {
      wiped = true;
      wipe(key);
    },
  };
}

/**
 * noble's ML-KEM-768: `random(64)` (d || z) for a key pair, `random(32)` (m) for an encapsulation, both
 * wiped after use; fixed randomness gives fixed bytes.
 */
export const nobleMlKem768: Kem = {
  ...mlkem.ML_KEM_768,
  generateKeyPair(random) {
    const seed = random(64);
    const { publicKey, secretKey } = ml_kem768.keygen(seed);
    wipe(seed);
    let wiped = false;
    return {
      publicKey,
      decapsulate(ciphertext) {
        if (wiped) throw new Error('the key is wiped');
        mlkem.checkCiphertext(ciphertext);
        return ml_kem768.decapsulate(ciphertext, secretKey);
      },
      wipe() {
        wiped = true;
        wipe(secretKey);
      },
    };
  },
  encapsulate(publicKey, random) {
    mlkem.checkPublicKey(publicKey);
    const m = random(32);
    const { cipherText, sharedSecret } = ml_kem768.encapsulate(publicKey, m);
    wipe(m);
    return { ciphertext: cipherText, sharedSecret };
  },
};

export const noblePrimitives: SyncPrimitives = {
  name: 'noble',
  aeadKey: nobleAeadKey,
  deriveAeadKey: hkdfExpandTo(nobleAeadKey),
  ...nobleHashes,
  mlKem768: nobleMlKem768,
};
