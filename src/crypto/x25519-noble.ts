/**
 * X25519 (RFC 7748) by noble, for runtimes whose WebCrypto lacks it. Loaded only there: it is large.
 */
import { x25519 } from '@noble/curves/ed25519.js';
import { copySecret, wipe } from './bytes.ts';
import type { X25519 } from './x25519-types.ts';

export const nobleX25519: X25519 = {
  async keyPair(secret) {
    const key = copySecret(secret);
    let wiped = false;
    return {
      publicKey: Uint8Array.from(x25519.getPublicKey(key)),
      async deriveSecret(publicKey) {
        if (wiped) throw new Error('the key is wiped');
        // Throws for a point of low order, whose secret is all zero.
        return Uint8Array.from(x25519.getSharedSecret(key, publicKey));
      },
      wipe() {
        wiped = true;
        wipe(key);
      },
    };
  },
};
