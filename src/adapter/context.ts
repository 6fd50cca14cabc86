/**
 * What every part of one server shares: its options, resolved, and its sessions.
 */
import type { SyncPrimitives } from '../crypto/primitives.ts';
import type { Signer } from '../crypto/signature.ts';
import type { HandshakePolicy } from '../protocol/handshake-messages.ts';
import type { Cors } from './cors.ts';
import type { EventListener } from './events.ts';
import type { RateLimiter } from './rate-limit.ts';
import type { Authorize } from './server-identity.ts';
import type { Sessions } from './sessions.ts';
import type { Shaping } from './shaping.ts';
import type { Turns } from './turns.ts';

export interface Context {
  readonly primitives: SyncPrimitives;
  /** Its suites are loaded at the first handshake. */
  readonly handshakePolicy: () => Promise<HandshakePolicy>;
  readonly sessions: Sessions;
  /** The server's own identity, loaded at the first handshake; undefined where it has none. */
  readonly identity: (() => Promise<Signer>) | undefined;
  readonly authorize: Authorize | undefined;
  readonly now: () => number;
  readonly sessionTtlMs: number;
  readonly maxBodyBytes: number;
  /** The path prefix that a proxy in front removes: the client signed it. '' if none. */
  readonly mountPath: string;
  readonly plain: 'refuse' | 'allow';
  /** Lower-case. */
  readonly edgeHeaders: ReadonlySet<string>;
  /** Lower-case. */
  readonly publicHeaders: readonly string[];
  readonly cors: Cors | undefined;
  readonly report: EventListener;
  readonly rateLimit: RateLimiter;
  readonly clientAddress: (req: Request) => string | undefined;
  readonly keepAliveMs: number;
  readonly shaping: Shaping;
  /** Of bodies that are large, opened or sealed. */
  readonly turns: Turns;
  /** Of handshakes from clients that have no session yet. */
  readonly handshakeTurns: Turns;
}
