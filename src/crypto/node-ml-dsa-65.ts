/**
 * ML-DSA-65 (FIPS 204) by node:crypto, in runtimes that have it with context strings: Node 24 and later.
 * Keys go in and out as PKCS #8 and SubjectPublicKeyInfo, which are constant prefixes and the key (RFC 9881).
 */
import type * as NodeCrypto from 'node:crypto';
import { type Bytes, concatBytes, latin1ToBytes, viewOf, wipe } from './bytes.ts';
import { ML_DSA_65_PUBLIC_KEY_BYTES, type SignatureVerifier, type Signer } from './signature.ts';

/** SEQUENCE { 0, SEQUENCE { OID 2.16.840.1.101.3.4.3.18 }, OCTET STRING { [0] seed } } as far as the seed. */
const PKCS8_PREFIX: Bytes = /* @__PURE__ */ Uint8Array.from([
  0x30, 0x34, 0x02, 0x01, 0x00, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x12,
  0x04, 0x22, 0x80, 0x20,
]);

/** SEQUENCE { SEQUENCE { OID 2.16.840.1.101.3.4.3.18 }, BIT STRING } as far as the key itself. */
const SPKI_PREFIX: Bytes = /* @__PURE__ */ Uint8Array.from([
  0x30, 0x82, 0x07, 0xb2, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x12, 0x03,
  0x82, 0x07, 0xa1, 0x00,
]);

/** What the types of Node 20 don't know yet. */
interface KeyWithContext {
  readonly key: NodeCrypto.KeyObject;
  readonly context: Bytes;
}

export interface NodeMlDsa65 {
  readonly verifier: SignatureVerifier;
  createSigner(seed: Bytes, keyId: string): Signer;
}

/** The runtime's own ML-DSA-65, if it signs and tells a right context from a wrong one; else undefined. */
export function nodeMlDsa65(crypto: typeof NodeCrypto): NodeMlDsa65 | undefined {
  try {
    const found = over(crypto);
    const signer = found.createSigner(new Uint8Array(32), 'probe');
    const [message, right, wrong] = ['message', 'right', 'wrong'].map(latin1ToBytes) as [Bytes, Bytes, Bytes];
    const signature = signer.sign(message, right) as Bytes;
    const { verify } = found.verifier;
    if (verify(signer.publicKey, message, signature, right) !== true) return undefined;
    // A runtime that doesn't know the option would sign and verify without any context.
    return verify(signer.publicKey, message, signature, wrong) === false ? found : undefined;
  } catch {
    return undefined;
  }
}

function over(crypto: typeof NodeCrypto): NodeMlDsa65 {
  return {
    verifier: {
      verify(publicKey, message, signature, context) {
        // OpenSSL would take a longer key, and ignore what is over.
        if (publicKey.length !== ML_DSA_65_PUBLIC_KEY_BYTES) return false;
        try {
          const spki = Buffer.from(concatBytes([SPKI_PREFIX, publicKey]));
          const key = crypto.createPublicKey({ key: spki, format: 'der', type: 'spki' });
          return crypto.verify(null, message, withContext(key, context), signature);
        } catch {
          // A key or a signature that can't be decoded is a bad one.
          return false;
        }
      },
    },
    createSigner(seed, keyId) {
      const key = importPrivateKey(crypto, concatBytes([PKCS8_PREFIX, seed]));
      const spki = viewOf(crypto.createPublicKey(key).export({ format: 'der', type: 'spki' }));
      return {
        keyId,
        publicKey: spki.slice(-ML_DSA_65_PUBLIC_KEY_BYTES),
        // Hedged: OpenSSL draws fresh randomness for each signature.
        sign: (message, context) => viewOf(crypto.sign(null, message, withContext(key, context))),
      };
    },
  };
}

/** Wipes the bytes of the key. */
function importPrivateKey(crypto: typeof NodeCrypto, pkcs8: Bytes): NodeCrypto.KeyObject {
  try {
    return crypto.createPrivateKey({ key: Buffer.from(pkcs8.buffer), format: 'der', type: 'pkcs8' });
  } finally {
    wipe(pkcs8);
  }
}

function withContext(key: NodeCrypto.KeyObject, context: Bytes): NodeCrypto.KeyObject {
  const given: KeyWithContext = { key, context };
  return given as unknown as NodeCrypto.KeyObject;
}
