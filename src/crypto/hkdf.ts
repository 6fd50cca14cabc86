/**
 * HKDF-Expand with SHA-256 (RFC 5869 section 2.3) to one block, which is as long as every key here, over an imported
 * HMAC key, so that a secret from which many keys are derived is imported once.
 *   OKM = T(1) = HMAC(PRK, info || 0x01)
 */
import { type Bytes, wipe } from './bytes.ts';
import type { AeadKey, SyncMacKey } from './primitives.ts';

/** What HKDF-Expand authenticates. */
export function firstBlock(info: Bytes): Bytes {
  const block = new Uint8Array(info.length + 1);
  block.set(info);
  block[info.length] = 1;
  return block;
}

/** @returns 32 bytes. */
export function hkdfExpand(prk: SyncMacKey, info: Bytes): Bytes {
  return prk.mac(firstBlock(info));
}

/** HKDF-Expand to a key that nobody sees as bytes. */
export function hkdfExpandTo(aeadKey: (key: Bytes) => AeadKey): (prk: SyncMacKey, info: Bytes) => AeadKey {
  return (prk, info) => {
    const raw = hkdfExpand(prk, info);
    const key = aeadKey(raw);
    wipe(raw);
    return key;
  };
}
