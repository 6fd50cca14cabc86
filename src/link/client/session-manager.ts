/**
 * The client's session: made when it is first needed, shared by all calls, replaced when it ends.
 * Concurrent calls wait for one handshake.
 */
import { type Bytes, copySecret, wipe } from '../../crypto/bytes.ts';
import type { Primitives } from '../../crypto/primitives.ts';
import type { Signer } from '../../crypto/signature.ts';
import type { Suite } from '../../crypto/suite.ts';
import { readBody } from '../../protocol/body.ts';
import {
  CONTENT_TYPE_JSON,
  HANDSHAKE_TIMEOUT_MS,
  MAX_HANDSHAKE_BYTES,
  ROTATE_AFTER_REQUESTS,
  ROTATE_AT_LIFE,
  SESSION_MAX_REQUESTS,
} from '../../protocol/constants.ts';
import { NenError, type NenOutcome } from '../../protocol/errors.ts';
import {
  finishHandshake,
  type NewSession,
  type PendingHandshake,
  startHandshake,
  UNPINNED,
} from '../../protocol/handshake.ts';
import { encodeClientHello, type SessionTerms } from '../../protocol/handshake-messages.ts';
import { HeldSession } from '../../protocol/held-session.ts';
import { encodePin } from '../../protocol/identity.ts';
import type { Identities, PreviousSession } from '../../protocol/key-schedule.ts';
import { importKeys, wipeSecrets } from '../../protocol/keys.ts';
import { decodePlainRefusal } from '../../protocol/refusal.ts';
import { abortWith } from './abort.ts';
import { type DeviceClock, ServerClock } from './clock.ts';
import { type Transport, UNCACHED } from './transport.ts';
import { unlessAborted } from './unless-aborted.ts';

/** One session of a client. */
export class ClientSession extends HeldSession {
  readonly terms: SessionTerms;
  readonly identities: Identities;
  readonly clock: ServerClock;
  requests = 0;

  constructor(
    primitives: Primitives,
    { sid, secrets, terms, ...identities }: NewSession,
    device: DeviceClock,
  ) {
    super(sid, importKeys(primitives, secrets));
    this.terms = terms;
    this.identities = identities;
    this.clock = new ServerClock(terms.now, device);
  }

  /** Whether it is time to replace it: well before the server ends it, so that no call is refused for it. */
  worn(): boolean {
    const lifeMs = this.terms.expiresAt - this.terms.now;
    const ageMs = this.clock.now() - this.terms.now;
    return this.requests >= ROTATE_AFTER_REQUESTS || ageMs >= lifeMs * ROTATE_AT_LIFE;
  }

  /** Whether a call may still begin under it. */
  usable(): boolean {
    if (this.retired || this.requests >= SESSION_MAX_REQUESTS || this.clock.drifted()) return false;
    return this.clock.now() < this.terms.expiresAt;
  }
}

export interface SessionManagerOptions {
  /** With the primitives that its sessions use. */
  readonly suite: () => Promise<Suite>;
  /** Resolved at the first handshake: a page's own origin is not known before. */
  readonly audience: () => string;
  readonly handshakeUrl: () => string;
  readonly transport: Transport;
  readonly device: DeviceClock;
  readonly credentials: RequestCredentials | undefined;
  /** The server identities that are trusted; undefined: whoever answers first. */
  readonly pins?: ReadonlySet<string> | undefined;
  /** The client's own identity, where it has one. */
  readonly identity?: (() => Promise<Signer>) | undefined;
  /** Carries a rotation's hello in a sealed request under the old session, which is held. Without it there is none. */
  readonly sendRotation?: SendRotation;
}

type SendRotation = (old: ClientSession, hello: Bytes, signal: AbortSignal) => Promise<Bytes>;

export class SessionManager {
  readonly #options: SessionManagerOptions;
  #current: ClientSession | undefined;
  #flight: Promise<ClientSession> | undefined;
  #rotation: Promise<ClientSession> | undefined;
  /** Second attempts under way: a rotation waits for them, since there is no third. */
  readonly #retries = new Set<Promise<unknown>>();
  /** The session that could not be rotated: it is used to its end. */
  #unrotatable: ClientSession | undefined;
  #terminated = false;
  #terminations = 0;
  /** Pins given, or the one that the server showed first: required from then on. */
  #pins: ReadonlySet<string> | undefined;

