/**
 * When a client's session is rotated (PROTOCOL.md, "Rotation"): when the application asks for it, and by itself when
 * it is worn. One rotation at a time, and none during a call's second attempt, since there is no third.
 */
import type { Bytes } from '../../crypto/bytes.ts';
import { HANDSHAKE_TIMEOUT_MS, MAX_AGE_AT_CLAIM_MS } from '../../protocol/constants.ts';
import { type ClientSession, terminated } from './client-session.ts';
import type { Handshaker } from './handshaker.ts';
import { unlessAborted } from './unless-aborted.ts';

/** Carries a rotation's hello in a sealed request under the old session, which is held. */
export type SendRotation = (old: ClientSession, hello: Bytes, signal: AbortSignal) => Promise<Bytes>;

export interface RotationOptions {
  readonly handshaker: Handshaker;
  /** undefined: this client never rotates. */
  readonly send: SendRotation | undefined;
  /** The session that stands, held. */
  readonly hold: () => Promise<ClientSession>;
  /** Puts the new session in the place of the old one. @returns what stands then: another may have come meanwhile. */
  readonly put: (next: ClientSession, old: ClientSession) => ClientSession;
  /** Ends a new session that nobody wants any more, on both sides. */
  readonly drop: (next: ClientSession) => void;
}

/** A second attempt that is older, its handshake included, was claimed or never will be: no rotation can harm it. */
const MAX_UNCLAIMED_MS: number = HANDSHAKE_TIMEOUT_MS + MAX_AGE_AT_CLAIM_MS;

export class Rotation {
  readonly #options: RotationOptions;
  #running: Promise<ClientSession> | undefined;
  /** Second attempts that may still have to be claimed. */
  readonly #retries = new Set<Promise<void>>();
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
    while (this.#running !== undefined) await unlessAborted(settled(this.#running), signal);
    const retrying = attempt();
    const claimed = settledWithin(MAX_UNCLAIMED_MS, retrying).then(() => {
      this.#retries.delete(claimed);
    });
    this.#retries.add(claimed);
    return retrying;
  }

  /** The client was terminated: what is under way comes to nothing, and nobody joins it. */
  giveUp(): void {
    this.#running = undefined;
  }

  async #rotate(isGivenUp: () => boolean): Promise<ClientSession> {
    while (this.#retries.size > 0) await Promise.all(this.#retries);
    const { handshaker, send, hold, put, drop } = this.#options;
    const old = await hold();
    try {
      // The session that stands now may be another, made since.
      if (send === undefined || isGivenUp()) throw terminated();
      const next = await handshaker.rotate(old, (hello, signal) => send(old, hello, signal));
      if (!isGivenUp()) return put(next, old);
      drop(next);
      throw terminated('unknown');
    } finally {
      old.release();
    }
  }
}

async function settled(flight: Promise<unknown>): Promise<void> {
  await flight.catch(() => undefined);
}

/** Resolves when the promise has settled, or after so long. */
function settledWithin(ms: number, promise: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    const stop = (): void => {
      clearTimeout(timer);
      resolve();
    };
    promise.then(stop, stop);
  });
}
