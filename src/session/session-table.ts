/**
 * Sessions in memory, in two rooms of their own: unconfirmed ones in order of creation, confirmed
 * ones in order of their last claim. A full room evicts its own oldest, so a flood of handshakes
 * can't push out a single confirmed session.
 */
import { type Bytes, wipe } from '../crypto/bytes.ts';
import { type Aged, AgeList } from './age-list.ts';
import { ShardedMap, type StringHash } from './sharded-map.ts';

/** How many expired sessions a call drops from each room at most: more than it can add. */
const DROPS_PER_CALL = 2;

export interface StoredSession extends Aged<StoredSession> {
  readonly sid: string;
  /** The table's own copy: wiped when the session goes. */
  readonly record: Bytes;
  endsAt: number;
  confirmed: boolean;
}

/** Sessions in order of age, `capacity` of them at most. */
class Room extends AgeList<StoredSession> {
  readonly #capacity: number;

  constructor(capacity: number) {
    super();
    this.#capacity = capacity;
  }

  get overfull(): boolean {
    return this.size > this.#capacity;
  }
}

export class SessionTable {
  readonly #bySid: ShardedMap<StoredSession>;
  readonly #unconfirmed: Room;
  readonly #confirmed: Room;

  constructor(maxConfirmed: number, maxUnconfirmed: number, hash: StringHash) {
    this.#bySid = new ShardedMap(maxConfirmed + maxUnconfirmed, hash);
    this.#unconfirmed = new Room(maxUnconfirmed);
    this.#confirmed = new Room(maxConfirmed);
  }

  /** The sessions held, some of them expired. */
  get size(): number {
    return this.#bySid.size;
  }

  /** Drops expired ones besides: a session that nobody asks for again is wiped when somebody asks for another. */
  find(sid: string, now: number): StoredSession | undefined {
    this.#dropExpired(now);
    const session = this.#bySid.get(sid);
    if (session === undefined || now < session.endsAt) return session;
    this.remove(session);
    return undefined;
  }

  /** Puts in a copy of `record`; a session of the same sid is replaced. */
  put(sid: string, record: Bytes, options: { endsAt: number; confirmed: boolean; now: number }): void {
    const { endsAt, confirmed, now } = options;
    const present = this.#bySid.get(sid);
    if (present !== undefined) this.remove(present);
    const session: StoredSession = {
      sid,
      record: record.slice(),
      endsAt,
      confirmed,
      older: undefined,
      newer: undefined,
    };
    this.#bySid.set(sid, session);
    this.#enter(session, now);
  }

  /** Marks a session as the one used last, confirms it and sets its end. */
  use(session: StoredSession, endsAt: number, now: number): void {
    this.#roomOf(session).remove(session);
    session.confirmed = true;
    session.endsAt = endsAt;
    this.#enter(session, now);
  }

  remove(session: StoredSession): void {
    this.#roomOf(session).remove(session);
    this.#bySid.delete(session.sid);
    wipe(session.record);
  }

  clear(): void {
    for (const room of [this.#unconfirmed, this.#confirmed])
      while (room.oldest !== undefined) this.remove(room.oldest);
  }

  #enter(session: StoredSession, now: number): void {
    const room = this.#roomOf(session);
    room.add(session);
    this.#dropExpired(now);
    if (room.overfull && room.oldest !== undefined) this.remove(room.oldest);
  }

  /** Incremental, so that no call pays for the sessions of many. */
  #dropExpired(now: number): void {
    this.#dropExpiredOf(this.#unconfirmed, now);
    this.#dropExpiredOf(this.#confirmed, now);
  }

  #dropExpiredOf(room: Room, now: number): void {
    for (let dropped = 0; dropped < DROPS_PER_CALL; dropped++) {
      if (room.oldest === undefined || now < room.oldest.endsAt) return;
      this.remove(room.oldest);
    }
  }

  #roomOf(session: StoredSession): Room {
    return session.confirmed ? this.#confirmed : this.#unconfirmed;
  }
}
