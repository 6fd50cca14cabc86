/**
 * What a handler may know of the session behind its request: `nen.session(req)`.
 */
import type { SuiteName } from '../crypto/suite.ts';
import { encodePin } from '../protocol/identity.ts';
import { exportKey } from '../protocol/keys.ts';
import type { OpenedSession } from './opened-session.ts';
import type { ClientIdentity } from './server-identity.ts';

/** The session of a sealed call. */
export interface NenSession {
  /** Names the session; not a secret. */
  readonly sid: string;
  readonly suite: SuiteName;
  /** The origin that the client means, scheme://host[:port]. */
  readonly audience: string;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  /** The client's proved key; undefined for a client that proved none. */
  readonly identity: ClientIdentity | undefined;
  /**
   * A key of 32 bytes that only this session's two ends know, the same as `client.exporter(label)`: to bind a
   * login to the session (in the way of RFC 5705). To be called while the request is answered.
   * @throws {Error} once the session is over.
   * @throws {TypeError} for a label that is no well-formed string.
   */
  exporter(label: string): Uint8Array;
}

/**
 * Leads from what a framework's createContext gets to the opened request behind it. Registered: a bundler may have
 * made several copies of this module.
 */
const REQUEST = Symbol.for('trpc-nen.request');

/** Lets `nen.session` know a framework's own request or event. */
export function nameRequest(given: object, request: Request): void {
  Object.defineProperty(given, REQUEST, { value: request, configurable: true });
}

export class SessionFacts {
  /** undefined: a plain request that policy let in. */
  readonly #byRequest = new WeakMap<Request, OpenedSession | undefined>();

  seal(req: Request, session: OpenedSession): void {
    this.#byRequest.set(req, session);
  }

  plain(req: Request): void {
    this.#byRequest.set(req, undefined);
  }

  /** @throws {TypeError} for a request that didn't come through `wrap`. */
  of(given: object): NenSession | undefined {
    const req = (given as { readonly [REQUEST]?: Request })[REQUEST] ?? (given as Request);
    if (!this.#byRequest.has(req)) {
      throw new TypeError(
        'nen.session(req): this request did not come through nen.wrap; pass on the very object that your handler was given',
      );
    }
    const session = this.#byRequest.get(req);
    return session && factsOf(session);
  }
}

function factsOf(session: OpenedSession): NenSession {
  const { sid, suite, audience, createdAt, expiresAt, clientIdentity } = session;
  return {
    sid,
    suite,
    audience,
    createdAt: new Date(createdAt),
    expiresAt: new Date(expiresAt),
    identity: clientIdentity && { pin: encodePin(clientIdentity) },
    exporter: (label) => exportKey(session.keys, label),
  };
}
