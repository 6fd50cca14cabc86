/**
 * The primitives by node:crypto: the same functions as noble.ts in native code, all of them
 * synchronous, with keys imported once as KeyObjects. Reached by process.getBuiltinModule, so that no
 * bundler ever sees an import of a node: module. ML-KEM is node-kem.ts's.
 */
import type * as NodeCrypto from 'node:crypto';
import { type Bytes, viewOf } from './bytes.ts';
import { hkdfExpand } from './hkdf.ts';
import { nobleMlKem768 } from './noble.ts';
import { nodeMlKem768 } from './node-kem.ts';
import { AeadError, type AeadKey, type MacKey, type Primitives } from './primitives.ts';
import { nodeCrypto } from './runtime.ts';
import { KEY_BYTES, NONCE_BYTES, TAG_BYTES } from './sizes.ts';

const CIPHER = 'chacha20-poly1305';
/** The types ask for a length that only CCM reads. */
const UNUSED = { plaintextLength: 0 };
const TAG_LENGTH = { authTagLength: TAG_BYTES };

/**
 * The native primitives, or undefined in a runtime that lacks one of them. Tried, not looked up by
 * name: several runtimes carry a node:crypto in which some functions always throw.
 */
export function nodePrimitives(): Primitives | undefined {
  const crypto = nodeCrypto();
  if (crypto === undefined) return undefined;
  try {
    const primitives = over(crypto);
    return works(primitives) ? primitives : undefined;
  } catch {
    return undefined;
  }
}

function over(crypto: typeof NodeCrypto): Primitives {
  const { createHmac, createHash, createSecretKey } = crypto;
  // Since Node 20.12, and half as dear as a Hash object.
  const { hash }: Partial<Pick<typeof crypto, 'hash'>> = crypto;
  return {
    name: 'node',
    aeadKey: (key) => aeadKey(crypto, key),
    macKey: (key) => macKey(crypto, key),
    sha256: (data) =>
      viewOf(
        hash === undefined ? createHash('sha256').update(data).digest() : hash('sha256', data, 'buffer'),
      ),
    extract: (salt, ikm) => viewOf(createHmac('sha256', createSecretKey(salt)).update(ikm).digest()),
    expand: hkdfExpand,
    mlKem768: nodeMlKem768(crypto) ?? nobleMlKem768,
  };
}

/** RFC 8439 with the zero key and nonce and nothing to seal, opened again. */
function works(primitives: Primitives): boolean {
  const key = primitives.aeadKey(new Uint8Array(KEY_BYTES));
  const nonce = new Uint8Array(NONCE_BYTES);
  const tag = Uint8Array.from([
    0x4e, 0xb9, 0x72, 0xc9, 0xa8, 0xfb, 0x3a, 0x1b, 0x38, 0x2b, 0xb4, 0xd3, 0x6f, 0x5f, 0xfa, 0xd1,
  ]);
  const opened = key.open(nonce, new Uint8Array(0), tag);
  const extracted = primitives.extract(new Uint8Array(0), nonce);
  return 'length' in opened && opened.length === 0 && extracted.length === primitives.sha256(nonce).length;
}

function aeadKey(crypto: typeof NodeCrypto, rawKey: Bytes): AeadKey {
  if (rawKey.length !== KEY_BYTES) throw new RangeError('a ChaCha20-Poly1305 key has 32 bytes');
  let key: NodeCrypto.KeyObject | undefined = crypto.createSecretKey(rawKey);
  function usable(nonce: Bytes): NodeCrypto.KeyObject {
    if (key === undefined) throw new Error('the key is wiped');
    // Node takes shorter nonces too.
    if (nonce.length !== NONCE_BYTES) throw new RangeError('a ChaCha20-Poly1305 nonce has 12 bytes');
    return key;
  }
  return {
    seal(nonce, aad, pieces) {
      const cipher = crypto.createCipheriv(CIPHER, usable(nonce), nonce, TAG_LENGTH);
      if (aad.length > 0) cipher.setAAD(aad, UNUSED);
      const box: Bytes[] = [];
      for (const piece of pieces) if (piece.length > 0) box.push(viewOf(cipher.update(piece)));
      cipher.final(); // a stream cipher has nothing left to give here
      box.push(viewOf(cipher.getAuthTag()));
      return box;
    },
    open(nonce, aad, box) {
      const decipher = crypto.createDecipheriv(CIPHER, usable(nonce), nonce, TAG_LENGTH);
      const end = box.length - TAG_BYTES;
      if (end < 0) throw new AeadError();
      decipher.setAuthTag(box.subarray(end));
      if (aad.length > 0) decipher.setAAD(aad, UNUSED);
      // Decrypts before it authenticates: nothing of it may leave unless final() agrees.
      const plain = viewOf(decipher.update(box.subarray(0, end)));
      try {
        decipher.final();
      } catch {
        plain.fill(0);
        throw new AeadError();
      }
      return plain;
    },
    wipe() {
      key = undefined;
    },
  };
}

function macKey(crypto: typeof NodeCrypto, rawKey: Bytes): MacKey {
  let key: NodeCrypto.KeyObject | undefined = crypto.createSecretKey(rawKey);
  return {
    mac(data) {
      if (key === undefined) throw new Error('the key is wiped');
      return viewOf(crypto.createHmac('sha256', key).update(data).digest());
    },
    wipe() {
      key = undefined;
    },
  };
}
