/**
 * The stage: an honest server in this process, called by the functions that an application exports, with a log of
 * what ran, of what its store was asked to keep, and of every refusal as the wire has it.
 */
import { initTRPC } from '@trpc/server';
import { fetchRequestHandler } from '@trpc/server/adapters/fetch';
import { createNen, type Nen, type NenOptions } from '../../src/adapter/server.ts';
import type { Bytes } from '../../src/crypto/bytes.ts';
import { primitives } from '../../src/crypto/select.ts';
import { mlKem768Suite } from '../../src/crypto/suite.ts';
import { NenClient, type NenClientOptions } from '../../src/link/client/index.ts';
import { isWhole, openAnswer } from '../../src/link/client/open-answer.ts';
import { openStream } from '../../src/link/client/open-stream.ts';
import type { Transport } from '../../src/link/client/transport.ts';
import { MAX_ENVELOPE_BYTES } from '../../src/protocol/constants.ts';
import { type NenErrorCode, WIRE_ERRORS } from '../../src/protocol/errors.ts';
import type { Exchange } from '../../src/protocol/exchange.ts';
import { finishHandshake, startHandshake, UNPINNED } from '../../src/protocol/handshake.ts';
import { encodeClientHello } from '../../src/protocol/handshake-messages.ts';
import { importKeys, type SessionContext } from '../../src/protocol/keys.ts';
import { trickle } from '../attack/frames.ts';
import {
  AUDIENCE,
  type CallOptions,
  LoggingStore,
  NEN_PATH,
  type SealedCall,
  sealCall,
  TestClock,
  type WireRequest,
} from '../attack/harness.ts';
import type { Outcome } from './tally.ts';

/** What an application exports. */
export type Handle = (req: Request) => Promise<Response>;

function createRouter(ran: string[]) {
  const t = initTRPC.create({ isServer: true });
  const procedure = t.procedure.use(({ path, next }) => {
    ran.push(path);
    return next();
  });
  const text = (input: unknown): string => String(input);
  return t.router({
    hello: procedure.input(text).query(({ input }) => `hello ${input}`),
    add: procedure.input(text).mutation(({ input }) => `added ${input}`),
    count: procedure.input(Number).subscription(async function* ({ input }) {
      for (let at = 0; at < input; at++) yield at;
    }),
  });
}

export type StageRouter = ReturnType<typeof createRouter>;

/** The store, with a log of the sessions that it was asked to end. */
class WatchedStore extends LoggingStore {
  readonly ended: string[] = [];

  override rotate(oldSid: string, newSid: string, record: Bytes, ttlMs: number): Promise<boolean> {
    this.ended.push(oldSid);
    return super.rotate(oldSid, newSid, record, ttlMs);
  }

  override delete(sid: string): Promise<boolean> {
    this.ended.push(sid);
    return super.delete(sid);
  }
}

/** What the way does with the body of each sealed answer. */
export interface Way {
  alter: (body: Bytes) => Bytes;
}

/** The chunks of a streamed answer, a record each: seven records with the head and the end. */
export const CHUNKS = ['zero;', 'one;', 'two;', 'three;', 'four;'] as const;

export class Stage {
  readonly clock: TestClock = new TestClock();
  readonly store: WatchedStore = new WatchedStore({ now: this.clock.now });
  readonly nen: Nen;
  /** What handlers ran. */
  readonly ran: string[] = [];
  /** Answers as the path says: /json, /text, /empty, /stream, /failing. */
  readonly echo: Handle;
  readonly padded: Handle;
  readonly trpc: Handle;

  constructor(options: NenOptions = {}) {
    this.nen = createNen({
      rateLimit: () => 0,
      onEvent: () => undefined,
      ...options,
      store: this.store,
      clock: this.clock.now,
    });
    const echo = async (req: Request): Promise<Response> => {
      const body = await req.text();
      this.ran.push(`${req.method} ${req.url} ${body}`);
      return answerOf(req, body);
    };
    this.echo = this.nen.wrap(echo);
    this.padded = this.nen.wrap(echo, { padding: { blockBytes: 32 } });
    const router = createRouter(this.ran);
    this.trpc = this.nen.wrap((req) =>
      fetchRequestHandler({ endpoint: '/api/trpc', req, router, createContext: () => ({}) }),
    );
  }

