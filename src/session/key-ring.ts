/**
 * The keys that session records are sealed under at rest (PROTOCOL.md, "Session records"): a ring of
 * key-encryption keys, of which the first seals and all open, each found by its id and never tried in turn.
 *   a 32-byte key:  keyId = base64url(SHA-256(input("nen/2 store key id", key)), first 8 bytes)
 *   a Kek (KMS):    seals data keys, one for 5 minutes or 10 000 records, so that no call waits for it
 */
import {
  type Bytes,
  base64Decode,
  base64Encode,
  base64UrlEncode,
  concatBytes,
  latin1ToBytes,
  wipe,
} from '../crypto/bytes.ts';
import { randomBytes } from '../crypto/random.ts';
import { primitives } from '../crypto/select.ts';
import { KEY_BYTES, LABEL_STORE_KEY_ID } from '../protocol/constants.ts';
import { lp, u32 } from '../protocol/input.ts';
import { SessionStoreError, within } from './store-error.ts';

/** A key-encryption key that stays elsewhere, such as in a KMS. */
export interface Kek {
  /** Names the key in every record: 1 to 256 printable ASCII characters. */
  readonly keyId: string;
  /** Encrypts a data key of 32 bytes. @returns at most 4096 bytes. */
  wrap(dataKey: Bytes): Promise<Bytes> | Bytes;
  /** Decrypts what `wrap` made. A rejection means that the store is unavailable for now. */
  unwrap(wrapped: Bytes): Promise<Bytes> | Bytes;
}

/** 32 bytes as base64, made by `npx trpc-nen keygen --store`, or a key that stays elsewhere. */
export type StoreKey = string | Kek;

/** What one record is sealed under. */
export interface RecordKey {
  readonly keyId: string;
  /** The data key as its KEK wrapped it; empty for a key that is at hand. */
  readonly wrapped: Bytes;
  /** 32 bytes, which the caller leaves as they are. */
  readonly key: Bytes;
}

interface RingKey {
  readonly keyId: string;
  sealing(now: number): Promise<RecordKey>;
  /** undefined: nothing that this key can have sealed. */
  opening(wrapped: Bytes, now: number): Promise<Bytes | undefined>;
}

export const MAX_WRAPPED_BYTES = 4096;
export const KEY_ID: RegExp = /^[!-~]{1,256}$/;
const KEY_ID_BYTES = 8;
const KEK = 'the key that seals records (KMS)';
const KEK_TIMEOUT_MS = 5000;
const DATA_KEY_MS = 300_000;
const DATA_KEY_RECORDS = 10_000;
/** Data keys of other instances that are kept opened. */
const MAX_UNWRAPPED = 1000;

export class KeyRing {
  readonly #first: RingKey;
  readonly #byId: ReadonlyMap<string, RingKey>;
  readonly #now: () => number;

  /** @throws {TypeError} for no key at all, one that is malformed, or two of one id. */
  constructor(keys: readonly StoreKey[], now: () => number = Date.now) {
    if (!Array.isArray(keys)) throw new TypeError('storeKeys: a list of keys');
    const ring = keys.map((key) => (typeof key === 'string' ? keyAtHand(key) : keyElsewhere(key)));
    const [first] = ring;
    if (first === undefined) throw new TypeError('storeKeys: at least one key');
    this.#first = first;
    this.#byId = new Map(ring.map((key) => [key.keyId, key]));
    if (this.#byId.size !== ring.length) throw new TypeError('storeKeys: two keys with one id');
    this.#now = now;
  }

  /** What a new record is sealed under. */
  sealing(): Promise<RecordKey> {
    return this.#first.sealing(this.#now());
  }

  /** What a record was sealed under; undefined if no key of the ring can have done it. */
  async opening(keyId: string, wrapped: Bytes): Promise<Bytes | undefined> {
    return this.#byId.get(keyId)?.opening(wrapped, this.#now());
  }
}

const NOT_WRAPPED: Bytes = new Uint8Array(0);

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
    sealing: async () => ({ keyId, wrapped: NOT_WRAPPED, key }),
    opening: async (wrapped) => (wrapped.length === 0 ? key : undefined),
  };
}

interface DataKey extends RecordKey {
  readonly madeAt: number;
  records: number;
}

function keyElsewhere(kek: Kek): RingKey {
  const { keyId } = kek ?? {};
  if (
    typeof keyId !== 'string' ||
    !KEY_ID.test(keyId) ||
    typeof kek.wrap !== 'function' ||
    typeof kek.unwrap !== 'function'
  )
    throw new TypeError('storeKeys: a Kek has a keyId of 1 to 256 printable characters, wrap and unwrap');
  let current: Promise<DataKey> | undefined;
  const unwrapped = new Map<string, { readonly key: Promise<Bytes>; readonly at: number }>();

  const make = async (now: number): Promise<DataKey> => {
    const key = randomBytes(KEY_BYTES);
    const wrapped = await within(KEK_TIMEOUT_MS, KEK, async () => kek.wrap(key.slice()));
    if (!ArrayBuffer.isView(wrapped) || wrapped.length === 0 || wrapped.length > MAX_WRAPPED_BYTES)
      throw new SessionStoreError('the store key’s wrap() gave no wrapped key of 1 to 4096 bytes');
    return { keyId, wrapped, key, madeAt: now, records: 0 };
  };
  const open = async (wrapped: Bytes): Promise<Bytes> => {
    const key = await within(KEK_TIMEOUT_MS, KEK, async () => kek.unwrap(wrapped.slice()));
    if (!ArrayBuffer.isView(key) || key.length !== KEY_BYTES)
      throw new SessionStoreError('the store key’s unwrap() gave no key of 32 bytes');
    return key;
  };
  return {
    keyId,
    async sealing(now) {
      for (;;) {
        // Whoever comes first makes it and the others wait; one that can't be made is tried anew by the next.
        current ??= make(now);
        const held = current;
        const dataKey = await held.catch((error: unknown) => {
          if (current === held) current = undefined;
          throw error;
        });
        if (now - dataKey.madeAt <= DATA_KEY_MS && dataKey.records < DATA_KEY_RECORDS) {
          dataKey.records++;
          return dataKey;
        }
        if (current === held) current = undefined;
      }
    },
    async opening(wrapped, now) {
      if (wrapped.length === 0) return undefined;
      const name = base64Encode(wrapped);
      const known = unwrapped.get(name);
      if (known !== undefined && now - known.at <= DATA_KEY_MS) return known.key;
      const key = open(wrapped);
      unwrapped.set(name, { key, at: now });
      key.catch(() => unwrapped.delete(name));
      for (const oldest of unwrapped.keys()) {
        if (unwrapped.size <= MAX_UNWRAPPED) break;
        unwrapped.delete(oldest);
      }
      return key;
    },
  };
}
