/**
 * What a handler may know of the session behind its request: `nen.session(req)`.
 */
import type { SuiteName } from '../crypto/suite.ts';
import type { OpenedSession } from './sessions.ts';

/** The session of a sealed call. */
export interface NenSession {
  /** Names the session; not a secret. */
  readonly sid: string;
  readonly suite: SuiteName;
  /** The origin that the client means, scheme://host[:port]. */
  readonly audience: string;
  readonly createdAt: Date;
  readonly expiresAt: Date;
}

export class SessionFacts {
  /** undefined: a plain request that policy let in. */
  readonly #byRequest = new WeakMap<Request, NenSession | undefined>();

  seal(req: Request, { sid, suite, audience, createdAt, expiresAt }: OpenedSession): void {
    this.#byRequest.set(req, {
      sid,
      suite,
      audience,
      createdAt: new Date(createdAt),
      expiresAt: new Date(expiresAt),
    });
  }

  plain(req: Request): void {
    this.#byRequest.set(req, undefined);
  }

  /** @throws {TypeError} for a request that didn't come through `wrap`. */
  of(req: Request): NenSession | undefined {
    if (!this.#byRequest.has(req)) {
      throw new TypeError(
        'nen.session(req): this request did not come through nen.wrap; pass on the very object that your handler was given',
      );
    }
    return this.#byRequest.get(req);
  }
}
