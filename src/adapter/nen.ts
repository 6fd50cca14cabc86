/**
 * `createNen`: one server side of the sealed channel. Its options are resolved and checked here, once;
 * nothing throws for what the environment lacks, so that a build may import routes without secrets.
 */
import { loadOnce } from '../crypto/load-once.ts';
import type { SyncPrimitives } from '../crypto/primitives.ts';
import { primitives } from '../crypto/select.ts';
import type { Signer } from '../crypto/signature.ts';
import { isSuiteName, loadSuite, type SuiteName } from '../crypto/suite.ts';
import {
  KEEP_ALIVE_MS,
  MAX_REQUEST_BYTES,
  SESSION_IDLE_MS,
  SESSION_TTL_MS,
  SILENCE_MS,
} from '../protocol/constants.ts';
import { newSid } from '../protocol/handshake.ts';
import type { HandshakePolicy } from '../protocol/handshake-messages.ts';
import type { StoreKey } from '../session/key-ring.ts';
import type { SessionStore } from '../session/types.ts';
import { audiences, headerNames, optionalFunction, pathPrefix, positiveInteger } from './checks.ts';
import type { Context } from './context.ts';
import { type CorsOptions, createCors } from './cors.ts';
import { environment } from './environment.ts';
import { consoleListener, type EventListener, guarded } from './events.ts';
import { realRequest } from './incoming-request.ts';
import { toNodeHandler } from './node-http/handler.ts';
import type { NodeHandler } from './node-http/types.ts';
import { DEFAULT_RATE, type RateLimiter, tokenBucket } from './rate-limit.ts';
import { type Authorize, readEnvironmentIdentity, readServerIdentity } from './server-identity.ts';
import { type NenSession, SessionFacts } from './session-facts.ts';
import { createActions, createRoutes, type SessionActions, type SessionRoutes } from './session-routes.ts';
import { Sessions } from './sessions.ts';
import { NO_SHAPING, resolveShaping, type ShapingOptions } from './shaping.ts';
import { resolveStore } from './stores.ts';
import { Turns } from './turns.ts';
import { createWithNen, type WithNen, type WithNenStream } from './with-nen/with-nen.ts';
import { createWrap, type Handler, type WrapOptions, type Wrapped } from './wrap.ts';

/** The options of `createNen`; each is checked when it is called. */
export interface NenOptions extends ShapingOptions {
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
  /** The server's ML-DSA-65 identity, which clients pin: a 32-byte seed as base64, or a signer (a KMS). By default NEN_IDENTITY. */
  readonly identity?: string | Signer;
  /** Decides which clients may have a session. By default every client. What it throws is a plain 500, and a `handler-error`. */
  readonly authorize?: Authorize;
  /** The suites that are accepted; to any other a client gets ISO-1003. By default all of them. */
  readonly suites?: readonly SuiteName[];
  /** The origins that clients may mean, scheme://host[:port]: those of the URLs that they call. By default every one. */
  readonly origins?: readonly string[];
  /** The path prefix that a proxy in front removes, such as '/app': clients signed it. By default none. */
  readonly mountPath?: string;
  /**
   * What becomes of plain requests to wrapped handlers and `withNen` routes: 'refuse' (the default; ISO-3007, for
   * routes ISO-3001), or 'allow' during a migration.
   */
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
  /**
   * The client's address for `rateLimit`, which a fetch Request does not tell: from a header that your edge overwrites.
   * By default it is not known, and all clients share one limit.
   */
  readonly clientAddress?: (req: Request) => string | undefined;
  /** The largest sealed request body, in bytes. 8 MiB by default. */
  readonly maxBodyBytes?: number;
  /** The absolute life of a session, in milliseconds. One hour by default. */
  readonly sessionTtlMs?: number;
  /** How long a session may rest, in milliseconds. 15 minutes by default. */
  readonly sessionIdleMs?: number;
  /** An empty record after this long without data keeps a stream alive, in milliseconds. 15 s by default. */
  readonly keepAliveMs?: number;
  /** The server's clock, in milliseconds since the epoch. Date.now by default. */
  readonly clock?: () => number;
}

/** One server side of the sealed channel. */
export interface Nen {
  /** The session routes, for a route file of their own. */
  readonly routes: SessionRoutes;
  /** The session routes one by one, whatever their paths are called. */
  readonly actions: SessionActions;
  /**
   * Seals a handler: requests come in opened, responses go out sealed.
   * @throws {TypeError} for an option that is given but wrong.
   */
  wrap<Rest extends unknown[]>(handler: Handler<Rest>, options?: WrapOptions): Wrapped<Rest>;
  /**
   * `wrap` for a server of node:http: `createServer(nen.node(handler))`. Express takes it too.
   * @throws {TypeError} for an option that is given but wrong.
   */
  node(handler: Handler<[]>, options?: WrapOptions): NodeHandler;
  /** The session routes for such a server: `app.use('/api/nen', nen.nodeRoutes)`. */
  readonly nodeRoutes: NodeHandler;
  /** Seals a handler that gets the opened body and returns a value. */
  readonly withNen: WithNen;
  /** Seals a handler that returns an async iterable. */
  readonly withNenStream: WithNenStream;
  /**
   * The session behind a request that a wrapped handler was given; undefined for a plain one that policy let in.
   * An adapter's createContext passes on its `req`, Lambda's its `event`.
   * @throws {TypeError} for a request that did not come through `wrap`.
   */
  session(req: object): NenSession | undefined;
  /** Asks the store and loads the identity, so that broken ones show at start. @throws {NenError} ISO-2003, ISO-1008. */
  check(): Promise<void>;
}

