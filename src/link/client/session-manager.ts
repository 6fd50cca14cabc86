/**
 * The client's session: made when it is first needed, shared by all calls, replaced when it ends.
 * Concurrent calls wait for one handshake.
 */
import { type ClientSession, terminated } from './client-session.ts';
import { Handshaker, type HandshakerOptions } from './handshaker.ts';
import { Rotation, type SendRoute } from './rotation.ts';
import { unlessAborted } from './unless-aborted.ts';

export interface SessionManagerOptions extends HandshakerOptions {
  /** Without it there is no rotation. */
  readonly send?: SendRoute;
}

export class SessionManager {
  readonly #handshaker: Handshaker;
  readonly #rotation: Rotation;
  #current: ClientSession | undefined;
  #flight: Promise<ClientSession> | undefined;
  #terminated = false;

  constructor(options: SessionManagerOptions) {
    this.#handshaker = new Handshaker(options);
    this.#rotation = new Rotation({
      handshaker: this.#handshaker,
      send: options.send,
      hold: () => this.#hold(null),
      put: (next, old) => this.#put(next, old),
    });
  }

  /**
   * The session for a call, held for it; handshakes if there is none.
   * @param signal ends the caller's wait; the handshake goes on for the others.
   * @throws {NenError} ISO-2001 after `terminate`, and whatever a handshake fails with.
   */
  async acquire(signal: AbortSignal | null): Promise<ClientSession> {
    const session = await this.#hold(signal);
    if (session === this.#current && session.worn()) this.#rotation.runInBackground(session);
    return session;
  }

  async #hold(signal: AbortSignal | null): Promise<ClientSession> {
    for (;;) {
      if (this.#terminated) throw terminated();
      const session = this.#usable() ?? (await unlessAborted(this.#handshakeOnce(), signal));
      // Ended since the handshake was done: its keys may be wiped.
      if (session.retired) continue;
      session.hold();
      session.requests++;
      return session;
    }
  }

  /** Another session than `stale`, held: the one that replaced it meanwhile, or a new one. */
  async replace(stale: ClientSession, signal: AbortSignal | null): Promise<ClientSession> {
    if (this.#current === stale) this.#retire();
    return this.acquire(signal);
  }

  /** A call's second attempt, under another session than `stale`. */
  retry<Result>(
    stale: ClientSession,
    signal: AbortSignal | null,
    run: (fresh: ClientSession) => Promise<Result>,
  ): Promise<Result> {
    return this.#rotation.retry(signal, () => this.replace(stale, signal).then(run));
  }

  /** Replaces the session by one that continues it; it stays as it is if that fails. Several calls share one. */
  async rotate(): Promise<ClientSession> {
    if (this.#terminated) throw terminated();
    return this.#rotation.run();
  }

  /** Makes a new session, whatever stands. */
  async handshake(): Promise<void> {
    this.#terminated = false;
    this.#retire();
    await this.#handshakeOnce();
  }

  /** Calls fail from now on, until `handshake`. @returns the session that stood, held, so that the server can be told. */
  terminate(): ClientSession | undefined {
    const session = this.#current;
    session?.hold();
    this.#terminated = true;
    this.#flight = undefined;
    this.#rotation.giveUp();
    this.#retire();
    return session;
  }

  /** What is not good for another call is retired at once: the next session may be long in coming. */
  #usable(): ClientSession | undefined {
    if (this.#current?.usable() === false) this.#retire();
    return this.#current;
  }

  #handshakeOnce(): Promise<ClientSession> {
    if (this.#flight !== undefined) return this.#flight;
    const flight = this.#handshaker.handshake().then(
      (session) => {
        if (this.#flight === flight) {
          this.#flight = undefined;
          return this.#put(session);
        }
        session.retire();
        throw terminated();
      },
      (error: unknown) => {
        if (this.#flight === flight) this.#flight = undefined;
        throw error;
      },
    );
    this.#flight = flight;
    return flight;
  }

  /**
   * Puts it in the place of `old`. @returns what stands then: a session that was made meanwhile stays, since who
   * asked for it knows it already, as by its exporter.
   */
  #put(next: ClientSession, old: ClientSession | undefined = this.#current): ClientSession {
    if (this.#current !== undefined && this.#current !== old) return this.#current;
    this.#retire();
    this.#current = next;
    return next;
  }

  #retire(): void {
    this.#current?.retire();
    this.#current = undefined;
  }
}
