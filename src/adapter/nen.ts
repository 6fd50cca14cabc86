/**
 * `createNen`: one server side of the sealed channel. Its options are resolved and checked here, once;
 * nothing throws for what the environment lacks, so that a build may import routes without secrets.
 */
import { primitives } from '../crypto/select.ts';
import { mlKem768Suite } from '../crypto/suite.ts';
import { KEEP_ALIVE_MS, MAX_REQUEST_BYTES, SESSION_IDLE_MS, SESSION_TTL_MS } from '../protocol/constants.ts';
import { isAudience } from '../protocol/formats.ts';
import { newSid } from '../protocol/handshake.ts';
import type { StoreKey } from '../session/key-ring.ts';
import type { SessionStore } from '../session/types.ts';
import type { Context } from './context.ts';
import { type CorsOptions, createCors } from './cors.ts';
import { consoleListener, type EventListener, guarded } from './events.ts';
import { DEFAULT_RATE, type RateLimiter, tokenBucket } from './rate-limit.ts';
import { createRoutes, type SessionRoutes } from './routes.ts';
import { type NenSession, SessionFacts } from './session-facts.ts';
import { Sessions } from './sessions.ts';
import { resolveStore } from './stores.ts';
import { createWrap, type Handler, type WrapOptions, type Wrapped } from './wrap.ts';

export interface NenOptions {
  /**
   * Where sessions and replay claims are kept. By default what the environment names (UPSTASH_REDIS_REST_URL
   * and UPSTASH_REDIS_REST_TOKEN, or REDIS_URL with ioredis installed), else this process's memory: one
   * instance only.
   */
  readonly store?: SessionStore;
  /**
   * The keys that seal session records in every store outside of the process: the first seals, all open.
   * Made by `npx trpc-nen keygen --store`, or a KMS's. By default NEN_STORE_KEYS, separated by commas.
   */
  readonly storeKeys?: readonly StoreKey[];
  /** The origins that clients may mean, scheme://host[:port]. By default every one. */
  readonly origins?: readonly string[];
  /** The path prefix that a proxy in front removes, such as '/app': clients signed it. */
  readonly mountPath?: string;
  /** What becomes of plain requests to wrapped handlers: refused (ISO-3007), or allowed during a migration. */
  readonly plain?: 'refuse' | 'allow';
  /** Request headers that your edge sets and a client must not: never taken from inside. */
  readonly edgeHeaders?: readonly string[];
  /** Headers that the way may read: copied outside, and unprotected there. */
  readonly publicHeaders?: readonly string[];
  /** For clients on another origin. */
  readonly cors?: CorsOptions;
  /** Receives every event; without it, refusals are warned of on the console. */
  readonly onEvent?: EventListener;
  /** Decides on each handshake. By default token buckets by `clientAddress`. */
  readonly rateLimit?: RateLimiter;
  /** The client's address, which a fetch Request does not tell: from a header of your edge, say. */
  readonly clientAddress?: (req: Request) => string | undefined;
  /** The largest sealed request body, in bytes. 8 MiB by default. */
  readonly maxBodyBytes?: number;
  /** The absolute life of a session, in milliseconds. One hour by default. */
  readonly sessionTtlMs?: number;
  /** How long a session may rest, in milliseconds. 15 minutes by default. */
  readonly sessionIdleMs?: number;
  /** An empty record after this long without data keeps a stream alive, in milliseconds. 15 s by default. */
  readonly keepAliveMs?: number;
  /** The server's clock, in milliseconds since the epoch. */
  readonly clock?: () => number;
}

export interface Nen {
  /** The session routes, for a route file of their own. */
  readonly routes: SessionRoutes;
  /** Seals a handler: requests come in opened, responses go out sealed. */
  wrap<Rest extends unknown[]>(handler: Handler<Rest>, options?: WrapOptions): Wrapped<Rest>;
  /**
   * The session behind a request that a wrapped handler was given; undefined for a plain one that policy let in.
   * @throws {TypeError} for a request that did not come through `wrap`.
   */
  session(req: Request): NenSession | undefined;
  /** Asks the store, so that a broken one shows at start. @throws {NenError} ISO-2003. */
  check(): Promise<void>;
}

/** @throws {TypeError} for an option that is given but wrong. */
export function createNen(options: NenOptions = {}): Nen {
  refuseBrowser();
  const context = createContext(options);
  const facts = new SessionFacts();
  const wrap = createWrap(context, facts);
  return {
    routes: createRoutes(context),
    wrap,
    session: (req) => facts.of(req),
    check: async () => {
      await context.sessions.epoch(newSid());
    },
  };
}

function createContext(options: NenOptions): Context {
  const now = options.clock ?? Date.now;
  const runtime = primitives();
  const publicHeaders = (options.publicHeaders ?? []).map((name) => name.toLowerCase());
  const suites = [mlKem768Suite(runtime)];
  const origins = originSet(options.origins);
  const idleMs = positive('sessionIdleMs', options.sessionIdleMs ?? SESSION_IDLE_MS);
  return {
    primitives: runtime,
    suites,
    handshakePolicy: { suites, origins },
    sessions: new Sessions({
      store: resolveStore(options),
      primitives: runtime,
      now,
      idleMs,
      origins,
    }),
    now,
    sessionTtlMs: positive('sessionTtlMs', options.sessionTtlMs ?? SESSION_TTL_MS),
    maxBodyBytes: positive('maxBodyBytes', options.maxBodyBytes ?? MAX_REQUEST_BYTES),
    mountPath: mountPath(options.mountPath ?? ''),
    plain: plainPolicy(options.plain ?? 'refuse'),
    edgeHeaders: new Set((options.edgeHeaders ?? []).map((name) => name.toLowerCase())),
    publicHeaders,
    cors: options.cors && createCors(options.cors, publicHeaders),
    report: guarded(options.onEvent ?? consoleListener(now)),
    rateLimit: options.rateLimit ?? tokenBucket({ ...DEFAULT_RATE, now }),
    clientAddress: options.clientAddress ?? (() => undefined),
    keepAliveMs: positive('keepAliveMs', options.keepAliveMs ?? KEEP_ALIVE_MS),
  };
}

function originSet(origins: readonly string[] | undefined): ReadonlySet<string> | undefined {
  if (origins === undefined) return undefined;
  if (origins.length === 0 || !origins.every(isAudience)) {
    throw new TypeError('origins: a list of origins, scheme://host[:port], without a path');
  }
  return new Set(origins);
}

function mountPath(path: string): string {
  if (path === '' || (path.startsWith('/') && !path.endsWith('/'))) return path;
  throw new TypeError("mountPath: begins with '/' and does not end with one");
}

function plainPolicy(plain: 'refuse' | 'allow'): 'refuse' | 'allow' {
  if (plain === 'refuse' || plain === 'allow') return plain;
  throw new TypeError("plain: 'refuse' or 'allow'");
}

function positive(name: string, value: number): number {
  if (Number.isFinite(value) && value > 0) return value;
  throw new TypeError(`${name}: a positive number`);
}

/** Server keys have no place in a page. Workers have no document either way. */
function refuseBrowser(): void {
  if (typeof document !== 'undefined' && typeof window !== 'undefined') {
    throw new TypeError(
      'trpc-nen: the server side was loaded in a browser; import trpc-nen/link or trpc-nen/client there',
    );
  }
}
