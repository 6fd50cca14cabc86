/**
 * The stage of the attack tests: an honest server over real HTTP, and the adversary between it and its clients.
 *
 *   world      `startWorld()`: sealed echo and tRPC handlers with a log of what ran, a clock, the store's log
 *   attacker   `openSession(world)`: a session made from src/protocol, whose requests can be altered byte by byte
 *   victim     `world.client()`, `world.trpc()`: the real client, with a transport that `inTheMiddle` can tamper with
 *
 * `expectRefused` is the rule of the catalogue: an exact answer, nothing run, no nonce claimed, and
 * a good request right before and right after.
 */
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { connect, type Socket } from 'node:net';
import { createTRPCClient, type TRPCClient } from '@trpc/client';
import { initTRPC } from '@trpc/server';
import { fetchRequestHandler } from '@trpc/server/adapters/fetch';
import { expect } from 'vitest';
import { createNen, type Nen, type NenEvent, type NenOptions } from '../../src/adapter/server.ts';
import {
  type Bytes,
  bytesToLatin1,
  concatBytes,
  latin1ToBytes,
  utf8ToBytes,
} from '../../src/crypto/bytes.ts';
import { primitives } from '../../src/crypto/select.ts';
import { mlKem768Suite } from '../../src/crypto/suite.ts';
import type { NenClientOptions } from '../../src/link/client/index.ts';
import { NenClient } from '../../src/link/client/index.ts';
import type { Transport, TransportInit } from '../../src/link/client/transport.ts';
import { nenLink } from '../../src/link/index.ts';
import type { Encoding, RequestKind } from '../../src/protocol/envelope.ts';
import { type NenErrorCode, statusOf, WIRE_ERRORS } from '../../src/protocol/errors.ts';
import {
  type OpenedResponse,
  openResponse,
  type SealedRequest,
  sealRequest,
} from '../../src/protocol/exchange.ts';
import { finishHandshake, startHandshake, UNPINNED } from '../../src/protocol/handshake.ts';
import { encodeClientHello, type SessionTerms } from '../../src/protocol/handshake-messages.ts';
import type { Field } from '../../src/protocol/headers.ts';
import { decodeResponse, encodeRequest, type HttpResponse } from '../../src/protocol/http.ts';
import { importKeys, type SessionContext, type SyncSessionKeys } from '../../src/protocol/keys.ts';
import type { RequestLine } from '../../src/protocol/signed-headers.ts';
import {
  type ClaimOptions,
  type ClaimResult,
  InMemorySessionStore,
  type InMemorySessionStoreOptions,
} from '../../src/session/index.ts';
import { serve } from '../support/serve.ts';

// ---------------------------------------------------------------------------------------------- the world

/** A clock that stands still until it is moved. */
export class TestClock {
  #now = 1_790_000_000_000;
  readonly now = (): number => this.#now;
  advance(ms: number): void {
    this.#now += ms;
  }
}

/** The store in memory, with a log of what it was asked to keep. */
export class LoggingStore extends InMemorySessionStore {
  /** Sids of the sessions that were created. */
  readonly created: string[] = [];
  /** `sid nonce` of each nonce that was claimed. */
  readonly claims: string[] = [];
  /** How often a session was looked up. */
  reads = 0;
  readonly #awaitingRead: (() => void)[] = [];

