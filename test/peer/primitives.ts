/** PROTOCOL.md 2.4: ChaCha20-Poly1305, HMAC, HKDF and SHA-256 of node:crypto. */
import { createCipheriv, createDecipheriv, createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { type Bytes, type Field, input, join } from './bytes.ts';

export const NONCE_BYTES = 12;
export const TAG_BYTES = 16;
export const KEY_BYTES = 32;

/** Everything that goes into one box. */
export interface Sealing {
  readonly key: Bytes;
  readonly nonce: Bytes;
  readonly aad: Bytes;
  readonly plaintext: Bytes;
}

const AEAD = 'chacha20-poly1305';
const TAG_LENGTH = { authTagLength: TAG_BYTES };

export const sha256 = (data: Bytes): Buffer => createHash('sha256').update(data).digest();
export const hmac = (key: Bytes, data: Bytes): Buffer => createHmac('sha256', key).update(data).digest();
export const equal = (one: Bytes, other: Bytes): boolean =>
  one.length === other.length && timingSafeEqual(one, other);

/** ciphertext || tag */
export function seal({ key, nonce, aad, plaintext }: Sealing): Buffer {
  const cipher = createCipheriv(AEAD, key, nonce, TAG_LENGTH);
  cipher.setAAD(aad, { plaintextLength: plaintext.length });
  return join(cipher.update(plaintext), cipher.final(), cipher.getAuthTag());
}

/** undefined if the box does not open. */
export function open(key: Bytes, nonce: Bytes, aad: Bytes, box: Bytes): Buffer | undefined {
  if (box.length < TAG_BYTES) return undefined;
  const ciphertext = box.subarray(0, -TAG_BYTES);
  const decipher = createDecipheriv(AEAD, key, nonce, TAG_LENGTH);
  decipher.setAAD(aad, { plaintextLength: ciphertext.length });
  decipher.setAuthTag(box.subarray(-TAG_BYTES));
  try {
    return join(decipher.update(ciphertext), decipher.final());
  } catch {
    return undefined;
  }
}

export const extract = (salt: Bytes, ikm: Bytes): Buffer => hmac(salt, ikm);

/** HKDF-Expand to 32 bytes, which is one block: HMAC(prk, info || 0x01). The info is always an `input`. */
export const expand = (prk: Bytes, info: readonly Field[]): Buffer =>
  hmac(prk, join(input(info), Uint8Array.of(1)));
