/**
 * A key-encryption key that stays elsewhere, such as in a KMS. It seals data keys, which seal the records: one
 * for 5 minutes or 10 000 records, so that no call waits for it. A data key is lent as copies, and wiped at the
 * first record after its time.
 */
import { KEY_BYTES } from '../crypto/aead-sizes.ts';
import { type Bytes, base64Encode, copySecret, EMPTY, viewOf, wipe } from '../crypto/bytes.ts';
import { randomBytes } from '../crypto/random.ts';
import { DataKey, type WrappedKey } from './data-key.ts';
import { KEY_ID, MAX_KEY_ID_BYTES, MAX_WRAPPED_BYTES, type RecordKey, type RingKey } from './ring-key.ts';
import { SessionStoreError, within } from './store-error.ts';

/** A key-encryption key that stays elsewhere, such as in a KMS. */
export interface Kek {
  /** Names the key in every record: 1 to 256 printable ASCII characters. */
  readonly keyId: string;
  /** Encrypts a data key of 32 bytes, which is wiped once this has answered. @returns at most 4096 bytes. */
  wrap(dataKey: Bytes): Promise<Bytes> | Bytes;
  /**
   * Decrypts what `wrap` made. A rejection means that the store is unavailable for now.
   * @returns the data key in memory of its own: it is copied and wiped.
   */
  unwrap(wrapped: Bytes): Promise<Bytes> | Bytes;
}

const KEK = 'the key that seals records (KMS)';
const KEK_TIMEOUT_MS = 5000;
const DATA_KEY_RECORDS = 10_000;
/** Data keys of other instances that are kept opened. */
const MAX_UNWRAPPED = 1000;

export class KekKey implements RingKey {
  readonly keyId: string;
  readonly #kek: Kek;
  /** What new records are sealed under. */
  #current: DataKey | undefined;
  /** What records were sealed under, by its wrapped form; the oldest first. */
  readonly #unwrapped = new Map<string, DataKey>();

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
    this.#dropExpired(now);
    if (this.#current?.records === DATA_KEY_RECORDS) this.#dropCurrent();
    // Whoever comes first makes it and the others wait.
    const current = this.#current ?? this.#newCurrent(now);
    current.records++;
    return { keyId: this.keyId, ...(await current.lend()) };
  }

  async opening(wrapped: Bytes, now: number): Promise<Bytes | undefined> {
    this.#dropExpired(now);
    if (wrapped.length === 0) return undefined;
    const name = base64Encode(wrapped);
    const known = this.#unwrapped.get(name) ?? this.#newUnwrapped(name, wrapped, now);
    return (await known.lend()).key;
  }

  /** One that can't be made is tried anew by the next. */
  #newCurrent(now: number): DataKey {
    const made = new DataKey(this.#make(), now, () => {
      if (this.#current === made) this.#current = undefined;
    });
    this.#current = made;
    return made;
  }

  #newUnwrapped(name: string, wrapped: Bytes, now: number): DataKey {
    const unwrapped = new DataKey(this.#unwrap(wrapped), now, () => {
      if (this.#unwrapped.get(name) === unwrapped) this.#unwrapped.delete(name);
    });
    this.#unwrapped.set(name, unwrapped);
    if (this.#unwrapped.size > MAX_UNWRAPPED) this.#dropOldest();
    return unwrapped;
  }

  #dropExpired(now: number): void {
    if (this.#current?.isOver(now)) this.#dropCurrent();
    for (const unwrapped of this.#unwrapped.values()) {
      if (!unwrapped.isOver(now)) return;
      this.#dropOldest();
    }
  }

  #dropCurrent(): void {
    this.#current?.wipe();
    this.#current = undefined;
  }

  #dropOldest(): void {
    const [oldest] = this.#unwrapped;
    if (oldest === undefined) return;
    const [name, unwrapped] = oldest;
    this.#unwrapped.delete(name);
    unwrapped.wipe();
  }

  async #make(): Promise<WrappedKey> {
    const key = randomBytes(KEY_BYTES);
    try {
      return { key, wrapped: await within(KEK_TIMEOUT_MS, KEK, () => this.#askToWrap(key)) };
    } catch (error) {
      wipe(key);
      throw error;
    }
  }

  /** What the KMS is given goes when it has answered, however long that takes. */
  async #askToWrap(key: Bytes): Promise<Bytes> {
    const lent = copySecret(key);
    try {
      return takeWrapped(await this.#kek.wrap(lent));
    } finally {
      wipe(lent);
    }
  }

  async #unwrap(wrapped: Bytes): Promise<WrappedKey> {
    const own = Uint8Array.from(wrapped);
    const asked = this.#askToUnwrap(own.slice());
    try {
      return { key: await within(KEK_TIMEOUT_MS, KEK, () => asked), wrapped: own };
    } catch (error) {
      // It may come all the same, when nobody waits for it any more.
      asked.then(wipe, () => undefined);
      throw error;
    }
  }

  async #askToUnwrap(wrapped: Bytes): Promise<Bytes> {
    return takeKey(await this.#kek.unwrap(wrapped));
  }
}

function takeWrapped(answer: unknown): Bytes {
  const wrapped = ArrayBuffer.isView(answer) ? Uint8Array.from(viewOf(answer)) : EMPTY;
  if (wrapped.length > 0 && wrapped.length <= MAX_WRAPPED_BYTES) return wrapped;
  throw new SessionStoreError(
    `the store key’s wrap() gave no wrapped key of 1 to ${MAX_WRAPPED_BYTES} bytes`,
  );
}

/** Copies a key out of what a KMS gave, which is wiped. */
function takeKey(answer: unknown): Bytes {
  const given = ArrayBuffer.isView(answer) ? viewOf(answer) : EMPTY;
  try {
    if (given.length !== KEY_BYTES)
      throw new SessionStoreError(`the store key’s unwrap() gave no key of ${KEY_BYTES} bytes`);
    // From a KMS that gives the same array again. Who can write to the store could seal under zeros.
    if (given.every((byte) => byte === 0))
      throw new SessionStoreError(
        'the store key’s unwrap() gave zeros: what it gives is wiped, so give a copy',
      );
    return copySecret(given);
  } finally {
    wipe(given);
  }
}
