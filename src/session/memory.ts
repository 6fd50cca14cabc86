/**
 * The session store of a single process: sessions and replay claims in memory, all bounded, every
 * call in constant time, without a timer: what has expired goes as calls come in. A second process or a
 * cold start knows nothing of them (2002 there), so for more than one instance use a shared store.
 * How sessions are evicted: session-table.ts. How claims are kept: claim-table.ts.
 */
import { type Bytes, base64UrlEncode } from '../crypto/bytes.ts';
import { randomBytes } from '../crypto/random.ts';
import { ClaimTable, MAX_CLAIM_MS } from './claim-table.ts';
import { SessionTable } from './session-table.ts';
import { secretHash } from './sharded-map.ts';
import type { ClaimOptions, ClaimResult, SessionStore } from './types.ts';

const EPOCH_BYTES = 16;

/** What a claim lives beyond the time at which its request could last be accepted. */
const MAX_CLOCK_STEP_BACK_MS = 60_000;

/** The bounds of a store in memory. */
export interface InMemorySessionStoreOptions {
  /** Confirmed sessions, under 1 KB each: above this the least recently used one goes. Default 100 000. */
  readonly maxSessions?: number;
  /** Sessions that never had a good request: above this the oldest of them goes. Default 10 000. */
  readonly maxUnconfirmed?: number;
  /** Live replay claims, under 200 bytes each: above this `claim` rejects. Default 5 000 000. */
  readonly maxClaims?: number;
  /** The time in milliseconds. Default Date.now. */
  readonly now?: () => number;
}

/** Everything remembered, under the epoch that names it. */
interface Memory {
  readonly epoch: string;
  readonly sessions: SessionTable;
  readonly claims: ClaimTable;
}

/** Sessions and claims in the memory of this process. */
export class InMemorySessionStore implements SessionStore {
  readonly local = true;
  readonly #makeMemory: () => Memory;
  readonly #now: () => number;
  #memory: Memory | undefined;
  #latest = Number.NEGATIVE_INFINITY;

  /** @throws {RangeError} for a limit that isn't a positive integer. */
  constructor(options: InMemorySessionStoreOptions = {}) {
    const maxSessions = limit('maxSessions', options.maxSessions ?? 100_000);
    const maxUnconfirmed = limit('maxUnconfirmed', options.maxUnconfirmed ?? 10_000);
    const maxClaims = limit('maxClaims', options.maxClaims ?? 5_000_000);
    this.#now = options.now ?? Date.now;
    this.#makeMemory = () => {
      const hash = secretHash();
      return {
        epoch: base64UrlEncode(randomBytes(EPOCH_BYTES)),
        sessions: new SessionTable(maxSessions, maxUnconfirmed, hash),
        claims: new ClaimTable(maxClaims, hash),
      };
    };
  }

  /** One for all sessions. */
  async epoch(_sid: string): Promise<string> {
    return this.#at(this.#now()).epoch;
  }

  async create(sid: string, record: Bytes, ttlMs: number): Promise<void> {
    const now = this.#now();
    const endsAt = now + duration('ttlMs', ttlMs);
    this.#at(now).sessions.put(sid, record, { endsAt, confirmed: false, now });
  }

  /** @returns a copy, which the caller may wipe. A read is no use of the session: anybody can cause one. */
  async read(sid: string): Promise<Bytes | undefined> {
    const now = this.#now();
    return this.#at(now).sessions.find(sid, now)?.record.slice();
  }

  /**
   * Only a claim that requires the session confirms and keeps it: others name the session of a retry's
   * first attempt, which anybody with a session of their own can choose. Nor does a replay keep it.
   * @throws {Error} if the table of claims is full: nothing is claimed then.
   * @throws {RangeError} for a claim over an hour, or a duration that isn't a number from 0 up.
   */
  async claim(sid: string, nonce: string, attempt: string, options: ClaimOptions): Promise<ClaimResult> {
    if (typeof attempt !== 'string' || attempt === '')
      throw new TypeError('attempt must be a non-empty string');
    const claimMs = duration('claimMs', options.claimMs, MAX_CLAIM_MS);
    const idleMs = duration('idleMs', options.idleMs);
    const now = this.#now();
    const { epoch, sessions, claims } = this.#at(now);
    if (options.epoch !== undefined && options.epoch !== epoch) return 'gone';
    const session = options.requireSession ? sessions.find(sid, now) : undefined;
    if (options.requireSession && session === undefined) return 'gone';
    if (!claims.claim(sid, nonce, attempt, claimMs, now)) return 'replayed';
    if (session !== undefined) sessions.use(session, now + idleMs, now);
    return 'claimed';
  }

  async rotate(oldSid: string, newSid: string, record: Bytes, ttlMs: number): Promise<boolean> {
    const now = this.#now();
    const endsAt = now + duration('ttlMs', ttlMs);
    const { sessions } = this.#at(now);
    const old = sessions.find(oldSid, now);
    if (old === undefined) return false;
    sessions.remove(old);
    sessions.put(newSid, record, { endsAt, confirmed: true, now });
    return true;
  }

  async delete(sid: string): Promise<boolean> {
    const now = this.#now();
    const { sessions } = this.#at(now);
    const session = sessions.find(sid, now);
    if (session === undefined) return false;
    sessions.remove(session);
    return true;
  }

  /**
   * The memory at this time. A clock that went ahead has made claims expire; once it is set back, their
   * requests would be in the window again: so a step back beyond a claim's margin forgets everything,
   * under a new epoch. Made at the first call, since Workers refuse randomness while modules load.
   */
  #at(now: number): Memory {
    if (now < this.#latest - MAX_CLOCK_STEP_BACK_MS) {
      this.#memory?.sessions.clear();
      this.#memory = undefined;
      this.#latest = now;
    }
    if (now > this.#latest) this.#latest = now;
    this.#memory ??= this.#makeMemory();
    return this.#memory;
  }
}

function limit(name: string, value: number): number {
  if (!Number.isSafeInteger(value) || value < 1) throw new RangeError(`${name} must be a positive integer`);
  return value;
}

/** A NaN would make a session that never ends. */
function duration(name: string, ms: number, maxMs: number = Number.MAX_SAFE_INTEGER): number {
  if (!(ms >= 0 && ms <= maxMs)) throw new RangeError(`${name} must be from 0 to ${maxMs} ms`);
  return ms;
}
