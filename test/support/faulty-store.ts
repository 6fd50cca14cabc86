/**
 * A store in memory that fails, waits and forgets on command: before a call had its effect or after it, and
 * everything at once, under a new epoch, as a restart does.
 */
import {
  type Bytes,
  type ClaimOptions,
  type ClaimResult,
  InMemorySessionStore,
  type SessionStore,
} from '../../src/session/index.ts';

export type StoreFault = 'before' | 'after';

export class FaultyStore implements SessionStore {
  readonly local = true;
  /** Of the next calls, one each. */
  readonly faults: StoreFault[] = [];
  /** Asked before each call. */
  wait: (() => Promise<void>) | undefined;
  /** Told of each fault as it happens. */
  onFault: (() => void) | undefined;
  readonly #make: () => SessionStore;
  #memory: SessionStore;

  constructor(now: () => number) {
    this.#make = () => new InMemorySessionStore({ now });
    this.#memory = this.#make();
  }

  forget(): void {
    this.#memory = this.#make();
  }

  epoch(sid: string): Promise<string> {
    return this.#ask((memory) => memory.epoch(sid));
  }
  create(sid: string, record: Bytes, ttlMs: number): Promise<void> {
    const own = record.slice();
    return this.#ask((memory) => memory.create(sid, own, ttlMs));
  }
  read(sid: string): Promise<Bytes | undefined> {
    return this.#ask((memory) => memory.read(sid));
  }
  claim(sid: string, nonce: string, attempt: string, options: ClaimOptions): Promise<ClaimResult> {
    return this.#ask((memory) => memory.claim(sid, nonce, attempt, options));
  }
  rotate(oldSid: string, newSid: string, record: Bytes, ttlMs: number): Promise<boolean> {
    const own = record.slice();
    return this.#ask((memory) => memory.rotate(oldSid, newSid, own, ttlMs));
  }
  delete(sid: string): Promise<boolean> {
    return this.#ask((memory) => memory.delete(sid));
  }

  async #ask<Answer>(question: (memory: SessionStore) => Promise<Answer>): Promise<Answer> {
    await this.wait?.();
    const fault = this.faults.shift();
    if (fault !== undefined) this.onFault?.();
    if (fault === 'before') throw new Error('the store is down');
    const answer = await question(this.#memory);
    if (fault === 'after') throw new Error('the store broke off');
    return answer;
  }
}
