/** Signs ML-DSA-65 (FIPS 204, pure, hedged) by WebCrypto. Loaded on demand, by a client that has an identity. */
import type { Bytes } from './bytes.ts';
import { ML_DSA_65_PUBLIC_KEY_BYTES, ML_DSA_65_SEED_BYTES, type Signer } from './signature.ts';
import type { ModernSubtle } from './web-subtle.ts';

const NAME = 'ML-DSA-65';

/** @param seed 32 bytes, copied. @throws {RangeError} for a seed of another length. */
export async function createWebSigner(subtle: ModernSubtle, seed: Bytes, keyId: string): Promise<Signer> {
  if (seed.length !== ML_DSA_65_SEED_BYTES) throw new RangeError('an ML-DSA-65 seed has 32 bytes');
  const key = await subtle.importKey('raw-seed', seed, NAME, false, ['sign']);
  const publicKey = new Uint8Array(
    await subtle.exportKey('raw-public', await subtle.getPublicKey(key, ['verify'])),
  );
  if (publicKey.length !== ML_DSA_65_PUBLIC_KEY_BYTES)
    throw new Error('this runtime exports ML-DSA-65 keys in another form');
  return {
    keyId,
    publicKey,
    sign: async (message, context) =>
      new Uint8Array(await subtle.sign({ name: NAME, context }, key, message)),
  };
}