  /** A client of `handle`, and the way to it. */
  client(handle: Handle, options: NenClientOptions = {}): { readonly client: NenClient; readonly way: Way } {
    const way: Way = { alter: (body) => body };
    const fetch: Transport = async (url, init) => {
      const request = new Request(url, init);
      if (new URL(url).pathname.startsWith(`${NEN_PATH}/`)) return this.nen.routes.POST(request);
      const answer = await readWhole(await handle(request));
      return toResponse({ ...answer, bytes: way.alter(answer.bytes) });
    };
    const clock = { wall: this.clock.now, monotonic: this.clock.now };
    return { client: new NenClient(AUDIENCE, { fetch, clock, ...options }), way };
  }

  async openSession(): Promise<SessionContext> {
    const p = primitives();
    const pending = await startHandshake(mlKem768Suite(p), AUDIENCE);
    const response = await this.nen.routes.POST(
      new Request(`${AUDIENCE}${NEN_PATH}/handshake`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: encodeClientHello(pending.hello),
      }),
    );
    const answer: Bytes = new Uint8Array(await response.arrayBuffer());
    const { sid, secrets } = await finishHandshake(p, pending, answer, UNPINNED);
    return { sid, keys: importKeys(p, secrets) };
  }

  seal(session: SessionContext, options: CallOptions): Promise<SealedCall> {
    return sealCall(session, { timestamp: this.clock.now(), ...options });
  }

  /** All that must stay as it is while requests are refused. */
  mark(): string {
    const { claims, created, ended } = this.store;
    return `${this.ran.length} run, ${claims.length} claimed, ${created.length} created, ${ended.length} ended`;
  }
}

function answerOf(req: Request, body: string): Response {
  switch (new URL(req.url).pathname.split('/').at(-1)) {
    case 'text':
      return new Response(`heard ${body}`, { status: 201, headers: { 'X-Inner': '1' } });
    case 'empty':
      return new Response(null, { status: 204 });
    case 'stream':
      return new Response(trickle(CHUNKS));
    case 'failing':
      return new Response(breakingOff());
    default:
      return Response.json({ heard: body });
  }
}

/** Two chunks, then an error. */
function breakingOff(): ReadableStream<Bytes> {
  const reader = trickle(CHUNKS).getReader();
  let left = 2;
  return new ReadableStream<Bytes>(
    {
      async pull(controller) {
        const { value } = await reader.read();
        if (left-- > 0 && value !== undefined) controller.enqueue(value);
        else throw new Error('broke off');
      },
    },
    { highWaterMark: 0 },
  );
}

// ------------------------------------------------------------------------------------------------ the wire

/** @returns undefined for what no Request can be made of: HTTP can't carry it. */
export function toRequest(
  { method, target, headers, body }: WireRequest,
  origin = AUDIENCE,
): Request | undefined {
  try {
    return new Request(origin + target, {
      method,
      headers: headers as Record<string, string>,
      ...(body !== undefined && { body }),
    });
  } catch {
    return undefined;
  }
}

interface Refusal {
  readonly outcome: Outcome;
  readonly status: number;
}

/** Each refusal by its whole text: a word more or less is none. */
const REFUSALS = new Map<string, Refusal>([
  ...Object.entries(WIRE_ERRORS).flatMap(([code, { message, status }]): [string, Refusal][] =>
    status === undefined
      ? []
      : [[JSON.stringify({ error: { code, message } }), { outcome: code as NenErrorCode, status }]],
  ),
  ['Not Found', { outcome: '404', status: 404 }],
  ['Method Not Allowed', { outcome: '405', status: 405 }],
  ['Unsupported Media Type', { outcome: '415', status: 415 }],
]);

/** What a refusal in clear is; undefined for an answer that is none. */
export function refusalIn(text: string, status: number): Outcome | undefined {
  const refusal = REFUSALS.get(text);
  return refusal?.status === status ? refusal.outcome : undefined;
}

/** A response read to its end. */
export interface Whole {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Bytes;
}

export async function readWhole({ status, headers, body }: Response): Promise<Whole> {
  const bytes: Bytes = new Uint8Array(await new Response(body).arrayBuffer());
  return { status, headers, bytes };
}

const NULL_BODY_STATUS = new Set([204, 205, 304]);

export function toResponse({ status, headers, bytes }: Whole): Response {
  return new Response(NULL_BODY_STATUS.has(status) ? null : bytes, { status, headers });
}

/** The whole of what the real client opens of an answer. @throws {NenError} */
export async function openWhole(exchange: Exchange, response: Response): Promise<Bytes> {
  const options = { exchange, response, signal: null, isHeeded: true, maxEnvelopeBytes: MAX_ENVELOPE_BYTES };
  const { body } = await openAnswer({ ...options, openStream, onOpened: () => undefined });
  return isWhole(body) ? body : new Uint8Array(await new Response(body).arrayBuffer());
}