  constructor(options: SessionManagerOptions) {
    this.#options = options;
    this.#pins = options.pins;
  }

  /**
   * The session for a call, held for it; handshakes if there is none.
   * @param signal ends the caller's wait; the handshake goes on for the others.
   * @throws {NenError} ISO-2001 after `terminate`, and whatever a handshake fails with.
   */
  async acquire(signal: AbortSignal | null): Promise<ClientSession> {
    const session = await this.#hold(signal);
    if (session.worn()) this.#rotateInBackground(session);
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

  /**
   * A call's second attempt, under another session than `stale`. It waits for a rotation under way, whose
   * answer may bring that session, and no rotation begins before it has ended.
   */
  async retry<Result>(
    stale: ClientSession,
    signal: AbortSignal | null,
    run: (fresh: ClientSession) => Promise<Result>,
  ): Promise<Result> {
    while (this.#rotation !== undefined) await unlessAborted(settled(this.#rotation), signal);
    const retrying = this.replace(stale, signal).then(run);
    this.#retries.add(retrying);
    try {
      return await retrying;
    } finally {
      this.#retries.delete(retrying);
    }
  }

  /** Replaces the session by one that continues it; it stays as it is if that fails. Several calls share one. */
  rotate(): Promise<ClientSession> {
    this.#rotation ??= this.#rotate().finally(() => {
      this.#rotation = undefined;
    });
    return this.#rotation;
  }

  async #rotate(): Promise<ClientSession> {
    while (this.#retries.size > 0) await Promise.allSettled(this.#retries);
    return this.#continue(await this.#hold(null));
  }

  /** Nobody waits for it, and its failure is nobody's: the session is good until its end. */
  #rotateInBackground(worn: ClientSession): void {
    if (this.#options.sendRotation === undefined) return;
    if (this.#rotation !== undefined || this.#unrotatable === worn || worn !== this.#current) return;
    this.rotate().catch(() => {
      this.#unrotatable = worn;
    });
  }

  /** Releases `old`, which is held. */
  async #continue(old: ClientSession): Promise<ClientSession> {
    const { sendRotation } = this.#options;
    const exporterSecret = copySecret(old.keys.exporterSecret);
    const previous = { sid: old.sid, exporterSecret, ...old.identities };
    const terminations = this.#terminations;
    try {
      const next = await this.#perform(
        (hello, signal) =>
          sendRotation === undefined ? Promise.reject(terminated()) : sendRotation(old, hello, signal),
        'unknown',
        previous,
      );
      // Also if there was a handshake since: it must not bring back what was terminated.
      if (this.#terminations !== terminations) throw dropped(next, 'unknown');
      return this.#put(next);
    } finally {
      wipe(exporterSecret);
      old.release();
    }
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
    this.#terminations++;
    this.#flight = undefined;
    this.#retire();
    return session;
  }

