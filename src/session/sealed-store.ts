/**
 * A store whose records are sealed at rest: between the server and every store outside of its process. Who
 * reads the store, its dumps or its traffic, learns no key of any session. How they are sealed: sealed-record.ts.
 */
import type { Bytes } from '../crypto/bytes.ts';
import type { KeyRing } from './key-ring.ts';
import { openRecord, sealRecord } from './sealed-record.ts';
import type { ClaimOptions, ClaimResult, SessionStore } from './types.ts';

/** Any store, with sealed records. Without keys it does nothing at all: every operation rejects. */
export class SealedSessionStore implements SessionStore {
  readonly #store: SessionStore;
  readonly #ring: () => KeyRing;

  /** @param ring gives the keys, or throws a SessionStoreError where there are none; asked at each operation. */
  constructor(store: SessionStore, ring: () => KeyRing) {
    this.#store = store;
    this.#ring = ring;
  }

  async epoch(sid: string): Promise<string> {
    this.#ring();
    return this.#store.epoch(sid);
  }

  async create(sid: string, record: Bytes, ttlMs: number): Promise<void> {
    await this.#store.create(sid, await sealRecord(this.#ring(), sid, record), ttlMs);
  }

  /** @throws {NenError} ISO-2004. */
  async read(sid: string): Promise<Bytes | undefined> {
    const ring = this.#ring();
    const sealed = await this.#store.read(sid);
    return sealed && openRecord(ring, sid, sealed);
  }

  async claim(sid: string, nonce: string, attempt: string, options: ClaimOptions): Promise<ClaimResult> {
    this.#ring();
    return this.#store.claim(sid, nonce, attempt, options);
  }

  async rotate(oldSid: string, newSid: string, record: Bytes, ttlMs: number): Promise<boolean> {
    return this.#store.rotate(oldSid, newSid, await sealRecord(this.#ring(), newSid, record), ttlMs);
  }

  async delete(sid: string): Promise<boolean> {
    this.#ring();
    return this.#store.delete(sid);
  }
}
