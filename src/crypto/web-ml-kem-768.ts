/**
 * ML-KEM-768 (FIPS 203) by WebCrypto, in browsers that have it. It draws its own randomness, and the private
 * key never leaves it.
 */
import { type Bytes, equalBytes } from './bytes.ts';
import * as mlkem from './ml-kem-768.ts';
import type { Kem } from './primitives.ts';
import type { ModernSubtle } from './web-subtle.ts';

const ALGORITHM = 'ML-KEM-768';
const ENCAPSULATE = ['encapsulateBits'];
const BOTH = ['encapsulateBits', 'decapsulateBits'];

/** The runtime's own after one successful exchange with itself, or undefined. */
export async function webMlKem768(subtle: ModernSubtle): Promise<Kem | undefined> {
  if (typeof subtle.encapsulateBits !== 'function' || typeof subtle.decapsulateBits !== 'function')
    return undefined;
  const kem = over(subtle);
  const pair = await kem.generateKeyPair(unused);
  const { ciphertext, sharedSecret } = await kem.encapsulate(pair.publicKey, unused);
  return equalBytes(await pair.decapsulate(ciphertext), sharedSecret) ? kem : undefined;
}

function over(subtle: ModernSubtle): Kem {
  return {
    ...mlkem.ML_KEM_768,
    async generateKeyPair() {
      const pair = await subtle.generateKey(ALGORITHM, false, BOTH);
      let privateKey: CryptoKey | undefined = pair.privateKey;
      return {
        publicKey: new Uint8Array(await subtle.exportKey('raw-public', pair.publicKey)),
        async decapsulate(ciphertext) {
          if (privateKey === undefined) throw new Error('the key is wiped');
          mlkem.checkCiphertext(ciphertext);
          return new Uint8Array(await subtle.decapsulateBits(ALGORITHM, privateKey, ciphertext));
        },
        wipe() {
          privateKey = undefined;
        },
      };
    },
    async encapsulate(publicKey) {
      mlkem.checkPublicKey(publicKey);
      const key = await subtle.importKey('raw-public', publicKey, ALGORITHM, false, ENCAPSULATE);
      const { ciphertext, sharedKey } = await subtle.encapsulateBits(ALGORITHM, key);
      return { ciphertext: new Uint8Array(ciphertext), sharedSecret: new Uint8Array(sharedKey) };
    },
  };
}

function unused(): Bytes {
  throw new Error('WebCrypto draws its own randomness');
}
