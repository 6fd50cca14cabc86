/**
 * When a client's session is rotated (PROTOCOL.md, "Rotation"): when the application asks for it, and by itself when
 * it is worn. One rotation at a time, and none during a call's second attempt, since there is no third.
 */
import type { Bytes } from '../../crypto/bytes.ts';
import { HANDSHAKE_TIMEOUT_MS, MAX_AGE_AT_CLAIM_MS } from '../../protocol/constants.ts';
import { type ClientSession, terminated } from './client-session.ts';
import type { Handshaker } from './handshaker.ts';
import { withinTime } from './time-limit.ts';
import { unlessAborted } from './unless-aborted.ts';

/**
 * Calls a session route by a sealed request under the session, which is held, and released by this.
 * @returns the route's answer.
 */
export type SendRoute = (
  session: ClientSession,
  action: 'rotate' | 'terminate',
  payload: readonly Bytes[],
  signal: AbortSignal | null,
) => Promise<Bytes>;

export interface RotationOptions {
  readonly handshaker: Handshaker;
  /** undefined: this client never rotates. */
  readonly send: SendRoute | undefined;
  /** The session that stands, held. */
  readonly hold: () => Promise<ClientSession>;
  /** Puts the new session in the place of the old one. @returns what stands then: another may have come meanwhile. */
  readonly put: (next: ClientSession, old: ClientSession) => ClientSession;
}

/** A second attempt that is older, its handshake included, was claimed or never will be: no rotation can harm it. */
const MAX_UNCLAIMED_MS: number = HANDSHAKE_TIMEOUT_MS + MAX_AGE_AT_CLAIM_MS;

export class Rotation {
  readonly #options: RotationOptions;
  #running: Promise<ClientSession> | undefined;
  /** Second attempts that may still have to be claimed. */
  readonly #retries = new Set<Promise<unknown>>();
  /** The session that was to be rotated in the background: once, and if that fails it is used to its end. */
  #tried: ClientSession | undefined;

  constructor(options: RotationOptions) {
    this.#options = options;
  }

  /** Rotates the session that stands; it stays as it is if that fails. Who asks meanwhile shares the one under way. */
  run(): Promise<ClientSession> {
    if (this.#running !== undefined) return this.#running;
    const running: Promise<ClientSession> = this.#rotate(() => this.#running !== running).finally(() => {
      if (this.#running === running) this.#running = undefined;
    });
    this.#running = running;
    return running;
  }

  /** Nobody waits for it, and its failure is nobody's: the session is good until its end. */
  runInBackground(worn: ClientSession): void {
    if (this.#options.send === undefined) return;
    if (this.#running !== undefined || this.#tried === worn) return;
    this.#tried = worn;
    this.run().catch(() => undefined);
  }

  /**
   * Runs a call's second attempt. It waits for a rotation under way, whose answer may bring the session that
   * it needs, and no rotation begins before it has ended, or is past being claimed.
   */
  async retry<Result>(signal: AbortSignal | null, attempt: () => Promise<Result>): Promise<Result> {
    while (this.#running !== undefined) {
      const ended = this.#running.catch(() => undefined);
      await unlessAborted(ended, signal);
    }
    const retrying = attempt();
    const claiming = withinTime(MAX_UNCLAIMED_MS, (over) => unlessAborted(retrying, over));
    const claimed: Promise<unknown> = claiming
      .catch(() => undefined)
      .finally(() => this.#retries.delete(claimed));
    this.#retries.add(claimed);
    return retrying;
  }

  /** The client was terminated: what is under way comes to nothing, and nobody joins it. */
  giveUp(): void {
    this.#running = undefined;
  }

  async #rotate(isGivenUp: () => boolean): Promise<ClientSession> {
    while (this.#retries.size > 0) await Promise.all(this.#retries);
    const { handshaker, send, hold, put } = this.#options;
    const old = await hold();
    try {
      // The session that stands now may be another, made since.
      if (send === undefined || isGivenUp()) throw terminated();
      const next = await handshaker.rotate(old, (hello, signal) => {
        old.hold();
        return send(old, 'rotate', [hello], signal);
      });
      const stands = isGivenUp() ? undefined : put(next, old);
      if (stands !== next) drop(next, send);
      if (stands === undefined) throw terminated('unknown');
      return stands;
    } finally {
      old.release();
    }
  }
}

/** Ends a session that the server has, and nobody here wants: nobody waits until it is told, or can't be. */
function drop(session: ClientSession, send: SendRoute): void {
  session.hold();
  withinTime(HANDSHAKE_TIMEOUT_MS, (signal) => send(session, 'terminate', [], signal)).catch(() => undefined);
  session.retire();
}
