/**
 * The primitives by node:crypto: the same functions as noble.ts in native code, all of them
 * synchronous, with keys imported once as KeyObjects. Reached by process.getBuiltinModule, so that no
 * bundler ever sees an import of a node: module. ML-KEM is node-ml-kem-768.ts's.
 */
import type * as NodeCrypto from 'node:crypto';
import { checkKey, checkNonce, KEY_BYTES, NONCE_BYTES, TAG_BYTES } from './aead-sizes.ts';
import { type Bytes, byteLength, concatBytes, copySecret, equalBytes, viewOf, wipe } from './bytes.ts';
import { hkdfExpand } from './hkdf.ts';
import { nobleAeadKey, nobleMlKem768, noblePrimitives } from './noble.ts';
import { nodeMlKem768 } from './node-ml-kem-768.ts';
import { AeadError, type SyncAeadKey, type SyncMacKey, type SyncPrimitives } from './primitives.ts';
import { nodeCrypto } from './runtime.ts';

const CIPHER = 'chacha20-poly1305';
/** The types ask for a length that only CCM reads. */
const UNUSED = { plaintextLength: 0 };
const TAG_LENGTH = { authTagLength: TAG_BYTES };

/**
 * The native primitives, or undefined in a runtime that lacks one of them. Tried, not looked up by
 * name: several runtimes carry a node:crypto in which some functions always throw.
 */
export function nodePrimitives(): SyncPrimitives | undefined {
  const crypto = nodeCrypto();
  if (crypto === undefined) return undefined;
  try {
    const primitives = over(crypto);
    return agrees(crypto, primitives) ? primitives : undefined;
  } catch {
    return undefined;
  }
}

function over(crypto: typeof NodeCrypto): SyncPrimitives {
  const { createHmac, createHash, createSecretKey } = crypto;
  // Since Node 20.12, and half as dear as a Hash object.
  const { hash }: Partial<Pick<typeof crypto, 'hash'>> = crypto;
  return {
    name: 'node',
    aeadKey: (key) => aeadKey(crypto, copySecret(key)),
    deriveAeadKey: (prk: SyncMacKey, info) => aeadKey(crypto, hkdfExpand(prk, info)),
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

/** Seals, opens and authenticates one message and compares with noble: well under a millisecond, once. */
function agrees(crypto: typeof NodeCrypto, primitives: SyncPrimitives): boolean {
  const secret = new Uint8Array(KEY_BYTES).fill(1);
  const nonce = new Uint8Array(NONCE_BYTES).fill(2);
  const message = new Uint8Array(70).fill(3);
  const native = aeadKey(crypto, copySecret(secret));
  const [noble] = nobleAeadKey(secret).seal(nonce, secret, [message]);
  return (
    noble !== undefined &&
    equalBytes(concatBytes(native.seal(nonce, secret, [message])), noble) &&
    equalBytes(native.open(nonce, secret, noble), message) &&
    equalBytes(primitives.extract(secret, message), noblePrimitives.extract(secret, message)) &&
    equalBytes(primitives.sha256(message), noblePrimitives.sha256(message))
  );
}

/** @param rawKey is wiped with the key. */
function aeadKey(crypto: typeof NodeCrypto, rawKey: Bytes): SyncAeadKey {
  checkKey(rawKey);
  let key: Bytes | NodeCrypto.KeyObject | undefined = rawKey;
  if (!keepsRaw(crypto)) {
    key = crypto.createSecretKey(rawKey);
    wipe(rawKey);
  }
  function usable(nonce: Bytes): Bytes | NodeCrypto.KeyObject {
    if (key === undefined) throw new Error('the key is wiped');
    // Node takes shorter nonces too.
    checkNonce(nonce);
    return key;
  }
  return {
    seal(nonce, aad, pieces) {
      const cipher = crypto.createCipheriv(CIPHER, usable(nonce), nonce, TAG_LENGTH);
      if (aad.length > 0) cipher.setAAD(aad, UNUSED);
      const box: Bytes[] = [];
      for (const piece of joinShort(pieces)) if (piece.length > 0) box.push(viewOf(cipher.update(piece)));
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
      wipe(rawKey);
      key = undefined;
    },
  };
}

/**
 * Whether cipher keys are kept as bytes. A KeyObject for each answer costs Node 20 and 22 4 us, garbage
 * collection included; Node 24 is quick at making them, and takes 10 us more for bytes.
 */
function keepsRaw(crypto: typeof NodeCrypto): boolean {
  return !('encapsulate' in crypto);
}

/** Up to here a copy is cheaper than a call into native code for each piece. */
const SHORT_BYTES = 16 * 1024;

function joinShort(pieces: readonly Bytes[]): readonly Bytes[] {
  return pieces.length > 1 && byteLength(pieces) <= SHORT_BYTES ? [concatBytes(pieces)] : pieces;
}

function macKey(crypto: typeof NodeCrypto, rawKey: Bytes): SyncMacKey {
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
