/**
 * Verifies ML-DSA-65 (FIPS 204) by WebCrypto, in browsers that have it with context strings: a client with
 * pins then loads no other code for it. Signing is web-ml-dsa-65-signer.ts's, so that what every client
 * loads can't hold a private key.
 */
import { type Bytes, latin1ToBytes } from './bytes.ts';
import { ML_DSA_65_PUBLIC_KEY_BYTES, type SignatureVerifier } from './signature.ts';
import type { ModernSubtle } from './web-subtle.ts';

const NAME = 'ML-DSA-65';

/** The runtime's own, if it tells a right context from a wrong one; else undefined. */
export async function webMlDsa65(subtle: ModernSubtle): Promise<SignatureVerifier | undefined> {
  try {
    const [message, right, wrong] = ['message', 'right', 'wrong'].map(latin1ToBytes) as [Bytes, Bytes, Bytes];
    const { privateKey, publicKey } = await subtle.generateKey(NAME, false, ['sign', 'verify']);
    const raw = new Uint8Array(await subtle.exportKey('raw-public', publicKey));
    const signature = new Uint8Array(await subtle.sign({ name: NAME, context: right }, privateKey, message));
    const { verify } = verifierOver(subtle);
    if (!(await verify(raw, message, signature, right))) return undefined;
    // A runtime that doesn't know the option would sign and verify without any context.
    return (await verify(raw, message, signature, wrong)) ? undefined : verifierOver(subtle);
  } catch {
    return undefined;
  }
}

function verifierOver(subtle: ModernSubtle): SignatureVerifier {
  return {
    async verify(publicKey, message, signature, context) {
      if (publicKey.length !== ML_DSA_65_PUBLIC_KEY_BYTES) return false;
      try {
        const key = await subtle.importKey('raw-public', publicKey, NAME, false, ['verify']);
        return (await subtle.verify({ name: NAME, context }, key, signature, message)) === true;
      } catch {
        // A key or a signature that can't be decoded is a bad one.
        return false;
      }
    },
  };
}
