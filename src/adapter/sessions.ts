/**
 * The opened sessions of this instance, over the store. A warm request costs one round trip, the claim,
 * which also tells that a session has gone elsewhere. Keys are wiped once nothing is in flight under them.
 */
import { type Bytes, base64Encode, equalBytes, wipe } from '../crypto/bytes.ts';
import type { SyncPrimitives } from '../crypto/primitives.ts';
import { randomBytes } from '../crypto/random.ts';
import type { Signer } from '../crypto/signature.ts';
import type { SuiteName } from '../crypto/suite.ts';
import { claimMs, type FirstAttempt, isClaimable } from '../protocol/claims.ts';
import { SESSION_MAX_REQUESTS, UNCONFIRMED_TTL_MS } from '../protocol/constants.ts';
import { NenError } from '../protocol/errors.ts';
import { isEpoch } from '../protocol/formats.ts';
import type { NewSession } from '../protocol/handshake.ts';
import { identityDigest } from '../protocol/identity.ts';
import { wipeSecrets } from '../protocol/keys.ts';
import { decodeSessionRecord, encodeSessionRecord, type SessionRecord } from '../session/record.ts';
import { SessionStoreError } from '../session/store-error.ts';
import type { ClaimOptions, ClaimResult, SessionStore } from '../session/types.ts';
import { OpenedSession } from './opened-session.ts';
import { SessionCache } from './session-cache.ts';

/** What names one arriving request to the store. */
const ATTEMPT_BYTES = 16;

export interface SessionsOptions {
  readonly store: SessionStore;
  readonly primitives: SyncPrimitives;
  readonly now: () => number;
  readonly idleMs: number;
  /** The origins whose sessions are known here; every one if absent. */
  readonly origins?: ReadonlySet<string> | undefined;
  /** The server's own identity, where it has one. */
  readonly identity?: (() => Promise<Signer>) | undefined;
}

export class Sessions {
  readonly #store: SessionStore;
  readonly #primitives: SyncPrimitives;
  readonly #now: () => number;
  readonly #idleMs: number;
  readonly #origins: ReadonlySet<string> | undefined;
  readonly #identity: (() => Promise<Signer>) | undefined;
  readonly #cache = new SessionCache();

  constructor({ store, primitives, now, idleMs, origins, identity }: SessionsOptions) {
    this.#store = store;
    this.#primitives = primitives;
    this.#now = now;
    this.#idleMs = idleMs;
    this.#origins = origins;
    this.#identity = identity;
  }

