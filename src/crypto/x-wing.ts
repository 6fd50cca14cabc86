/**
 * X-Wing (draft-connolly-cfrg-xwing-kem): ML-KEM-768 and X25519 in one KEM, which holds as long as
 * either of them does. Loaded on demand.
 *
 *   public key = pk_M || pk_X        ciphertext = ct_M || ct_X
 *   secret     = SHA3-256(ss_M || ss_X || ct_X || pk_X || "\.//^\")
 *
 * X25519 is the runtime's own (WebCrypto), which every current one has; noble's X-Wing stands in elsewhere.
 */
import { sha3_256, shake256 } from '@noble/hashes/sha3.js';
import { type Bytes, concatBytes, copySecret, latin1ToBytes, secretBytes, wipe } from './bytes.ts';
import type { Encapsulation, Kem, KemKeyPair, RandomBytes } from './primitives.ts';
import { checkPublicKey, splitCiphertext, splitPublicKey, X_WING_CIPHERTEXT_BYTES } from './x-wing-sizes.ts';
import { loadX25519 } from './x25519.ts';
import type { X25519, X25519KeyPair } from './x25519-types.ts';

const LABEL: Bytes = latin1ToBytes('\\.//^\\');
const SEED_BYTES = 32;
/** SHAKE-256 of the seed: d || z of ML-KEM, then the X25519 secret. */
const EXPANDED_BYTES = 96;
const ML_KEM_SEED_BYTES = 64;
const SECRET_BYTES = 32;

/** @param mlKem768 which draws its own randomness where it is the runtime's. */
export function createXWing(mlKem768: Kem): Kem {
  return {
    ciphertextBytes: X_WING_CIPHERTEXT_BYTES,
    checkPublicKey: (publicKey) => checkPublicKey(publicKey, mlKem768),
    generateKeyPair: async (random) => generateKeyPair(mlKem768, await loadX25519(), random),
    encapsulate: async (publicKey, random) => encapsulate(mlKem768, await loadX25519(), publicKey, random),
  };
}

async function generateKeyPair(mlKem768: Kem, x25519: X25519, random: RandomBytes): Promise<KemKeyPair> {
  const seed = expand(random(SEED_BYTES));
  try {
    const mlKem = await mlKem768.generateKeyPair(() => copySecret(seed.subarray(0, ML_KEM_SEED_BYTES)));
    try {
      return keyPairOf(mlKem, await x25519.keyPair(seed.subarray(ML_KEM_SEED_BYTES)));
    } catch (error) {
      mlKem.wipe();
      throw error;
    }
  } finally {
    wipe(seed);
  }
}

/** Wipes the seed. */
function expand(seed: Bytes): Bytes {
  const expanded = secretBytes(EXPANDED_BYTES);
  shake256.create({ dkLen: EXPANDED_BYTES }).update(seed).digestInto(expanded);
  wipe(seed);
  return expanded;
}

function keyPairOf(mlKem: KemKeyPair, x: X25519KeyPair): KemKeyPair {
  return {
    publicKey: concatBytes([mlKem.publicKey, x.publicKey]),
    async decapsulate(ciphertext) {
      const [ctM, ctX] = splitCiphertext(ciphertext);
      const ssM = await mlKem.decapsulate(ctM);
      try {
        return combine(ssM, await x.deriveSecret(ctX), ctX, x.publicKey);
      } finally {
        wipe(ssM);
      }
    },
    wipe() {
      mlKem.wipe();
      x.wipe();
    },
  };
}

async function encapsulate(
  mlKem768: Kem,
  x25519: X25519,
  publicKey: Bytes,
  random: RandomBytes,
): Promise<Encapsulation> {
  const [pkM, pkX] = splitPublicKey(publicKey);
  const { ciphertext: ctM, sharedSecret: ssM } = await mlKem768.encapsulate(pkM, random);
  try {
    const ephemeral = await drawKeyPair(x25519, random);
    try {
      const ctX = ephemeral.publicKey;
      const sharedSecret = combine(ssM, await ephemeral.deriveSecret(pkX), ctX, pkX);
      return { ciphertext: concatBytes([ctM, ctX]), sharedSecret };
    } finally {
      ephemeral.wipe();
    }
  } finally {
    wipe(ssM);
  }
}

async function drawKeyPair(x25519: X25519, random: RandomBytes): Promise<X25519KeyPair> {
  const secret = random(SECRET_BYTES);
  try {
    return await x25519.keyPair(secret);
  } finally {
    wipe(secret);
  }
}

/** Wipes the X25519 secret. */
function combine(ssM: Bytes, ssX: Bytes, ctX: Bytes, pkX: Bytes): Bytes {
  const joined = concatBytes([ssM, ssX, ctX, pkX, LABEL]);
  const secret = secretBytes(SECRET_BYTES);
  sha3_256.create().update(joined).digestInto(secret);
  wipe(ssX, joined);
  return secret;
}
