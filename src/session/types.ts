/**
 * The store contract: what the server needs of a place that keeps session records and
 * replay claims. A store holds opaque bytes; it never sees a key in clear unless it is
 * `local`, that is, inside the process.
 */
import type { Bytes } from '../crypto/bytes.ts';

/** What a claim of a nonce came to. */
export type ClaimResult =
  /** The nonce is this attempt's, now or already: the request may run. */
  | 'claimed'
  /** Another attempt holds it: a replay. */
  | 'replayed'
  /** The session that `requireSession` asks for, or the memory that `epoch` names, is not there: nothing was claimed. */
  | 'gone';

/** How long a claim lives, and what it asks of its session. */
export interface ClaimOptions {
  /** How long the claim must be remembered. Neither expiry, rotation, deletion nor eviction of the session ends it sooner. */
  readonly claimMs: number;
  /** The session, if there, is kept for this long from now: its idle time, never past its absolute end. */
  readonly idleMs: number;
  /** Claims only while the session exists: the check and the claim are one atomic step. */
  readonly requireSession: boolean;
  /**
   * Claims only while `epoch(sid)` is still this one: the check and the claim are one atomic step. A retry
   * names the memory that holds its first attempt's claim, if there is one. The server always passes the
   * property, so that an absent one is not found in a polluted Object.prototype.
   */
  readonly epoch?: string | undefined;
}

/**
 * A rejected promise means that the store could not answer (ISO-2003): the caller then runs nothing.
 * A store for several processes needs one linearizable writer; one that may have forgotten
 * claims of a sid must forget the session too and change its epoch.
 */
export interface SessionStore {
  /** Memory of this process only: every other store gets sealed records and needs store keys. */
  readonly local?: true;
  /**
   * Names the memory that keeps this sid's claims (a cluster has several): changes when it may have
   * forgotten some. 1 to 64 characters of base64url, whether or not the session exists.
   */
  epoch(sid: string): Promise<string>;
  /** Puts a new session in, unconfirmed until its first claim. The record stays the caller's, who wipes it afterwards. */
  create(sid: string, record: Bytes, ttlMs: number): Promise<void>;
  /** The record of a session that lives; it tells nothing of how long. */
  read(sid: string): Promise<Bytes | undefined>;
  /**
   * Claims a nonce for one attempt, atomically; the same attempt may claim it again, which never ends it sooner.
   * The first claim that requires the session confirms it.
   * @param attempt a non-empty string, unique to one arriving request.
   * @throws {TypeError} for an attempt id that is not a non-empty string.
   */
  claim(sid: string, nonce: string, attempt: string, options: ClaimOptions): Promise<ClaimResult>;
  /** Puts the new session in (confirmed) and takes the old one out in one atomic step; false if the old one is not there. */
  rotate(oldSid: string, newSid: string, record: Bytes, ttlMs: number): Promise<boolean>;
  /** @returns whether the session was there. Its claims stay. */
  delete(sid: string): Promise<boolean>;
}