  /** Resolves once a session has been looked up and the turn of the event loop is over: its request waits for its body. */
  nextRead(): Promise<void> {
    return new Promise((resolve) => this.#awaitingRead.push(resolve));
  }

  override async create(sid: string, record: Bytes, ttlMs: number): Promise<void> {
    this.created.push(sid);
    return super.create(sid, record, ttlMs);
  }

  override async read(sid: string): Promise<Bytes | undefined> {
    this.reads++;
    for (const resolve of this.#awaitingRead.splice(0)) setImmediate(resolve);
    return super.read(sid);
  }

  override async claim(
    sid: string,
    nonce: string,
    attempt: string,
    options: ClaimOptions,
  ): Promise<ClaimResult> {
    const result = await super.claim(sid, nonce, attempt, options);
    if (result === 'claimed') this.claims.push(`${sid} ${nonce}`);
    return result;
  }
}

export type EchoHandler = (req: Request) => Response | Promise<Response>;

export interface WorldOptions extends Omit<NenOptions, 'store' | 'clock'> {
  readonly store?: InMemorySessionStoreOptions;
  /** Answers under /api/echo; by default tells method, URL and body. */
  readonly echo?: EchoHandler;
  /** Another instance over the store and the clock of this world. */
  readonly sharedWith?: World;
}

export interface World {
  /** http://127.0.0.1:port */
  readonly url: string;
  readonly port: number;
  readonly nen: Nen;
  readonly store: LoggingStore;
  readonly clock: TestClock;
  readonly events: readonly NenEvent[];
  /** What the handlers ran, in order: 'POST /api/echo/x' or 'trpc add'. */
  readonly ran: readonly string[];
  /** Resolves with the next event that passes. To be called before what causes it. */
  nextEvent(passes: (event: NenEvent) => boolean): Promise<NenEvent>;
  /** A real client, on the world's clock. */
  client(options?: NenClientOptions): NenClient;
  /** The real client of the tRPC router, on the world's clock. */
  trpc(options?: NenClientOptions & { stream?: boolean; maxItems?: number }): TRPCClient<WorldRouter>;
  close(): Promise<void>;
}

export const ECHO_PATH = '/api/echo/x';
const TRPC_ENDPOINT = '/api/trpc';
export const TUNNEL_PATH = '/api/trpc/sealed';
export const NEN_PATH = '/api/nen';

function createRouter(ran: string[]) {
  const t = initTRPC.create({ isServer: true });
  const text = (value: unknown): string => String(value);
  const procedure = t.procedure.use(({ path, next }) => {
    ran.push(`trpc ${path}`);
    return next();
  });
  return t.router({
    hello: procedure.input(text).query(({ input }) => `hello ${input}`),
    add: procedure.input(text).mutation(({ input }) => `added ${input}`),
    remove: procedure.input(text).mutation(({ input }) => `removed ${input}`),
    count: procedure.input(Number).subscription(async function* ({ input }) {
      for (let i = 0; i < input; i++) yield i;
    }),
  });
}

export type WorldRouter = ReturnType<typeof createRouter>;

export async function startWorld(options: WorldOptions = {}): Promise<World> {
  const { store: storeOptions, echo, sharedWith, ...nenOptions } = options;
  const clock = sharedWith?.clock ?? new TestClock();
  const store = sharedWith?.store ?? new LoggingStore({ ...storeOptions, now: clock.now });
  const events: NenEvent[] = [];
  const waiting = new Set<(event: NenEvent) => void>();
  const ran: string[] = [];
  const nen = createNen({
    ...nenOptions,
    store,
    clock: clock.now,
    onEvent: (event) => {
      events.push(event);
      for (const look of waiting) look(event);
      options.onEvent?.(event);
    },
  });
  const router = createRouter(ran);
  const trpc = nen.wrap((req) =>
    fetchRequestHandler({ endpoint: TRPC_ENDPOINT, req, router, createContext: () => ({}) }),
  );
  const echoed = nen.wrap((req) => {
    ran.push(`${req.method} ${new URL(req.url).pathname}`);
    return echo === undefined ? tellRequest(req) : echo(req);
  });
  const server = await serve((req) => {
    const { pathname } = new URL(req.url);
    if (pathname.startsWith(`${NEN_PATH}/`)) return nen.routes[req.method === 'POST' ? 'POST' : 'GET'](req);
    return pathname.startsWith('/api/echo') ? echoed(req) : trpc(req);
  });
  const device = { wall: clock.now, monotonic: clock.now };
  return {
    url: server.url,
    port: Number(new URL(server.url).port),
    nen,
    store,
    clock,
    events,
    ran,
    nextEvent: (passes) =>
      new Promise((resolve) => {
        const look = (event: NenEvent): void => {
          if (!passes(event)) return;
          waiting.delete(look);
          resolve(event);
        };
        waiting.add(look);
      }),
    client: (clientOptions) => new NenClient(server.url, { clock: device, ...clientOptions }),
    trpc: (clientOptions) =>
      createTRPCClient<WorldRouter>({
        links: [
          nenLink<WorldRouter>({ url: `${server.url}${TRPC_ENDPOINT}`, clock: device, ...clientOptions }),
        ],
      }),
    close: () => server.close(),
  };
}

async function tellRequest(req: Request): Promise<Response> {
  return Response.json({ method: req.method, url: req.url, body: await req.text() });
}

// ------------------------------------------------------------------------------------------------ the wire

/** A request as it goes onto the wire: nothing is normalised on the way. */
export interface WireRequest {
  readonly method: string;
  /** The request target: path and query. */
  readonly target: string;
  /** A list sends the field as often. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: Bytes | undefined;
}

export interface WireResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Bytes;
  /** The body as latin1 text. */
  readonly text: string;
}

/** Sends exactly this, on a connection of its own. */
export function send(
  world: Pick<World, 'port'>,
  { method, target, headers, body }: WireRequest,
): Promise<WireResponse> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(
      {
        host: '127.0.0.1',
        port: world.port,
        method,
        path: target,
        agent: false,
        headers: {
          ...(headers as Record<string, string | string[]>),
          ...(body !== undefined &&
            !('Content-Length' in headers || 'Transfer-Encoding' in headers) && {
              'Content-Length': String(body.length),
            }),
        },
      },
      (incoming) => {
        const chunks: Bytes[] = [];
        incoming.on('data', (chunk: Bytes) => chunks.push(Uint8Array.from(chunk)));
        incoming.on('error', reject);
        incoming.on('end', () => {
          const bytes = concatBytes(chunks);
          const { statusCode = 0, headers: fields } = incoming;
          resolve({ status: statusCode, headers: fields, body: bytes, text: bytesToLatin1(bytes) });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** The request as HTTP/1.1 text, for what no HTTP client would send. */
export function toHttpText({ method, target, headers, body }: WireRequest): Bytes {
  const fields = Object.entries(headers).flatMap(([name, value]) =>
    [value].flat().map((one) => `${name}: ${one}\r\n`),
  );
  const length =
    body === undefined || 'Transfer-Encoding' in headers || 'Content-Length' in headers
      ? ''
      : `Content-Length: ${body.length}\r\n`;
  const head = `${method} ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n${fields.join('')}${length}\r\n`;
  return concatBytes([latin1ToBytes(head), body ?? new Uint8Array(0)]);
}

/** A bare connection to the server. `received` resolves with all that came, once the server has closed it. */
export function openSocket(world: Pick<World, 'port'>): { socket: Socket; received: Promise<string> } {
  const socket = connect(world.port, '127.0.0.1');
  const received = new Promise<string>((resolve) => {
    let text = '';
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      text += chunk;
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(text));
  });
  return { socket, received };
}

/** Sends these bytes and reads until the server closes. */
export function sendRaw(world: Pick<World, 'port'>, bytes: Bytes): Promise<string> {
  const { socket, received } = openSocket(world);
  socket.write(bytes);
  return received;
}

// -------------------------------------------------------------------------------------------- the attacker

export interface CallOptions {
  readonly method?: string;
  /** Outer path and query. */
  readonly target?: string;
  /** A string is taken as UTF-8. */
  readonly payload?: string | Bytes | readonly Bytes[];
  readonly kind?: RequestKind;
  readonly encoding?: Encoding;
  /** Milliseconds since the epoch; the server's now by default. */
  readonly timestamp?: number;
  readonly retry?: string;
}

/** A sealed request, with what opens its answer. */
export interface SealedCall extends WireRequest {
  readonly sealed: SealedRequest;
  readonly timestamp: number;
}

/** A session of the attacker's own, whose every message can be altered before it is sent. */
export interface AttackSession extends SessionContext<SyncSessionKeys> {
  readonly terms: SessionTerms;
  /** By default a JSON body POSTed to the echo handler. */
  seal(options?: CallOptions): Promise<SealedCall>;
  /** A tunnelled call of the tRPC handler. */
  tunnel(
    inner: { method?: string; path: string; fields?: readonly Field[]; body?: string },
    options?: CallOptions,
  ): Promise<SealedCall>;
}

export const AUDIENCE = 'https://victim.example';

/** Does the handshake, over HTTP. */
export async function openSession(
  world: Pick<World, 'port'> & { readonly clock: Pick<TestClock, 'now'> },
  audience: string = AUDIENCE,
): Promise<AttackSession> {
  const p = primitives();
  const pending = await startHandshake(mlKem768Suite(p), audience);
  const answer = await send(world, handshakeRequest(encodeClientHello(pending.hello)));
  expect(answer.status, answer.text).toBe(200);
  const { sid, secrets, terms } = await finishHandshake(p, pending, answer.body, UNPINNED);
  const context = { sid, keys: importKeys(p, secrets) };
  const seal = (options: CallOptions = {}): Promise<SealedCall> =>
    sealCall(context, { timestamp: world.clock.now(), ...options });
  return {
    ...context,
    terms,
    seal,
    tunnel: ({ method = 'GET', path, fields = [], body = '' }, options) =>
      seal({
        target: TUNNEL_PATH,
        kind: 'http',
        payload: encodeRequest({ method, path, fields, body: utf8ToBytes(body) }),
        ...options,
      }),
  };
}

export function handshakeRequest(body: Bytes): WireRequest {
  return {
    method: 'POST',
    target: `${NEN_PATH}/handshake`,
    headers: { 'Content-Type': 'application/json' },
    body,
  };
}

/** A request sealed under any session. */
export async function sealCall(
  context: SessionContext,
  options: CallOptions & { timestamp: number },
): Promise<SealedCall> {
  const {
    method = 'POST',
    target = ECHO_PATH,
    kind = 'json',
    encoding = 'json',
    timestamp,
    retry = '',
  } = options;
  const payload = options.payload ?? (kind === 'none' ? [] : '{"honest":true}');
  const pieces =
    typeof payload === 'string'
      ? [utf8ToBytes(payload)]
      : payload instanceof Uint8Array
        ? [payload]
        : payload;
  const sealed = await sealRequest(context, toLine(method, target), pieces, {
    kind,
    encoding,
    timestamp,
    retry,
  });
  return { method, target, headers: sealed.headers, body: sealed.body, sealed, timestamp };
}

export function toLine(method: string, target: string): RequestLine {
  const at = target.indexOf('?');
  return at === -1
    ? { method, path: target, query: '' }
    : { method, path: target.slice(0, at), query: target.slice(at) };
}

/** The same request with other headers: undefined takes one away. */
export function withHeaders(
  request: WireRequest,
  changes: Readonly<Record<string, string | readonly string[] | undefined>>,
): WireRequest {
  const headers: Record<string, string | readonly string[]> = { ...request.headers };
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) delete headers[name];
    else headers[name] = value;
  }
  return { method: request.method, target: request.target, headers, body: request.body };
}

export function header(request: WireRequest, name: string): string {
  const value = request.headers[name];
  if (typeof value !== 'string') throw new Error(`no ${name}`);
  return value;
}

/** Opens a sealed answer; throws if it is none. */
export function open(
  { sealed }: SealedCall,
  { status, headers, body }: WireResponse,
): Promise<OpenedResponse> {
  const reader = { get: (name: string) => headers[name.toLowerCase()]?.toString() ?? null };
  return openResponse(sealed.exchange, status, reader, body);
}

/** Opens an answer whose payload is a whole HTTP message. */
export async function openHttp(call: SealedCall, response: WireResponse): Promise<HttpResponse> {
  const { kind, payload } = await open(call, response);
  const message = kind === 'http' ? decodeResponse(payload) : undefined;
  if (message === undefined) throw new Error(`an answer of kind ${kind}`);
  return message;
}

/** `bytes` with one bit turned over. */
export function flipBit(bytes: Bytes, bit: number): Bytes {
  const flipped = bytes.slice();
  flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return flipped;
}

// ------------------------------------------------------------------------------------------ the man between

/** What the way does with one request of the victim's: `forward` passes it on, as it is or altered. */
export type Middleman = (
  request: { readonly url: string; readonly init: TransportInit },
  forward: (changes?: Partial<TransportInit>) => Promise<Response>,
) => Promise<Response>;

/** A transport through the middleman. Handshakes pass unless `handshakes` is set. */
export function inTheMiddle(middleman: Middleman, { handshakes = false } = {}): Transport {
  return (url, init) => {
    const forward = (changes: Partial<TransportInit> = {}): Promise<Response> =>
      fetch(url, { ...init, ...changes });
    return url.endsWith('/handshake') && !handshakes ? forward() : middleman({ url, init }, forward);
  };
}

/** A refusal in clear, as anybody on the way can say it. */
export function forgedRefusal(code: NenErrorCode, status: number = statusOf(code)): Response {
  return Response.json({ error: { code, message: WIRE_ERRORS[code].message } }, { status });
}

// ------------------------------------------------------------------------------------------- the judgement

/** The exact form of a refusal in clear. */
export function expectPlainRefusal(response: WireResponse, code: NenErrorCode): void {
  const { message } = WIRE_ERRORS[code];
  expect(response.text).toBe(JSON.stringify({ error: { code, message } }));
  expect(response.status).toBe(statusOf(code));
  expect(response.headers['content-type']).toBe('application/json');
  expect(response.headers['cache-control']).toBe('no-store');
}

/** The exact form of a sealed refusal. */
export async function expectSealedRefusal(
  call: SealedCall,
  response: WireResponse,
  code: NenErrorCode,
): Promise<void> {
  const { kind, payload } = await open(call, response);
  const { message } = WIRE_ERRORS[code];
  expect(kind).toBe('error');
  expect(bytesToLatin1(payload)).toBe(JSON.stringify({ code, message }));
  expect(response.status).toBe(call.sealed.exchange.kind === 'http' ? 200 : statusOf(code));
  expect(response.headers['cache-control']).toBe('no-store, no-transform');
}

/** An honest request runs once and its answer opens. */
export async function expectGood(world: World, session: AttackSession): Promise<void> {
  const ranBefore = world.ran.length;
  const call = await session.seal();
  const { kind, payload } = await open(call, await send(world, call));
  expect(kind).toBe('json');
  expect(JSON.parse(bytesToLatin1(payload))).toMatchObject({ method: 'POST' });
  expect(world.ran.slice(ranBefore)).toEqual([`POST ${ECHO_PATH}`]);
}

/** `attack` runs nothing and claims no nonce; a good request succeeds right before and right after. */
export async function expectNothingRuns(
  world: World,
  session: AttackSession,
  attack: () => Promise<void>,
): Promise<void> {
  await expectGood(world, session);
  const before = { ran: [...world.ran], claims: [...world.store.claims] };
  await attack();
  expect(world.ran).toEqual(before.ran);
  expect(world.store.claims).toEqual(before.claims);
  await expectGood(world, session);
}

/** Each of these is refused in clear with the code: see {@link expectNothingRuns}. */
export async function expectRefused(
  world: World,
  session: AttackSession,
  requests: WireRequest | readonly WireRequest[],
  code: NenErrorCode,
): Promise<void> {
  await expectNothingRuns(world, session, async () => {
    for (const request of [requests].flat()) expectPlainRefusal(await send(world, request), code);
  });
}
