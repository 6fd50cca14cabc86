/**
 * The keys that session records are sealed under at rest (PROTOCOL.md, "Session records"): a ring of
 * key-encryption keys, of which the first seals and all open, each found by its id and never tried in turn.
 *   a 32-byte key:  keyId = base64url(SHA-256(input("nen/2 store key id", key)), first 8 bytes)
 *   a Kek (KMS):    kek.ts
 */
import { KEY_BYTES } from '../crypto/aead-sizes.ts';
import {
  type Bytes,
  base64Decode,
  base64UrlEncode,
  concatBytes,
  copySecret,
  EMPTY,
  latin1ToBytes,
  wipe,
} from '../crypto/bytes.ts';
import { primitives } from '../crypto/select.ts';
import { LABEL_STORE_KEY_ID } from '../protocol/constants.ts';
import { lp, u32 } from '../protocol/input.ts';
import { type Kek, KekKey } from './kek.ts';
import type { RecordKey, RingKey } from './ring-key.ts';

/** 32 bytes as base64, made by `npx trpc-nen keygen --store`, or a key that stays elsewhere. */
export type StoreKey = string | Kek;

const KEY_ID_BYTES = 8;

export class KeyRing {
  readonly #first: RingKey;
  readonly #byId: ReadonlyMap<string, RingKey>;
  readonly #now: () => number;

  /** @throws {TypeError} for no key at all, one that is malformed, or two of one id. */
  constructor(keys: readonly StoreKey[], now: () => number = Date.now) {
    if (!Array.isArray(keys)) throw new TypeError('storeKeys: a list of keys');
    const ring = keys.map((key) => (typeof key === 'string' ? keyAtHand(key) : new KekKey(key)));
    const [first] = ring;
    if (first === undefined) throw new TypeError('storeKeys: at least one key');
    this.#first = first;
    this.#byId = new Map(ring.map((key) => [key.keyId, key]));
    if (this.#byId.size !== ring.length) throw new TypeError('storeKeys: two keys with one id');
    this.#now = now;
  }

  /** What a new record is sealed under. The caller wipes it. */
  sealing(): Promise<RecordKey> {
    return this.#first.sealing(this.#now());
  }

  /** What a record was sealed under, which the caller wipes; undefined if no key of the ring can have done it. */
  async opening(keyId: string, wrapped: Bytes): Promise<Bytes | undefined> {
    return this.#byId.get(keyId)?.opening(wrapped, this.#now());
  }
}

function keyAtHand(text: string): RingKey {
  const key = base64Decode(text);
  if (key?.length !== KEY_BYTES) throw new TypeError('storeKeys: a key is 32 bytes as base64');
  // As `input` frames it, in memory of its own: no text and no Buffer's.
  const framed = concatBytes([latin1ToBytes(lp(LABEL_STORE_KEY_ID) + u32(KEY_BYTES)), key]);
  const digest = primitives().sha256(framed);
  wipe(framed);
  const keyId = base64UrlEncode(digest.subarray(0, KEY_ID_BYTES));
  return {
    keyId,
    sealing: async () => ({ keyId, wrapped: EMPTY, key: copySecret(key) }),
    opening: async (wrapped) => (wrapped.length === 0 ? copySecret(key) : undefined),
  };
}
