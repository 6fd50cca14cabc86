/**
 * PROTOCOL.md 3: the suites. X-Wing is ML-KEM-768 and X25519 side by side; its key is one 32-byte seed, and
 *
 *   seed expanded = SHAKE256(seed, 96) = d || z || X25519 secret key
 *   public key    = ML-KEM public key || X25519 public key
 *   ciphertext    = ML-KEM ciphertext || X25519 ephemeral public key
 *   secret        = SHA3-256(ML-KEM secret || X25519 secret || X25519 ephemeral public key
 *                            || X25519 public key || "\.//^\")
 */
import * as nodeCrypto from 'node:crypto';
import { type Bytes, bytes, join } from './bytes.ts';
import { mlKem } from './post-quantum.ts';

export type SuiteName = 'ML-KEM-768' | 'X-Wing';

export interface Suite {
  readonly name: SuiteName;
  readonly seedBytes: number;
  readonly publicKeyBytes: number;
  readonly ciphertextBytes: number;
  publicKey(seed: Bytes): Bytes;
  /** The input check of FIPS 203 section 7.2, for a key that has its length. */
  isPublicKey(publicKey: Bytes): boolean;
  /** @throws if the KEM does not accept the key */
  encapsulate(publicKey: Bytes): { sharedSecret: Bytes; ciphertext: Bytes };
  /** @throws if the KEM does not accept the ciphertext */
  decapsulate(seed: Bytes, ciphertext: Bytes): Bytes;
}

const KEM_PUBLIC_KEY_BYTES = 1184;
const KEM_CIPHERTEXT_BYTES = 1088;
const KEM_SEED_BYTES = 64;
const X25519_BYTES = 32;
const XWING_SEED_BYTES = 32;
const XWING_EXPANDED_BYTES = 96;
const XWING_LABEL = bytes('\\.//^\\');

const Q = 3329;
const VECTOR_BYTES = 1152;

/** The vector in a key is 12 bits for each coefficient, and each is less than q. What follows is a seed. */
function isReduced(publicKey: Bytes): boolean {
  for (let at = 0; at < VECTOR_BYTES; at += 3) {
    const [low = 0, middle = 0, high = 0] = publicKey.subarray(at, at + 3);
    if ((low | ((middle & 0x0f) << 8)) >= Q || ((middle >> 4) | (high << 4)) >= Q) return false;
  }
  return true;
}

const mlKem768: Suite = {
  name: 'ML-KEM-768',
  seedBytes: KEM_SEED_BYTES,
  publicKeyBytes: KEM_PUBLIC_KEY_BYTES,
  ciphertextBytes: KEM_CIPHERTEXT_BYTES,
  isPublicKey: isReduced,
  ...mlKem,
};

const X25519_DER = {
  secret: Buffer.from('302e020100300506032b656e04220420', 'hex'),
  public: Buffer.from('302a300506032b656e032100', 'hex'),
};

const x25519Secret = (raw: Bytes): nodeCrypto.KeyObject =>
  nodeCrypto.createPrivateKey({ key: join(X25519_DER.secret, raw), format: 'der', type: 'pkcs8' });

function x25519Public(secret: Bytes): Buffer {
  const der = nodeCrypto.createPublicKey(x25519Secret(secret)).export({ format: 'der', type: 'spki' });
  return der.subarray(X25519_DER.public.length);
}

/** @throws if `point` is of low order: the secret would be zero */
function x25519(secret: Bytes, point: Bytes): Buffer {
  const key = join(X25519_DER.public, point);
  const publicKey = nodeCrypto.createPublicKey({ key, format: 'der', type: 'spki' });
  const shared = nodeCrypto.diffieHellman({ privateKey: x25519Secret(secret), publicKey });
  if (shared.every((byte) => byte === 0)) throw new Error('a point of low order');
  return shared;
}

function expanded(seed: Bytes): { kemSeed: Bytes; xSecret: Bytes } {
  const all = nodeCrypto.createHash('shake256', { outputLength: XWING_EXPANDED_BYTES }).update(seed).digest();
  return { kemSeed: all.subarray(0, KEM_SEED_BYTES), xSecret: all.subarray(KEM_SEED_BYTES) };
}

const combined = (kemSecret: Bytes, xShared: Bytes, xEphemeral: Bytes, xPublic: Bytes): Buffer =>
  nodeCrypto
    .createHash('sha3-256')
    .update(join(kemSecret, xShared, xEphemeral, xPublic, XWING_LABEL))
    .digest();

const xWing: Suite = {
  name: 'X-Wing',
  seedBytes: XWING_SEED_BYTES,
  publicKeyBytes: KEM_PUBLIC_KEY_BYTES + X25519_BYTES,
  ciphertextBytes: KEM_CIPHERTEXT_BYTES + X25519_BYTES,
  isPublicKey: isReduced,
  publicKey(seed) {
    const { kemSeed, xSecret } = expanded(seed);
    return join(mlKem.publicKey(kemSeed), x25519Public(xSecret));
  },
  encapsulate(publicKey) {
    const xPublic = publicKey.subarray(KEM_PUBLIC_KEY_BYTES);
    const kem = mlKem.encapsulate(publicKey.subarray(0, KEM_PUBLIC_KEY_BYTES));
    const ephemeral = nodeCrypto.randomBytes(X25519_BYTES);
    const xEphemeral = x25519Public(ephemeral);
    return {
      sharedSecret: combined(kem.sharedSecret, x25519(ephemeral, xPublic), xEphemeral, xPublic),
      ciphertext: join(kem.ciphertext, xEphemeral),
    };
  },
  decapsulate(seed, ciphertext) {
    const { kemSeed, xSecret } = expanded(seed);
    const xEphemeral = ciphertext.subarray(KEM_CIPHERTEXT_BYTES);
    const kemSecret = mlKem.decapsulate(kemSeed, ciphertext.subarray(0, KEM_CIPHERTEXT_BYTES));
    return combined(kemSecret, x25519(xSecret, xEphemeral), xEphemeral, x25519Public(xSecret));
  },
};

export const SUITES: Readonly<Record<SuiteName, Suite>> = { 'ML-KEM-768': mlKem768, 'X-Wing': xWing };
export const isSuite = (name: unknown): name is SuiteName => name === 'ML-KEM-768' || name === 'X-Wing';
