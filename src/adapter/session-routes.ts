/**
 * The session routes under {nen}/: handshake, rotate, terminate, status. The action is the last
 * segment of the path.
 */
import { loadVerifier } from '../crypto/load-ml-dsa-65.ts';
import { CONTENT_TYPE_JSON, MAX_HANDSHAKE_BYTES } from '../protocol/constants.ts';
import type { RequestKind } from '../protocol/envelope.ts';
import { NenError } from '../protocol/errors.ts';
import { answerHandshake, newSid, verifyClientIdentity } from '../protocol/handshake.ts';
import { type ClientHello, decodeClientHello, type SessionTerms } from '../protocol/handshake-messages.ts';
import { mediaType } from '../protocol/media-type.ts';
import type { Admitted } from './admit.ts';
import type { Context } from './context.ts';
import { headersOf, takesStandIn } from './incoming-request.ts';
import { probe } from './probe.ts';
import { declaredLength, readRequestBody } from './request-body.ts';
import { refuse, refusePlain, requestLine, serveSealed } from './serve.ts';
import { authorizeClient } from './server-identity.ts';
import { wholeResponse } from './whole-response.ts';

/** A fetch handler of one session route. */
export type Route = (req: Request) => Promise<Response>;

/** Exported as they are by a catch-all route file, such as app/api/nen/[action]/route.ts. */
export interface SessionRoutes {
  readonly GET: Route;
  readonly POST: Route;
  readonly OPTIONS: Route;
}

/** The same one by one, for a router that tells them apart itself. */
export interface SessionActions {
  /** POST */
  readonly handshake: Route;
  /** POST */
  readonly rotate: Route;
  /** POST */
  readonly terminate: Route;
  /** GET */
  readonly status: Route;
}

export function createActions(context: Context): SessionActions {
  const action = (method: 'GET' | 'POST', run: Route): Route =>
    takesStandIn(async (req) => {
      if (req.method === 'OPTIONS' && context.cors !== undefined) return context.cors.preflight(req);
      if (req.method !== method) {
        return new Response('Method Not Allowed', { status: 405, headers: { Allow: method } });
      }
      const response = await run(req);
      return context.cors?.expose(req, response) ?? response;
    });
  const sealed =
    (run: (call: Admitted, req: Request) => Promise<Response>): Route =>
    (req) =>
      serveSealed(context, req, (call) => run(call, req));
  return {
    handshake: action('POST', (req) => handshake(context, req)),
    rotate: action(
      'POST',
      sealed((call, req) => rotate(context, call, req)),
    ),
    terminate: action(
      'POST',
      sealed((call) => terminate(context, call)),
    ),
    status: action(
      'GET',
      sealed(async (call) => status(context, call)),
    ),
  };
}

export function createRoutes(context: Context, actions: SessionActions): SessionRoutes {
  const byName = new Map<string, Route>(Object.entries(actions));
  const route: Route = takesStandIn(async (req) => {
    const action = byName.get(requestLine(context, req).path.split('/').at(-1) ?? '');
    return action === undefined ? new Response('Not Found', { status: 404 }) : action(req);
  });
  return { GET: route, POST: route, OPTIONS: route };
}

/** Even where one takes eight milliseconds, as with a signature of noble's, it waits for a second at most. */
const MAX_WAITING_HANDSHAKES = 128;
const BUSY_SECONDS = 1;