/** @throws {TypeError} for an option that is given but wrong. */
export function createNen(options: NenOptions = {}): Nen {
  refuseBrowser();
  const context = createContext(options);
  const facts = new SessionFacts();
  const wrap = createWrap(context, facts);
  const actions = createActions(context);
  const routes = createRoutes(context, actions);
  return {
    routes,
    actions,
    wrap: (handler, wrapOptions) => wrap(handler, wrapOptions),
    node: (handler, wrapOptions) => toNodeHandler(wrap(handler, wrapOptions)),
    nodeRoutes: toNodeHandler(routes.POST),
    ...createWithNen(context, wrap, facts),
    session: (req) => facts.of(req),
    check: async () => {
      await Promise.all([context.sessions.epoch(newSid()), context.identity?.()]);
    },
  };
}

/** A record holds times of 13 digits. */
const MAX_SESSION_MS = 365 * 86_400_000;

/** A call of a client that has its session takes three or four turns: it meets one handshake on its way. */
const HANDSHAKE_TURNS_APART = 4;

function createContext(options: NenOptions): Context {
  const clock = optionalFunction('clock', options.clock) ?? Date.now;
  const now = (): number => Math.floor(clock());
  const runtime = primitives();
  const publicHeaders = headerNames('publicHeaders', options.publicHeaders ?? []);
  const origins = options.origins && audiences('origins', options.origins);
  const store = resolveStore(options);
  const identity =
    readServerIdentity(options.identity) ?? readEnvironmentIdentity(environment('NEN_IDENTITY'));
  const idleMs = positiveInteger('sessionIdleMs', options.sessionIdleMs ?? SESSION_IDLE_MS, MAX_SESSION_MS);
  // A client takes a stream that is silent for longer than this for dead.
  const keepAliveMs = positiveInteger('keepAliveMs', options.keepAliveMs ?? KEEP_ALIVE_MS, SILENCE_MS - 1);
  return {
    primitives: runtime,
    handshakePolicy: loadPolicy(runtime, suiteNames(options.suites), origins),
    sessions: new Sessions({ store, primitives: runtime, now, idleMs, origins, identity }),
    identity,
    authorize: optionalFunction('authorize', options.authorize),
    now,
    sessionTtlMs: positiveInteger('sessionTtlMs', options.sessionTtlMs ?? SESSION_TTL_MS, MAX_SESSION_MS),
    maxBodyBytes: positiveInteger('maxBodyBytes', options.maxBodyBytes ?? MAX_REQUEST_BYTES),
    mountPath: pathPrefix('mountPath', options.mountPath ?? ''),
    plain: plainPolicy(options.plain ?? 'refuse'),
    edgeHeaders: new Set(headerNames('edgeHeaders', options.edgeHeaders ?? [])),
    publicHeaders,
    cors: options.cors && createCors(options.cors, publicHeaders),
    report: guarded('onEvent', optionalFunction('onEvent', options.onEvent) ?? consoleListener(now)),
    rateLimit: optionalFunction('rateLimit', options.rateLimit) ?? tokenBucket({ ...DEFAULT_RATE, now }),
    clientAddress: addressReader(optionalFunction('clientAddress', options.clientAddress)),
    keepAliveMs,
    shaping: resolveShaping(options, NO_SHAPING, keepAliveMs),
    turns: new Turns(),
    handshakeTurns: new Turns(HANDSHAKE_TURNS_APART),
  };
}

/** Where nobody reads addresses no real request is made: refusing a flood of handshakes would cost half more. */
function addressReader(read: NenOptions['clientAddress']): Context['clientAddress'] {
  return read === undefined ? () => undefined : (req) => read(realRequest(req));
}

const ALL_SUITES: readonly SuiteName[] = ['ML-KEM-768', 'X-Wing'];

function suiteNames(names: readonly SuiteName[] = ALL_SUITES): readonly SuiteName[] {
  if (names.length > 0 && [...names].every(isSuiteName)) return names;
  throw new TypeError("suites: a list of 'ML-KEM-768' and 'X-Wing'");
}

/** Suites are loaded once, when a client first asks. */
function loadPolicy(
  runtime: SyncPrimitives,
  names: readonly SuiteName[],
  origins: ReadonlySet<string> | undefined,
): () => Promise<HandshakePolicy> {
  return loadOnce(async () => {
    const suites = await Promise.all(names.map((name) => loadSuite(runtime, name)));
    return { suites, origins };
  });
}

function plainPolicy(plain: 'refuse' | 'allow'): 'refuse' | 'allow' {
  if (plain === 'refuse' || plain === 'allow') return plain;
  throw new TypeError("plain: 'refuse' or 'allow'");
}

/** Server keys have no place in a page. Workers have no document either way. */
function refuseBrowser(): void {
  if (typeof document !== 'undefined' && typeof window !== 'undefined') {
    throw new TypeError(
      'trpc-nen: the server side was loaded in a browser; import trpc-nen/link or trpc-nen/client there',
    );
  }
}
