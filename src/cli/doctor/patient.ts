/**
 * A server, called by the client's own code, with a transport that keeps what a client throws away: the
 * outer answer and its times.
 */
import { loadPrimitives } from '../../crypto/load-primitives.ts';
import { loadSuite, type SuiteName } from '../../crypto/suite.ts';
import { type Call, Caller } from '../../link/client/call.ts';
import { deviceClock } from '../../link/client/clock.ts';
import type { Answer } from '../../link/client/open-answer.ts';
import { SessionManager } from '../../link/client/session-manager.ts';
import { nativeTransport, type Transport } from '../../link/client/transport.ts';
import { MAX_ENVELOPE_BYTES } from '../../protocol/constants.ts';
import type { SessionTerms } from '../../protocol/handshake-messages.ts';
import { encodePin } from '../../protocol/identity.ts';

export interface PatientOptions {
  /** An address that clients call: its origin is the one that they mean. */
  readonly url: string;
  readonly nenUrl: string;
  readonly suite: SuiteName;
}

/** An answer as it came off the network. Times by the wall clock, in milliseconds. */
export interface OuterAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly sentAt: number;
  readonly receivedAt: number;
}

export interface HandshakeFacts {
  /** undefined: the server showed no identity. */
  readonly pin: string | undefined;
  readonly terms: SessionTerms;
}

const CALL_TIMEOUT_MS = 15_000;

export class Patient {
  readonly options: PatientOptions;
  /** The last answer that came at all; undefined when the last request got none. */
  outer: OuterAnswer | undefined;
  readonly #sessions: SessionManager;
  readonly #caller: Caller;

  constructor(options: PatientOptions) {
    this.options = options;
    const transport: Transport = async (url, init) => {
      this.outer = undefined;
      const sentAt = Date.now();
      const response = await nativeTransport(url, init);
      this.outer = { status: response.status, headers: response.headers, sentAt, receivedAt: Date.now() };
      return response;
    };
    this.#sessions = new SessionManager({
      suite: async () => loadSuite(await loadPrimitives(), options.suite),
      audience: () => new URL(options.url).origin,
      handshakeUrl: () => `${options.nenUrl}/handshake`,
      transport,
      device: deviceClock,
      credentials: undefined,
    });
    this.#caller = new Caller({ sessions: this.#sessions, transport, maxEnvelopeBytes: MAX_ENVELOPE_BYTES });
  }

  /** Takes whoever answers: nothing of value is sent. @throws {NenError} */
  async handshake(): Promise<HandshakeFacts> {
    const session = await this.#sessions.acquire(null);
    const { terms, identities } = session;
    const pin = identities.serverIdentity && encodePin(identities.serverIdentity);
    session.release();
    return { pin, terms };
  }

  /** A sealed `status`, with a probe or without. @throws {NenError} */
  status(query = ''): Promise<Answer> {
    return this.#caller.call(this.#call('GET', 'status', query));
  }

  /** Leaves nothing behind on the server. @throws {NenError} */
  async terminate(): Promise<void> {
    const session = this.#sessions.terminate();
    if (session !== undefined) await this.#caller.callUnder(session, this.#call('POST', 'terminate', ''));
  }

  #call(method: 'GET' | 'POST', action: string, query: string): Call {
    const { origin, pathname } = new URL(`${this.options.nenUrl}/${action}`);
    return {
      line: { method, path: pathname, query },
      origin,
      kind: 'none',
      encoding: 'json',
      payload: [],
      publicHeaders: {},
      safe: false,
      retry: 'never',
      signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
      credentials: undefined,
      keepalive: undefined,
    };
  }
}
