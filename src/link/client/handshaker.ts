/**
 * A client's handshakes (PROTOCOL.md, "Handshake"), from the suite to the new session: within their time, and always
 * with the server identity that was seen first.
 */
import { type Bytes, copySecret, wipe } from '../../crypto/bytes.ts';
import type { Signer } from '../../crypto/signature.ts';
import type { Suite } from '../../crypto/suite.ts';
import { readBody } from '../../protocol/body.ts';
import { CONTENT_TYPE_JSON, HANDSHAKE_TIMEOUT_MS, MAX_HANDSHAKE_BYTES } from '../../protocol/constants.ts';
import { NenError } from '../../protocol/errors.ts';
import {
  finishHandshake,
  type NewSession,
  type PendingHandshake,
  startHandshake,
  UNPINNED,
} from '../../protocol/handshake.ts';
import { encodeClientHello, invalidAnswer } from '../../protocol/handshake-messages.ts';
import { encodePin } from '../../protocol/identity.ts';
import type { PreviousSession } from '../../protocol/key-schedule.ts';
import { wipeSecrets } from '../../protocol/keys.ts';
import { decodePlainRefusal } from '../../protocol/refusal.ts';
import { ClientSession } from './client-session.ts';
import type { DeviceClock } from './clock.ts';
import { loaded } from './loaded.ts';
import { withinTime } from './time-limit.ts';
import { type Transport, UNCACHED } from './transport.ts';
import { withUnknownOutcome } from './unknown-outcome.ts';
import { unlessAborted } from './unless-aborted.ts';

/** Carries the client's message to the server, and brings its answer. */
export type SendHello = (hello: Bytes, signal: AbortSignal) => Promise<Bytes>;

export interface HandshakerOptions {
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
}

export class Handshaker {
  readonly #options: HandshakerOptions;
  /** Pins given, or the one that the server showed first: required from then on. */
  #pins: ReadonlySet<string> | undefined;

  constructor(options: HandshakerOptions) {
    this.#options = options;
    this.#pins = options.pins;
  }

  /** A new session, by a handshake in clear. @throws {NenError} */
  handshake(): Promise<ClientSession> {
    return this.#perform((hello, signal) => this.#send(hello, signal));
  }

  /** A session that continues `old`, by a handshake that `send` carries under it. @throws {NenError} */
  async rotate(old: ClientSession, send: SendHello): Promise<ClientSession> {
    const exporterSecret = copySecret(old.keys.exporterSecret);
    try {
      return await this.#perform(send, { sid: old.sid, exporterSecret, ...old.identities });
    } catch (error) {
      // The server may have done its part.
      throw withUnknownOutcome(error);
    } finally {
      wipe(exporterSecret);
    }
  }

  /**
   * One handshake, which a slow or silent server can't hold for longer than its time: an answer that
   * comes later than that is dropped.
   */
  #perform(send: SendHello, previous?: PreviousSession): Promise<ClientSession> {
    return withinTime(HANDSHAKE_TIMEOUT_MS, async (signal) => {
      const pending = await this.#start(previous, signal);
      const sent = send(encodeClientHello(pending.hello), signal);
      // Any answer may be a stream, and can't wait for what opens it: loaded meanwhile, before there is a session.
      const both = Promise.all([sent, loaded(import('./open-stream.ts'))]);
      const [answer, { openStream }] = await unlessAborted(both, signal).catch((error: unknown) => {
        pending.keyPair.wipe();
        throw error;
      });
      const session = await this.#finish(pending, answer, signal);
      this.#requireOnceSeen(session);
      const { primitives } = pending.hello.suite;
      return new ClientSession(primitives, session, this.#options.device, openStream);
    });
  }

  /** The first half, which a KMS that is slow or silent can't hold for longer either. */
  async #start(previous: PreviousSession | undefined, signal: AbortSignal): Promise<PendingHandshake> {
    const { audience, identity } = this.#options;
    const start = async (): Promise<PendingHandshake> => {
      const signer = previous === undefined && identity !== undefined ? await loaded(identity()) : undefined;
      const suite = await loaded(this.#options.suite());
      const pending = await startHandshake(suite, audience(), { identity: signer, previous });
      if (signal.aborted) pending.keyPair.wipe();
      return pending;
    };
    return unlessAborted(start(), signal);
  }

  /** The second half, which a part that is never loaded can't hold for longer. */
  async #finish(pending: PendingHandshake, answer: Bytes, signal: AbortSignal): Promise<NewSession> {
    const loadVerifier = () => loaded(UNPINNED.loadVerifier());
    const trust = { pins: this.#pins, loadVerifier };
    const finishing = finishHandshake(pending.hello.suite.primitives, pending, answer, trust);
    return unlessAborted(finishing, signal).catch((error: unknown) => {
      finishing.then(({ secrets }) => wipeSecrets(secrets)).catch(() => undefined);
      throw error;
    });
  }

  /** Pins what is seen first; another handshake may have seen it while this one was under way. */
  #requireOnceSeen({ secrets, serverIdentity }: NewSession): void {
    const pin = serverIdentity && encodePin(serverIdentity);
    if (pin !== undefined) this.#pins ??= new Set([pin]);
    if (this.#pins === undefined || (pin !== undefined && this.#pins.has(pin))) return;
    wipeSecrets(secrets);
    throw new NenError('ISO-1006', {
      outcome: 'not-run',
      hint: 'not the server identity that was seen before',
    });
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
      if (cause instanceof NenError)
        throw cause.code === 'ISO-4003' ? invalidAnswer('too long', cause) : cause;
      const message = 'No answer to the handshake arrived.';
      throw new NenError('ISO-1007', { outcome: 'not-run', cause, message });
    }
  }
}
