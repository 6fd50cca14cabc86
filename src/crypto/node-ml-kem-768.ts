/**
 * ML-KEM-768 (FIPS 203) by node:crypto, in runtimes that have it: Node 24.7, Deno 2.9, Bun 1.4 and
 * later. It draws its own randomness. Public keys go in and out as SubjectPublicKeyInfo, which is a
 * constant prefix and the key (RFC 9935 section 4).
 */
import type * as NodeCrypto from 'node:crypto';
import { type Bytes, concatBytes, equalBytes, viewOf } from './bytes.ts';
import * as mlkem from './ml-kem-768.ts';
import type { Kem } from './primitives.ts';

/** What the types of Node 20 don't know yet. */
interface KemCrypto {
  generateKeyPairSync(type: 'ml-kem-768'): NodeCrypto.KeyPairKeyObjectResult;
  encapsulate(publicKey: NodeCrypto.KeyObject): { sharedKey: Buffer; ciphertext: Buffer };
  decapsulate(privateKey: NodeCrypto.KeyObject, ciphertext: Bytes): Buffer;
}

/** SEQUENCE { SEQUENCE { OID 2.16.840.1.101.3.4.4.2 }, BIT STRING } as far as the key itself. */
const SPKI_PREFIX: Bytes = /* @__PURE__ */ Uint8Array.from([
  0x30, 0x82, 0x04, 0xb2, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x04, 0x02, 0x03,
  0x82, 0x04, 0xa1, 0x00,
]);

/** The runtime's own ML-KEM-768 after one successful exchange with itself, or undefined. */
export function nodeMlKem768(crypto: typeof NodeCrypto): Kem | undefined {
  try {
    if (!hasKem(crypto)) return undefined;
    const { publicKey, privateKey } = crypto.generateKeyPairSync('ml-kem-768');
    const { ciphertext, sharedKey } = crypto.encapsulate(importPublicKey(crypto, exportPublicKey(publicKey)));
    const again = crypto.decapsulate(privateKey, viewOf(ciphertext));
    return equalBytes(viewOf(sharedKey), viewOf(again)) ? over(crypto) : undefined;
  } catch {
    return undefined;
  }
}

function hasKem(crypto: object): crypto is typeof NodeCrypto & KemCrypto {
  return 'encapsulate' in crypto && 'decapsulate' in crypto;
}

function over(crypto: typeof NodeCrypto & KemCrypto): Kem {
  return {
    ...mlkem.ML_KEM_768,
    generateKeyPair() {
      const pair = crypto.generateKeyPairSync('ml-kem-768');
      let privateKey: NodeCrypto.KeyObject | undefined = pair.privateKey;
      return {
        publicKey: exportPublicKey(pair.publicKey),
        decapsulate(ciphertext) {
          if (privateKey === undefined) throw new Error('the key is wiped');
          mlkem.checkCiphertext(ciphertext);
          return viewOf(crypto.decapsulate(privateKey, ciphertext));
        },
        wipe() {
          privateKey = undefined;
        },
      };
    },
    encapsulate(publicKey) {
      mlkem.checkPublicKey(publicKey);
      const { ciphertext, sharedKey } = crypto.encapsulate(importPublicKey(crypto, publicKey));
      return { ciphertext: viewOf(ciphertext), sharedSecret: viewOf(sharedKey) };
    },
  };
}

function exportPublicKey(key: NodeCrypto.KeyObject): Bytes {
  const der = viewOf(key.export({ format: 'der', type: 'spki' }));
  const prefix = der.subarray(0, SPKI_PREFIX.length);
  if (der.length !== SPKI_PREFIX.length + mlkem.PUBLIC_KEY_BYTES || !equalBytes(prefix, SPKI_PREFIX)) {
    throw new Error('this runtime exports ML-KEM-768 keys in another form');
  }
  return der.slice(SPKI_PREFIX.length);
}

function importPublicKey(crypto: typeof NodeCrypto, publicKey: Bytes): NodeCrypto.KeyObject {
  const key = Buffer.from(concatBytes([SPKI_PREFIX, publicKey]));
  return crypto.createPublicKey({ key, format: 'der', type: 'spki' });
}
