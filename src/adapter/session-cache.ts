/**
 * The opened sessions that an instance keeps, in the order in which the store was last asked about them. One
 * that nobody asks for again, be its client gone or its end told to another instance, is wiped at the first
 * request of anybody after a minute. There is no timer: not every runtime has one between two requests.
 */
import { AgeList } from '../session/age-list.ts';
import type { OpenedSession } from './opened-session.ts';

/** What the store says of a session is taken as true for so long. */
const FRESH_MS = 60_000;
const MAX_SESSIONS = 10_000;
/** How many stale sessions a request drops at most: more than it can put in. */
const DROPS_PER_CALL = 2;

export class SessionCache {
  readonly #bySid = new Map<string, OpenedSession>();
  readonly #byAge = new AgeList<OpenedSession>();
  /** Of sessions that were dropped before their end: they go on counting when they are opened again. */
  readonly #requests = new Map<string, number>();

  get(sid: string): OpenedSession | undefined {
    return this.#bySid.get(sid);
  }

  /** The same, unless the store is to be asked about it first. */
  fresh(sid: string, now: number): OpenedSession | undefined {
    const session = this.#bySid.get(sid);
    return session !== undefined && isFresh(session, now) ? session : undefined;
  }

  /** Puts in a session that isn't in. The oldest makes room for it. */
  add(session: OpenedSession): void {
    session.requests = this.#requests.get(session.sid) ?? 0;
    this.#requests.delete(session.sid);
    this.#bySid.set(session.sid, session);
    this.#byAge.add(session);
    const { oldest } = this.#byAge;
    if (oldest !== undefined && this.#byAge.size > MAX_SESSIONS) this.#drop(oldest);
  }

  /** The store was asked again, and has it still. */
  renew(session: OpenedSession, now: number): void {
    session.checkedAt = now;
    this.#byAge.remove(session);
    this.#byAge.add(session);
  }

  /** The session is over: whichever was opened under its sid goes. */
  end(session: OpenedSession): void {
    const cached = this.#bySid.get(session.sid);
    if (cached !== undefined) this.#remove(cached);
    session.retire();
  }

  /** Drops what is stale, save `asked`, which the store is about to be asked about. */
  dropStale(asked: string, now: number): void {
    for (let dropped = 0; dropped < DROPS_PER_CALL; dropped++) {
      const { oldest } = this.#byAge;
      if (oldest === undefined || isFresh(oldest, now) || oldest.sid === asked) return;
      this.#drop(oldest);
    }
  }

  #drop(session: OpenedSession): void {
    this.#remove(session);
    this.#remember(session);
  }

  #remove(session: OpenedSession): void {
    this.#bySid.delete(session.sid);
    this.#byAge.remove(session);
    session.retire();
  }

  #remember({ sid, requests }: OpenedSession): void {
    if (requests === 0) return;
    this.#requests.set(sid, requests);
    if (this.#requests.size <= MAX_SESSIONS) return;
    const [oldest] = this.#requests.keys();
    if (oldest !== undefined) this.#requests.delete(oldest);
  }
}

/** Not if the clock was set back since: who knows how long ago that was. */
function isFresh({ checkedAt }: OpenedSession, now: number): boolean {
  return now >= checkedAt && now - checkedAt <= FRESH_MS;
}
