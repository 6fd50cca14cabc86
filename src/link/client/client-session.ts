/**
 * One session of a client: its keys, what the server said of it, and how long it is good for.
 */
import type { Primitives } from '../../crypto/primitives.ts';
import { ROTATE_AFTER_REQUESTS, ROTATE_AT_LIFE, SESSION_MAX_REQUESTS } from '../../protocol/constants.ts';
import { NenError, type NenOutcome } from '../../protocol/errors.ts';
import type { NewSession } from '../../protocol/handshake.ts';
import type { SessionTerms } from '../../protocol/handshake-messages.ts';
import { HeldSession } from '../../protocol/held-session.ts';
import type { Identities } from '../../protocol/key-schedule.ts';
import { importKeys } from '../../protocol/keys.ts';
import { type DeviceClock, ServerClock } from './clock.ts';
import type { OpenStream } from './open-stream.ts';

export class ClientSession extends HeldSession {
  readonly terms: SessionTerms;
  readonly identities: Identities;
  readonly clock: ServerClock;
  /** There before a call is sent: its answer may be a stream. */
  readonly openStream: OpenStream;
  requests = 0;

  constructor(
    primitives: Primitives,
    { sid, secrets, terms, ...identities }: NewSession,
    device: DeviceClock,
    openStream: OpenStream,
  ) {
    super(sid, importKeys(primitives, secrets));
    this.terms = terms;
    this.identities = identities;
    this.clock = new ServerClock(terms.now, device);
    this.openStream = openStream;
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

/** What all fails with in a client that was terminated. */
export function terminated(outcome: NenOutcome = 'not-run'): NenError {
  return new NenError('ISO-2001', { outcome });
}
