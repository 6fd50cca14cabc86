/** The parts of WebCrypto's SubtleCrypto (Modern Algorithms) that are newer than the types. */
import type { Bytes } from './bytes.ts';
import { webCrypto } from './runtime.ts';

export interface ModernSubtle {
  generateKey(
    algorithm: 'ML-KEM-768' | 'ML-DSA-65',
    extractable: false,
    usages: readonly string[],
  ): Promise<CryptoKeyPair>;
  importKey(
    format: 'raw' | 'raw-secret' | 'raw-public' | 'raw-seed',
    data: Bytes,
    algorithm: string | { readonly name: 'HMAC'; readonly hash: 'SHA-256' },
    extractable: boolean,
    usages: readonly string[],
  ): Promise<CryptoKey>;
  exportKey(format: 'raw-public', key: CryptoKey): Promise<ArrayBuffer>;
  getPublicKey(privateKey: CryptoKey, usages: readonly string[]): Promise<CryptoKey>;
  encrypt(algorithm: AeadParams, key: CryptoKey, data: Bytes): Promise<ArrayBuffer>;
  decrypt(algorithm: AeadParams, key: CryptoKey, data: Bytes): Promise<ArrayBuffer>;
  encapsulateBits(
    algorithm: 'ML-KEM-768',
    publicKey: CryptoKey,
  ): Promise<{ readonly ciphertext: ArrayBuffer; readonly sharedKey: ArrayBuffer }>;
  decapsulateBits(algorithm: 'ML-KEM-768', privateKey: CryptoKey, ciphertext: Bytes): Promise<ArrayBuffer>;
  sign(algorithm: SignatureParams | 'HMAC', key: CryptoKey, data: Bytes): Promise<ArrayBuffer>;
  verify(algorithm: SignatureParams, key: CryptoKey, signature: Bytes, data: Bytes): Promise<boolean>;
  digest(algorithm: 'SHA-256', data: Bytes): Promise<ArrayBuffer>;
}

interface AeadParams {
  readonly name: 'ChaCha20-Poly1305';
  readonly iv: Bytes;
  readonly additionalData: Bytes;
  readonly tagLength: 128;
}

interface SignatureParams {
  readonly name: 'ML-DSA-65';
  readonly context: Bytes;
}

/** As it is, whatever it can do; undefined in a page without TLS, where there is none. */
export function modernSubtle(): ModernSubtle | undefined {
  return webCrypto()?.subtle as ModernSubtle | undefined;
}
