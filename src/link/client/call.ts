/**
 * One call: seal, send, open, and once more where that is safe (PROTOCOL.md, "Retrying, at most once").
 * A plain error may be forged after the call ran, so the retry claims the first attempt: if that one was
 * claimed, the retry does not run.
 */
import type { Bytes } from '../../crypto/bytes.ts';
import { encodeRetry } from '../../protocol/claims.ts';
import type { Encoding, RequestKind } from '../../protocol/envelope.ts';
import { NenError } from '../../protocol/errors.ts';
import { type SealedRequest, sealRequest } from '../../protocol/exchange.ts';
import type { RequestLine } from '../../protocol/signed-headers.ts';
import { abortReason, throwIfAborted } from './abort.ts';
import type { ClientSession } from './client-session.ts';
import { type Answer, openAnswer, PlainRefusal } from './open-answer.ts';
import type { SessionManager } from './session-manager.ts';
import { nativeTransport, type Transport, UNCACHED } from './transport.ts';
import { withUnknownOutcome } from './unknown-outcome.ts';

/** A call, ready to be sealed under any session. */
export interface Call {
  /** The outer request line. */
  readonly line: RequestLine;
  /** scheme://host[:port] */
  readonly origin: string;
  readonly kind: RequestKind;
  readonly encoding: Encoding;
  readonly payload: readonly Bytes[];
  /** Headers that the way may read. */
  readonly publicHeaders: Record<string, string>;
  /** Whether sending it twice does no harm: an inner GET or HEAD. */
  readonly safe: boolean;
  readonly retry: 'once' | 'never';
  readonly signal: AbortSignal | null;
  readonly credentials: RequestCredentials | undefined;
  readonly keepalive: boolean | undefined;
}

export interface CallerOptions {
  readonly sessions: SessionManager;
  readonly transport: Transport;
  readonly maxEnvelopeBytes: number;
}

interface Attempt {
  readonly session: ClientSession;
  readonly sealed: SealedRequest;
  readonly timestamp: number;
}

export class Caller {
  readonly #options: CallerOptions;

  constructor(options: CallerOptions) {
    this.#options = options;
  }

  /** @throws {NenError}, or the signal's reason once it has aborted. */
  async call(call: Call): Promise<Answer> {
    throwIfAborted(call.signal);
    const session = await this.#options.sessions.acquire(call.signal);
    return this.callUnder(session, call);
  }

  /** The same under a session that the caller holds, and that is released here. */
  async callUnder(session: ClientSession, call: Call): Promise<Answer> {
    const first = await this.#seal(session, call, '');
    try {
      return await this.#send(first, call);
    } catch (error) {
      if (call.retry === 'never' || !asksForRetry(error)) throw error;
    }
    try {
      return await this.#options.sessions.retry(session, call.signal, async (fresh) =>
        this.#send(await this.#seal(fresh, call, call.safe ? '' : retryOf(first)), call),
      );
    } catch (error) {
      // Whatever became of the retry, the first attempt may have run.
      throw withUnknownOutcome(error);
    }
  }

  async #seal(session: ClientSession, call: Call, retry: string): Promise<Attempt> {
    try {
      const timestamp = session.clock.now();
      const { kind, encoding } = call;
      const sealed = await sealRequest(session, call.line, call.payload, {
        kind,
        encoding,
        timestamp,
        retry,
      });
      return { session, sealed, timestamp };
    } catch (error) {
      session.release();
      throw error;
    }
  }

  async #send({ session, sealed }: Attempt, call: Call): Promise<Answer> {
    const { transport, maxEnvelopeBytes } = this.#options;
    const { line, origin, signal, credentials, keepalive } = call;
    let response: Response;
    try {
      response = await transport(origin + line.path + line.query, {
        method: line.method,
        headers: { ...call.publicHeaders, ...sealed.headers },
        body: sealed.body ?? null,
        signal,
        ...(credentials !== undefined && { credentials }),
        ...(keepalive !== undefined && { keepalive }),
        ...UNCACHED,
        redirect: 'manual',
      });
    } catch (cause) {
      session.release();
      throw lost(cause, signal);
    }
    try {
      const onOpened = (): void => session.release();
      const { openStream } = session;
      const { exchange } = sealed;
      const isHeeded = transport === nativeTransport;
      return await openAnswer({
        exchange,
        response,
        signal,
        isHeeded,
        maxEnvelopeBytes,
        openStream,
        onOpened,
      });
    } catch (cause) {
      throw lost(cause, signal, response.status);
    }
  }
}

/** The session or the clock is not what the server expects, it seems: a new handshake mends both. */
function asksForRetry(error: unknown): boolean {
  return error instanceof PlainRefusal && RENEWABLE.has(error.code);
}

const RENEWABLE: ReadonlySet<string> = new Set(['ISO-2001', 'ISO-2002', 'ISO-3003']);

function retryOf({ session, sealed, timestamp }: Attempt): string {
  return encodeRetry({ sid: session.sid, timestamp, nonce: sealed.nonce, epoch: session.terms.epoch });
}

/** The answer didn't come: by the caller's own abort, or for a reason that leaves open whether the call ran. */
function lost(cause: unknown, signal: AbortSignal | null, status?: number): unknown {
  if (signal?.aborted === true) return abortReason(signal);
  if (cause instanceof NenError) return cause;
  const message = status === undefined ? 'No answer arrived.' : 'The answer broke off.';
  return new NenError('ISO-4005', { status, cause, message });
}