  /** Names the memory that keeps the claims of this sid. It goes to the client, who takes no other form. */
  epoch(sid: string): Promise<string> {
    return this.#ask(async () => {
      const epoch = await this.#store.epoch(sid);
      if (isEpoch(epoch)) return epoch;
      throw new SessionStoreError(
        'the session store gave an epoch that is none: 1 to 64 characters of A-Z, a-z, 0-9, - and _',
      );
    });
  }

  /** Keeps a new session, unconfirmed until its first request. */
  async create(session: NewSession, suite: SuiteName, audience: string): Promise<void> {
    const record = this.#encode(session, suite, audience);
    const ttlMs = Math.min(UNCONFIRMED_TTL_MS, session.terms.expiresAt - session.terms.now);
    await this.#ask(() => this.#store.create(session.sid, record, ttlMs)).finally(() => wipe(record));
  }

  /** Puts the new session in the old one's place, in one step. @throws {NenError} ISO-2002 if the old one is gone. */
  async rotate(old: OpenedSession, session: NewSession, suite: SuiteName): Promise<void> {
    const record = this.#encode(session, suite, old.audience);
    const ttlMs = Math.min(this.#idleMs, session.terms.expiresAt - session.terms.now);
    const rotated = await this.#ask(() => this.#store.rotate(old.sid, session.sid, record, ttlMs)).finally(
      () => wipe(record),
    );
    this.#cache.end(old);
    if (!rotated) throw new NenError('ISO-2002', { hint: 'the session was gone before it could be rotated' });
  }

  async terminate(session: OpenedSession): Promise<void> {
    await this.#ask(() => this.#store.delete(session.sid));
    this.#cache.end(session);
  }

  /** The session, held for the caller, who releases it; undefined if unknown, expired or spent. */
  async open(sid: string): Promise<OpenedSession | undefined> {
    const now = this.#now();
    this.#cache.dropStale(sid, now);
    const fresh = this.#cache.fresh(sid, now);
    const session = fresh === undefined ? await this.#load(sid, now) : held(fresh);
    if (session === undefined) return undefined;
    const isSpent = session.requests >= SESSION_MAX_REQUESTS;
    if (session.expiresAt > now && !isSpent) return session;
    try {
      // Out of the store too: its next request would find it there and count from nothing.
      if (isSpent) await this.terminate(session);
      else this.#cache.end(session);
    } finally {
      session.release();
    }
    return undefined;
  }

  /**
   * Claims a request's nonce: it may run, once.
   * @throws {NenError} ISO-5001, ISO-3003, ISO-2002, ISO-2003.
   */
  async claim(session: OpenedSession, nonce: string, timestamp: number): Promise<void> {
    session.requests++;
    const now = this.#now();
    if (!isClaimable(timestamp, now))
      throw new NenError('ISO-3003', { hint: 'the body took too long to arrive' });
    const idleMs = Math.min(this.#idleMs, session.expiresAt - now);
    const options = { claimMs: claimMs(timestamp, now), idleMs, requireSession: true, epoch: undefined };
    const result = idleMs > 0 ? await this.#claim(session.sid, nonce, options) : 'gone';
    if (result === 'claimed') return;
    if (result === 'replayed')
      throw new NenError('ISO-5001', { hint: 'a copy of a request that was claimed before' });
    this.#cache.end(session);
    throw new NenError('ISO-2002', { hint: 'the session is gone from the store' });
  }

  /**
   * Claims the nonce of a retry's first attempt: 'claimed' means that the first attempt can never run any
   * more; 'gone' that the store may have forgotten whether it ran.
   */
  claimFirst({ sid, nonce, timestamp, epoch }: FirstAttempt): Promise<ClaimResult> {
    const options = { claimMs: claimMs(timestamp, this.#now()), idleMs: 0, requireSession: false, epoch };
    return this.#claim(sid, nonce, options);
  }

  #claim(sid: string, nonce: string, options: Required<ClaimOptions>): Promise<ClaimResult> {
    const attempt = base64Encode(randomBytes(ATTEMPT_BYTES));
    return this.#ask(() => this.#store.claim(sid, nonce, attempt, options));
  }

  /** Held in the step in which it is found in the cache or put in: another request may end it in the next one. */
  async #load(sid: string, now: number): Promise<OpenedSession | undefined> {
    const record = await this.#read(sid);
    const cached = this.#cache.get(sid);
    if (record === undefined) {
      if (cached !== undefined) this.#cache.end(cached);
      return undefined;
    }
    if (cached !== undefined) {
      wipeSecrets(record);
      this.#cache.renew(cached, now);
      return held(cached);
    }
    const session = new OpenedSession(this.#primitives, record, now);
    this.#cache.add(session);
    return held(session);
  }

  /** The record of a session; one of another origin, epoch or server identity is unknown. */
  async #read(sid: string): Promise<SessionRecord | undefined> {
    const bytes = await this.#ask(() => this.#store.read(sid));
    if (bytes === undefined) return undefined;
    try {
      const epoch = await this.epoch(sid);
      const serverIdentity = await this.#serverIdentity();
      const record = decodeSessionRecord(bytes);
      if (record === undefined) return undefined;
      const isOurs =
        record.sid === sid &&
        this.#origins?.has(record.audience) !== false &&
        record.epoch === epoch &&
        sameIdentity(record.serverIdentity, serverIdentity);
      if (isOurs) return record;
      wipeSecrets(record);
      return undefined;
    } finally {
      wipe(bytes);
    }
  }

  /** SHA-256 of the server's own public key, where it has one. */
  async #serverIdentity(): Promise<Bytes | undefined> {
    const signer = await this.#identity?.();
    return signer && identityDigest(this.#primitives, signer.publicKey);
  }

  /** The record, which takes the place of the secrets. */
  #encode(session: NewSession, suite: SuiteName, audience: string): Bytes {
    const { sid, secrets, terms, clientIdentity, serverIdentity } = session;
    const { now: createdAt, expiresAt, epoch } = terms;
    try {
      return encodeSessionRecord({
        version: 1,
        sid,
        suite,
        audience,
        ...secrets,
        ...(clientIdentity !== undefined && { clientIdentity }),
        ...(serverIdentity !== undefined && { serverIdentity }),
        createdAt,
        expiresAt,
        epoch,
      });
    } finally {
      wipeSecrets(secrets);
    }
  }

  async #ask<T>(question: () => Promise<T>): Promise<T> {
    try {
      return await question();
    } catch (error) {
      // To the client such a session is an unknown one; what it is, the log tells.
      if (error instanceof NenError && error.code === 'ISO-2004')
        throw new NenError('ISO-2002', { hint: `ISO-2004: ${error.hint}`, cause: error });
      throw new NenError('ISO-2003', { hint: storeHint(error) });
    }
  }
}

function held(session: OpenedSession): OpenedSession {
  session.hold();
  return session;
}

/** Another error than a SessionStoreError may hold a command with a record in it: only its name goes into the log. */
function storeHint(error: unknown): string {
  if (error instanceof SessionStoreError) return error.message;
  return `the session store failed (${error instanceof Error ? error.name : typeof error})`;
}

function sameIdentity(a: Bytes | undefined, b: Bytes | undefined): boolean {
  return a === undefined || b === undefined ? a === b : equalBytes(a, b);
}
