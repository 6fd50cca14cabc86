/** A store that keeps the contract to the millisecond, with its memory open: to be broken in one place. */
import type { Bytes, ClaimOptions, ClaimResult, SessionStore } from '../../../src/session/index.ts';

export interface PlainSession {
  readonly record: Bytes;
  readonly endsAt: number;
}

export interface PlainClaim {
  readonly attempt: string;
  readonly endsAt: number;
}

export class PlainStore implements SessionStore {
  now = 1_700_000_000_000;
  readonly memory = 'memory-1';
  readonly sessions = new Map<string, PlainSession>();
  readonly claims = new Map<string, PlainClaim>();

  claimKey(sid: string, nonce: string): string {
    return JSON.stringify([sid, nonce]);
  }

  lives(sid: string): boolean {
    return this.now < (this.sessions.get(sid)?.endsAt ?? 0);
  }

  async epoch(_sid: string): Promise<string> {
    return this.memory;
  }

  async create(sid: string, record: Bytes, ttlMs: number): Promise<void> {
    this.sessions.set(sid, { record: record.slice(), endsAt: this.now + ttlMs });
  }

  async read(sid: string): Promise<Bytes | undefined> {
    return this.lives(sid) ? this.sessions.get(sid)?.record.slice() : undefined;
  }

  async claim(sid: string, nonce: string, attempt: string, options: ClaimOptions): Promise<ClaimResult> {
    if (typeof attempt !== 'string' || attempt === '') throw new TypeError('attempt');
    const { claimMs, idleMs, requireSession, epoch = this.memory } = options;
    const session = this.sessions.get(sid);
    if (epoch !== this.memory || (requireSession && !this.lives(sid))) return 'gone';
    const held = this.claims.get(this.claimKey(sid, nonce));
    const isHeld = held !== undefined && this.now < held.endsAt;
    if (isHeld && held.attempt !== attempt) return 'replayed';
    const endsAt = Math.max(this.now + claimMs, isHeld ? held.endsAt : 0);
    this.claims.set(this.claimKey(sid, nonce), { attempt, endsAt });
    if (requireSession && session) this.sessions.set(sid, { ...session, endsAt: this.now + idleMs });
    return 'claimed';
  }

  async rotate(oldSid: string, newSid: string, record: Bytes, ttlMs: number): Promise<boolean> {
    if (!this.lives(oldSid)) return false;
    this.sessions.delete(oldSid);
    this.sessions.set(newSid, { record: record.slice(), endsAt: this.now + ttlMs });
    return true;
  }

  async delete(sid: string): Promise<boolean> {
    const isThere = this.lives(sid);
    this.sessions.delete(sid);
    return isThere;
  }
}
