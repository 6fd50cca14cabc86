/**
 * The primitives of a suite, behind one small interface with three implementations:
 * noble (everywhere), node:crypto and WebCrypto (where the runtime has them). All give the same bytes.
 * Which one is used is decided by feature detection, once, at first use.
 */
import type { Bytes } from './bytes.ts';

/** A value, or a promise of one: operations that a runtime may only offer asynchronously (WebCrypto). */
export type MaybePromise<T> = T | Promise<T>;

/** Draws `length` random bytes. Every function that needs randomness takes one of these. */
export type RandomBytes = (length: number) => Bytes;

/** A ChaCha20-Poly1305 key (RFC 8439), imported once and used many times. */
export interface AeadKey {
  /**
   * Seals `pieces`, taken as one message.
   * @param nonce 12 bytes, never used twice under one key.
   * @returns ciphertext || tag (message length + 16 bytes), in pieces that are not to be joined needlessly.
   */
  seal(nonce: Bytes, aad: Bytes, pieces: readonly Bytes[]): MaybePromise<readonly Bytes[]>;
  /**
   * Opens `box`, which is ciphertext || tag.
   * @throws {AeadError} for any box that is not authentic, shorter than a tag included.
   */
  open(nonce: Bytes, aad: Bytes, box: Bytes): MaybePromise<Bytes>;
  /** Destroys the key. To be called when nothing is in flight under it; a later use throws. */
  wipe(): void;
}

/** An AEAD key of a runtime that never needs a promise: noble and node:crypto. */
export interface SyncAeadKey extends AeadKey {
  seal(nonce: Bytes, aad: Bytes, pieces: readonly Bytes[]): readonly Bytes[];
  open(nonce: Bytes, aad: Bytes, box: Bytes): Bytes;
}

/** An HMAC-SHA256 key (RFC 2104), imported once and used many times. */
export interface MacKey {
  /** @returns 32 bytes. */
  mac(data: Bytes): MaybePromise<Bytes>;
  /** Destroys the key; a later use throws. */
  wipe(): void;
}

/** A MAC key of a runtime that never needs a promise: noble and node:crypto. */
export interface SyncMacKey extends MacKey {
  mac(data: Bytes): Bytes;
}

/** A key encapsulation mechanism. */
export interface Kem {
  readonly ciphertextBytes: number;
  /**
   * The input check of an encapsulation (FIPS 203 section 7.2 for ML-KEM), at next to no cost.
   * @throws {RangeError}
   */
  checkPublicKey(publicKey: Bytes): void;
  /** `random` feeds a deterministic implementation; a runtime's own draws its randomness itself. */
  generateKeyPair(random: RandomBytes): MaybePromise<KemKeyPair>;
  /** @throws for a public key that fails the input check of FIPS 203 section 7.2 (length, modulus). */
  encapsulate(publicKey: Bytes, random: RandomBytes): MaybePromise<Encapsulation>;
}

/** An ephemeral key pair. The private half stays inside: it can only decapsulate and be wiped. */
export interface KemKeyPair {
  readonly publicKey: Bytes;
  /**
   * A ciphertext made for another key gives another secret, silently (implicit rejection).
   * @throws {RangeError} for a ciphertext of the wrong length.
   */
  decapsulate(ciphertext: Bytes): MaybePromise<Bytes>;
  wipe(): void;
}

export interface Encapsulation {
  readonly ciphertext: Bytes;
  readonly sharedSecret: Bytes;
}

export interface Primitives {
  readonly name: 'noble' | 'node' | 'web';
  /** @param key 32 bytes, copied. */
  aeadKey(key: Bytes): AeadKey;
  /** The AEAD key that is {@link expand}'s result, which is wiped. */
  deriveAeadKey(prk: MacKey, info: Bytes): AeadKey;
  /** @param key at least one byte, copied. */
  macKey(key: Bytes): MacKey;
  /** SHA-256 (FIPS 180-4): 32 bytes. */
  sha256(data: Bytes): MaybePromise<Bytes>;
  /** HKDF-Extract with SHA-256 (RFC 5869 section 2.2): 32 bytes. */
  extract(salt: Bytes, ikm: Bytes): MaybePromise<Bytes>;
  /** HKDF-Expand with SHA-256 (RFC 5869 section 2.3), under a key that is used for nothing else: 32 bytes. */
  expand(prk: MacKey, info: Bytes): MaybePromise<Bytes>;
  /** ML-KEM-768 (FIPS 203): public key 1184, ciphertext 1088, secret 32 bytes. */
  readonly mlKem768: Kem;
}

/** The primitives of a runtime that never needs a promise for them, but for the KEM. */
export interface SyncPrimitives extends Primitives {
  macKey(key: Bytes): SyncMacKey;
  sha256(data: Bytes): Bytes;
  extract(salt: Bytes, ikm: Bytes): Bytes;
  expand(prk: SyncMacKey, info: Bytes): Bytes;
}

/** What every failed opening throws: no detail, all failures look alike. */
export class AeadError extends Error {
  override readonly name = 'AeadError';
  constructor() {
    super('not authentic');
  }
}
