/**
 * X25519 (RFC 7748) as X-Wing needs it. Results are promises, because WebCrypto's are.
 */
import type { Bytes } from './bytes.ts';

export interface X25519KeyPair {
  /** 32 bytes. */
  readonly publicKey: Bytes;
  /** @throws for a public key of low order: an all-zero secret is nobody's. */
  deriveSecret(publicKey: Bytes): Promise<Bytes>;
  wipe(): void;
}

export interface X25519 {
  /** @param secret 32 bytes. */
  keyPair(secret: Bytes): Promise<X25519KeyPair>;
}
