/**
 * Notes every secret of the process that imports this first: what is drawn, agreed, derived or imported as a key.
 * They are noted byte by byte under a mask, so that the notes are in no spelling what is looked for.
 */
import { type Bytes, bytesToLatin1, wipe } from '../../src/crypto/bytes.ts';
import { nobleMlKem768 } from '../../src/crypto/noble.ts';
import type { Kem, SyncMacKey, SyncPrimitives } from '../../src/crypto/primitives.ts';
import { primitives } from '../../src/crypto/select.ts';
import { LABEL_RECORD_SEAL_KEY } from '../../src/protocol/constants.ts';

/** How it came about. All of these are over when the session is. */
type SessionSecretKind = 'drawn' | 'agreed' | 'derived' | 'imported';

/**
 * 'store': the keys that seal records, which a server keeps. 'noble': what its ML-KEM leaves a copy of on the
 * heap, as SECURITY.md says.
 */
export type SecretKind = SessionSecretKind | 'store' | 'noble';

const OF_SESSIONS: readonly SecretKind[] = ['drawn', 'agreed', 'derived', 'imported'];

export const isOfSession = ({ kind }: { readonly kind: string }): boolean =>
  OF_SESSIONS.some((one) => one === kind);

export interface NotedSecret {
  readonly kind: SecretKind;
  /** Hexadecimal, each byte XORed with the mask. */
  readonly masked: string;
}

const MASK = 0xa5;
/** Keys and seeds; a nonce or an id is shorter. */
const KEY_BYTES = 32;
const LONGEST_BYTES = 96;

const noted = new Map<string, SecretKind>();
/** Drawn like a key, and told to everybody: the salt of a sealed record. */
const told = new Set<string>();

function mask(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => (byte ^ MASK).toString(16).padStart(2, '0')).join('');
}

export function unmask(masked: string): Buffer {
  return Buffer.from(Buffer.from(masked, 'hex').map((byte) => byte ^ MASK));
}

export function note(bytes: Uint8Array, kind: SecretKind): void {
  // Not the key of zeros that a request of no session is checked with.
  const isKey = bytes.length >= KEY_BYTES && bytes.length <= LONGEST_BYTES;
  if (!isKey || bytes.every((byte) => byte === 0)) return;
  const masked = mask(bytes);
  // What a key is imported from has been noted before, for what it is.
  if (!isOfSession({ kind }) || !noted.has(masked)) noted.set(masked, kind);
}

export function notedSecrets(): readonly NotedSecret[] {
  return [...noted].filter(([masked]) => !told.has(masked)).map(([masked, kind]) => ({ kind, masked }));
}

/** The object that all of the library takes its primitives from. */
type Replaceable = { -readonly [Name in keyof SyncPrimitives]: SyncPrimitives[Name] };

export function noteSecrets(): void {
  const p = primitives() as Replaceable;
  const { aeadKey, deriveAeadKey, macKey, extract, expand } = p;
  p.aeadKey = (key) => {
    note(key, 'imported');
    return aeadKey(key);
  };
  p.macKey = (key) => {
    note(key, 'imported');
    return macKey(key);
  };
  p.extract = (salt, ikm) => {
    told.add(mask(salt));
    // The secret of a handshake, and behind it that of the session before.
    for (let at = 0; at < ikm.length; at += KEY_BYTES) note(ikm.subarray(at, at + KEY_BYTES), 'agreed');
    return noting(extract(salt, ikm), 'derived');
  };
  p.expand = (prk, info) => {
    // What seals a record tells no more than the store key, and that stays.
    const kind = bytesToLatin1(info).includes(LABEL_RECORD_SEAL_KEY) ? 'store' : 'derived';
    return noting(expand(prk, info), kind);
  };
  p.deriveAeadKey = (prk: SyncMacKey, info) => {
    wipe(noting(expand(prk, info), 'derived'));
    return deriveAeadKey(prk, info);
  };
  p.mlKem768 = notingKem(p.mlKem768);
  noteDraws();
}

function noting(secret: Bytes, kind: SecretKind): Bytes {
  note(secret, kind);
  return secret;
}

function notingKem(kem: Kem): Kem {
  const kind: SecretKind = kem === nobleMlKem768 ? 'noble' : 'agreed';
  return {
    ...kem,
    generateKeyPair: async (random) => {
      const pair = await kem.generateKeyPair((length) => noting(random(length), 'drawn'));
      return {
        ...pair,
        decapsulate: async (ciphertext) => noting(await pair.decapsulate(ciphertext), kind),
      };
    },
    encapsulate: async (publicKey, random) => {
      // What the shared secret is made from, which the other end decrypts.
      const encapsulation = await kem.encapsulate(publicKey, (length) => noting(random(length), kind));
      note(encapsulation.sharedSecret, kind);
      return encapsulation;
    },
  };
}

/** HMAC keys, seeds and data keys come from here. */
function noteDraws(): void {
  const { crypto } = globalThis;
  const draw = crypto.getRandomValues.bind(crypto);
  crypto.getRandomValues = <Target extends ArrayBufferView>(target: Target): Target => {
    // The types of the two getRandomValues differ in what they call a view.
    const drawn = draw(target as never) as Target;
    note(new Uint8Array(drawn.buffer, drawn.byteOffset, drawn.byteLength), 'drawn');
    return drawn;
  };
}
