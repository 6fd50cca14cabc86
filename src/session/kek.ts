/**
 * A key-encryption key that stays elsewhere, such as in a KMS. It seals data keys, which seal the records: one
 * for 5 minutes or 10 000 records, so that no call waits for it.
 */
import { KEY_BYTES } from '../crypto/aead-sizes.ts';
import { type Bytes, base64Encode } from '../crypto/bytes.ts';
import { randomBytes } from '../crypto/random.ts';
import { KEY_ID, MAX_KEY_ID_BYTES, MAX_WRAPPED_BYTES, type RecordKey, type RingKey } from './ring-key.ts';
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

const KEK = 'the key that seals records (KMS)';
const KEK_TIMEOUT_MS = 5000;
const DATA_KEY_MS = 300_000;
const DATA_KEY_RECORDS = 10_000;
/** Data keys of other instances that are kept opened. */
const MAX_UNWRAPPED = 1000;

interface DataKey extends RecordKey {
  readonly madeAt: number;
  records: number;
}

export class KekKey implements RingKey {
  readonly keyId: string;
  readonly #kek: Kek;
  #current: Promise<DataKey> | undefined;
  readonly #unwrapped = new Map<string, { readonly key: Promise<Bytes>; readonly at: number }>();

  /** @throws {TypeError} for what is no Kek. */
  constructor(kek: Kek) {
    const { keyId } = kek ?? {};
    if (
      typeof keyId !== 'string' ||
      !KEY_ID.test(keyId) ||
      typeof kek.wrap !== 'function' ||
      typeof kek.unwrap !== 'function'
    )
      throw new TypeError(
        `storeKeys: a Kek has a keyId of 1 to ${MAX_KEY_ID_BYTES} printable characters, wrap and unwrap`,
      );
    this.keyId = keyId;
    this.#kek = kek;
  }

  async sealing(now: number): Promise<RecordKey> {
    for (;;) {
      // Whoever comes first makes it and the others wait; one that can't be made is tried anew by the next.
      this.#current ??= this.#make(now);
      const held = this.#current;
      const dataKey = await held.catch((error: unknown) => {
        if (this.#current === held) this.#current = undefined;
        throw error;
      });
      if (now - dataKey.madeAt <= DATA_KEY_MS && dataKey.records < DATA_KEY_RECORDS) {
        dataKey.records++;
        return dataKey;
      }
      if (this.#current === held) this.#current = undefined;
    }
  }

  async opening(wrapped: Bytes, now: number): Promise<Bytes | undefined> {
    if (wrapped.length === 0) return undefined;
    const name = base64Encode(wrapped);
    const known = this.#unwrapped.get(name);
    if (known !== undefined && now - known.at <= DATA_KEY_MS) return known.key;
    const key = this.#unwrap(wrapped);
    this.#unwrapped.set(name, { key, at: now });
    key.catch(() => this.#unwrapped.delete(name));
    for (const oldest of this.#unwrapped.keys()) {
      if (this.#unwrapped.size <= MAX_UNWRAPPED) break;
      this.#unwrapped.delete(oldest);
    }
    return key;
  }

  async #make(now: number): Promise<DataKey> {
    const key = randomBytes(KEY_BYTES);
    const wrapped = await within(KEK_TIMEOUT_MS, KEK, async () => this.#kek.wrap(key.slice()));
    if (!ArrayBuffer.isView(wrapped) || wrapped.length === 0 || wrapped.length > MAX_WRAPPED_BYTES)
      throw new SessionStoreError(
        `the store key’s wrap() gave no wrapped key of 1 to ${MAX_WRAPPED_BYTES} bytes`,
      );
    return { keyId: this.keyId, wrapped, key, madeAt: now, records: 0 };
  }

  async #unwrap(wrapped: Bytes): Promise<Bytes> {
    const key = await within(KEK_TIMEOUT_MS, KEK, async () => this.#kek.unwrap(wrapped.slice()));
    if (!ArrayBuffer.isView(key) || key.length !== KEY_BYTES)
      throw new SessionStoreError(`the store key’s unwrap() gave no key of ${KEY_BYTES} bytes`);
    return key;
  }
}
