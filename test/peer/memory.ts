/** The server's memory: sessions, and the claims of PROTOCOL.md 10, which outlive them. */
import { randomUUID } from 'node:crypto';
import {
  CLAIM_MARGIN_MS,
  IDLE_MS,
  MAX_REQUESTS,
  type Session,
  UNCONFIRMED_MS,
  WINDOW_MS,
} from './session.ts';

interface Kept {
  readonly session: Session;
  /** When it is forgotten if nothing happens. */
  untilMs: number;
  requests: number;
}

export class Memory {
  readonly epoch = randomUUID();
  readonly #sessions = new Map<string, Kept>();
  /** `sid nonce`, and when it may be forgotten. */
  readonly #claims = new Map<string, number>();

  add(session: Session, nowMs: number, confirmed = false): void {
    const life = confirmed ? IDLE_MS : UNCONFIRMED_MS;
    const untilMs = Math.min(nowMs + life, session.expiresAtMs);
    this.#sessions.set(session.sid, { session, untilMs, requests: 0 });
  }

  /** One that is known, has not expired and has requests left. */
  find(sid: string, nowMs: number): Session | undefined {
    const kept = this.#sessions.get(sid);
    return kept && nowMs < kept.untilMs && kept.requests < MAX_REQUESTS ? kept.session : undefined;
  }

  remove(sid: string): boolean {
    return this.#sessions.delete(sid);
  }

  forgetAll(): void {
    this.#sessions.clear();
  }

  /** The claim of a request: it needs its session, confirms it and renews its idle time. */
  claim(sid: string, nonce: string, timestampMs: number, nowMs: number): 'claimed' | 'replayed' | 'unknown' {
    const kept = this.#sessions.get(sid);
    if (kept === undefined || this.find(sid, nowMs) === undefined) return 'unknown';
    if (!this.claimAttempt(sid, nonce, timestampMs, nowMs)) return 'replayed';
    kept.requests += 1;
    kept.untilMs = Math.min(nowMs + IDLE_MS, kept.session.expiresAtMs);
    return 'claimed';
  }

  /** The claim of a first attempt, whether or not its session exists. */
  claimAttempt(sid: string, nonce: string, timestampMs: number, nowMs: number): boolean {
    const name = `${sid} ${nonce}`;
    if ((this.#claims.get(name) ?? 0) > nowMs) return false;
    const lifeMs = Math.max(0, timestampMs - nowMs) + 2 * WINDOW_MS + CLAIM_MARGIN_MS;
    this.#claims.set(name, nowMs + lifeMs);
    return true;
  }
}
