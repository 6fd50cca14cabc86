/**
 * What rests on SHA-256 alone, by noble: SHA-256 (FIPS 180-4), HMAC (RFC 2104), HKDF (RFC 5869).
 */
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { secretBytes } from './bytes.ts';
import { hkdfExpand } from './hkdf.ts';
import type { SyncMacKey, SyncPrimitives } from './primitives.ts';

function macKey(key: Uint8Array): SyncMacKey {
  // Holds the two hash states of RFC 2104 after the key, not the key.
  const keyed = hmac.create(sha256, key);
  let wiped = false;
  return {
    mac(data) {
      if (wiped) throw new Error('the key is wiped');
      const digest = secretBytes(sha256.outputLen);
      keyed.clone().update(data).digestInto(digest);
      return digest;
    },
    wipe() {
      wiped = true;
      keyed.destroy();
    },
  };
}

export const nobleHashes: Pick<SyncPrimitives, 'macKey' | 'sha256' | 'extract' | 'expand'> = {
  macKey,
  sha256: (data) => sha256(data),
  extract: (salt, ikm) => hmac(sha256, salt, ikm),
  expand: hkdfExpand,
};