/** The checks that cost little come first; what takes milliseconds waits for its turn. */
async function handshake(context: Context, req: Request): Promise<Response> {
  const { path } = requestLine(context, req);
  try {
    const retryAfterSeconds = await context.rateLimit(context.clientAddress(req));
    if (retryAfterSeconds > 0) {
      return refuseForNow(context, path, retryAfterSeconds, 'over the rate of handshakes');
    }
    if (!isJson(req)) return new Response('Unsupported Media Type', { status: 415 });
    const declared = declaredLength(req, MAX_HANDSHAKE_BYTES);
    const body = await readRequestBody(req, MAX_HANDSHAKE_BYTES, declared);
    const hello = decodeClientHello(body, await context.handshakePolicy());
    if (context.handshakeTurns.waiting >= MAX_WAITING_HANDSHAKES) {
      return refuseForNow(context, path, BUSY_SECONDS, 'too many handshakes wait for their turn');
    }
    await context.handshakeTurns.take();
    const clientIdentity = await verifyClientIdentity(context.primitives, hello, loadVerifier);
    await authorizeClient(context.authorize, clientIdentity, req);
    const sid = newSid();
    const [terms, identity] = await Promise.all([newTerms(context, sid), context.identity?.()]);
    const options = { terms, sid, clientIdentity, identity };
    const { session, answer } = await answerHandshake(context.primitives, hello, options);
    await context.sessions.create(session, hello.suite.name, hello.audience);
    reportHandshake(context, session.sid, hello, false);
    return wholeResponse({ status: 200, headers: JSON_UNCACHED, body: answer });
  } catch (error) {
    return refusePlain(context, path, error);
  }
}

const JSON_UNCACHED = Object.entries({ 'Content-Type': CONTENT_TYPE_JSON, 'Cache-Control': 'no-store' });

function refuseForNow(context: Context, path: string, retryAfterSeconds: number, hint: string): Response {
  return refuse(context, path, { code: 'ISO-1008', hint }, [['Retry-After', String(retryAfterSeconds)]]);
}

async function rotate(
  context: Context,
  { session, payload, exchange }: Admitted,
  req: Request,
): Promise<Response> {
  if (exchange.kind !== 'json') throw new NenError('ISO-4006', { hint: 'a rotation is a JSON message' });
  const hello = decodeClientHello(payload, await context.handshakePolicy(), true);
  if (hello.audience !== session.audience)
    throw new NenError('ISO-1003', { hint: 'a rotation keeps its origin' });
  await authorizeClient(context.authorize, session.clientIdentity, req);
  const sid = newSid();
  const terms = await newTerms(context, sid);
  const { clientIdentity, serverIdentity } = session;
  const { exporterSecret } = session.keys;
  const previous = { sid: session.sid, exporterSecret, clientIdentity, serverIdentity };
  const rotated = await answerHandshake(context.primitives, hello, { terms, sid, previous });
  await context.sessions.rotate(session, rotated.session, hello.suite.name);
  reportHandshake(context, rotated.session.sid, hello, true);
  return new Response(rotated.answer, { headers: { 'Content-Type': CONTENT_TYPE_JSON } });
}

async function terminate(context: Context, { session, exchange }: Admitted): Promise<Response> {
  requireNone(exchange.kind);
  await context.sessions.terminate(session);
  return Response.json({ terminated: true });
}

function status({ now }: Context, { session, line, exchange }: Admitted): Response {
  requireNone(exchange.kind);
  const probed = probe(line.query, now);
  if (probed !== undefined) return probed;
  const { sid, suite, createdAt, expiresAt } = session;
  return Response.json({ sid, suite, createdAt, expiresAt });
}

/** What has nothing to say says nothing: a payload that nobody reads could be anything. */
function requireNone(kind: RequestKind): void {
  if (kind !== 'none') throw new NenError('ISO-4006', { hint: 'this session route takes no payload' });
}

/** The sid is drawn first: it decides which memory will keep the claims. */
async function newTerms({ now, sessions, sessionTtlMs }: Context, sid: string): Promise<SessionTerms> {
  const epoch = await sessions.epoch(sid);
  const at = now();
  return { now: at, expiresAt: at + sessionTtlMs, epoch };
}

function reportHandshake(
  context: Context,
  sid: string,
  { suite, audience }: ClientHello,
  rotated: boolean,
): void {
  context.report({ type: 'handshake', sid, suite: suite.name, audience, rotated });
}

function isJson(req: Request): boolean {
  return mediaType(headersOf(req).get('content-type')) === CONTENT_TYPE_JSON;
}