  #usable(): ClientSession | undefined {
    return this.#current?.usable() === true ? this.#current : undefined;
  }

  #handshakeOnce(): Promise<ClientSession> {
    if (this.#flight !== undefined) return this.#flight;
    const flight = this.#perform((hello, signal) => this.#send(hello, signal), 'not-run').then(
      (session) => {
        if (this.#flight === flight) {
          this.#flight = undefined;
          return this.#put(session);
        }
        throw dropped(session, 'not-run');
      },
      (error: unknown) => {
        if (this.#flight === flight) this.#flight = undefined;
        throw error;
      },
    );
    this.#flight = flight;
    return flight;
  }

  #put(next: ClientSession): ClientSession {
    this.#retire();
    this.#current = next;
    return next;
  }

  #retire(): void {
    this.#current?.retire();
    this.#current = undefined;
  }

  /**
   * One handshake, which a slow or silent server can't hold for longer than its time: an answer that
   * comes later than that is dropped.
   */
  async #perform(
    send: (hello: Bytes, signal: AbortSignal) => Promise<Bytes>,
    outcome: NenOutcome,
    previous?: PreviousSession,
  ): Promise<ClientSession> {
    const timeout = new AbortController();
    const timer = setTimeout(
      () => abortWith(timeout, new NenError('ISO-1007', { outcome, hint: 'no answer in time' })),
      HANDSHAKE_TIMEOUT_MS,
    );
    try {
      const pending = await this.#start(previous, timeout.signal);
      const sent = send(encodeClientHello(pending.hello), timeout.signal);
      const answer = await unlessAborted(sent, timeout.signal).catch((error: unknown) => {
        pending.keyPair.wipe();
        throw error;
      });
      const trust = { ...UNPINNED, pins: this.#pins };
      const { primitives } = pending.hello.suite;
      const session = await finishHandshake(primitives, pending, answer, trust);
      this.#requireOnceSeen(session, outcome);
      return new ClientSession(primitives, session, this.#options.device);
    } finally {
      clearTimeout(timer);
    }
  }

  /** The first half, which a KMS that is slow or silent can't hold for longer either. */
  async #start(previous: PreviousSession | undefined, signal: AbortSignal): Promise<PendingHandshake> {
    const { audience, identity } = this.#options;
    const start = async (): Promise<PendingHandshake> => {
      const signer = previous === undefined ? await identity?.() : undefined;
      const pending = await startHandshake(await this.#suite(), audience(), { identity: signer, previous });
      if (signal.aborted) pending.keyPair.wipe();
      return pending;
    };
    return unlessAborted(start(), signal);
  }

  /** What has to be loaded for it comes over the network, as the scripts of a page do. */
  #suite(): Promise<Suite> {
    return this.#options.suite().catch((cause: unknown) => {
      const message = 'The cryptography of the handshake could not be loaded.';
      throw new NenError('ISO-1007', { outcome: 'not-run', cause, message });
    });
  }

  /** Pins what is seen first; another handshake may have seen it while this one was under way. */
  #requireOnceSeen({ secrets, serverIdentity }: NewSession, outcome: NenOutcome): void {
    const pin = serverIdentity && encodePin(serverIdentity);
    if (pin !== undefined) this.#pins ??= new Set([pin]);
    if (this.#pins === undefined || (pin !== undefined && this.#pins.has(pin))) return;
    wipeSecrets(secrets);
    throw new NenError('ISO-1006', { outcome, hint: 'not the server identity that was seen before' });
  }

  /** The round trip of a handshake in clear. */
  async #send(body: Bytes, signal: AbortSignal): Promise<Bytes> {
    const { transport, handshakeUrl, credentials } = this.#options;
    try {
      const response = await transport(handshakeUrl(), {
        method: 'POST',
        headers: { 'Content-Type': CONTENT_TYPE_JSON },
        body,
        signal,
        ...(credentials !== undefined && { credentials }),
        ...UNCACHED,
        redirect: 'manual',
      });
      const answer = await readBody(response, MAX_HANDSHAKE_BYTES);
      if (response.status === 200) return answer;
      const code = decodePlainRefusal(answer) ?? 'ISO-1007';
      throw new NenError(code, { status: response.status, outcome: 'not-run' });
    } catch (cause) {
      if (cause instanceof NenError && cause.code !== 'ISO-4003') throw cause;
      if (cause instanceof NenError) throw new NenError('ISO-1007', { outcome: 'not-run', cause });
      const message = 'No answer to the handshake arrived.';
      throw new NenError('ISO-1007', { outcome: 'not-run', cause, message });
    }
  }
}

async function settled(flight: Promise<unknown>): Promise<void> {
  await flight.catch(() => undefined);
}

function terminated(outcome: NenOutcome = 'not-run'): NenError {
  return new NenError('ISO-2001', { outcome });
}

/** Terminated meanwhile: the late answer's keys are of no use to anybody. */
function dropped(session: ClientSession, outcome: NenOutcome): NenError {
  session.retire();
  return terminated(outcome);
}
