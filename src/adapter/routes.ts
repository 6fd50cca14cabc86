/**
 * The session routes under {nen}/: handshake, rotate, terminate, status. The action is the last
 * segment of the path.
 */
import { CONTENT_TYPE_JSON, MAX_HANDSHAKE_BYTES } from '../protocol/constants.ts';
import { NenError } from '../protocol/errors.ts';
import {
  answerHandshake,
  type ClientHello,
  decodeClientHello,
  newSid,
  type SessionTerms,
} from '../protocol/handshake.ts';
import type { Admitted } from './admit.ts';
import type { Context } from './context.ts';
import { declaredLength, readRequestBody } from './request-body.ts';
import { refusePlain, requestLine, serveSealed } from './serve.ts';

export type Route = (req: Request) => Promise<Response>;

/** Exported as they are by a catch-all route file, such as app/api/nen/[action]/route.ts. */
export interface SessionRoutes {
  readonly GET: Route;
  readonly POST: Route;
  readonly OPTIONS: Route;
}

interface Action {
  readonly method: 'GET' | 'POST';
  run(context: Context, req: Request): Promise<Response>;
}

const ACTIONS: { readonly [name: string]: Action | undefined } = Object.assign(Object.create(null), {
  handshake: { method: 'POST', run: handshake },
  rotate: {
    method: 'POST',
    run: (context, req) => serveSealed(context, req, (call) => rotate(context, call)),
  },
  terminate: {
    method: 'POST',
    run: (context, req) => serveSealed(context, req, (call) => terminate(context, call)),
  },
  status: { method: 'GET', run: (context, req) => serveSealed(context, req, async (call) => status(call)) },
} satisfies Record<string, Action>);

export function createRoutes(context: Context): SessionRoutes {
  const route: Route = async (req) => {
    const action = ACTIONS[requestLine(context, req).path.split('/').at(-1) ?? ''];
    if (action === undefined) return new Response('Not Found', { status: 404 });
    if (req.method === 'OPTIONS' && context.cors !== undefined) return context.cors.preflight(req);
    if (req.method !== action.method) {
      return new Response('Method Not Allowed', { status: 405, headers: { Allow: action.method } });
    }
    const response = await action.run(context, req);
    return context.cors?.expose(req, response) ?? response;
  };
  return { GET: route, POST: route, OPTIONS: route };
}

async function handshake(context: Context, req: Request): Promise<Response> {
  const { path } = requestLine(context, req);
  try {
    const retryAfterSeconds = await context.rateLimit(context.clientAddress(req));
    if (retryAfterSeconds > 0) {
      const error = new NenError('ISO-1008', { hint: 'over the rate of handshakes' });
      return refusePlain(context, path, error, { 'Retry-After': String(retryAfterSeconds) });
    }
    if (!isJson(req)) return new Response('Unsupported Media Type', { status: 415 });
    const declared = declaredLength(req, MAX_HANDSHAKE_BYTES);
    const body = await readRequestBody(req, MAX_HANDSHAKE_BYTES, declared);
    const hello = decodeClientHello(body, context.handshakePolicy);
    const sid = newSid();
    const terms = await newTerms(context, sid);
    const { session, answer } = await answerHandshake(context.primitives, hello, { terms, sid });
    await context.sessions.create(session, hello.suite.name, hello.audience);
    reportHandshake(context, session.sid, hello, false);
    return new Response(answer, {
      headers: { 'Content-Type': CONTENT_TYPE_JSON, 'Cache-Control': 'no-store' },
    });
  } catch (error) {
    return refusePlain(context, path, error);
  }
}

async function rotate(context: Context, { session, payload, exchange }: Admitted): Promise<Response> {
  if (exchange.kind !== 'json') throw new NenError('ISO-4006', { hint: 'a rotation is a JSON message' });
  const hello = decodeRotation(context, payload);
  if (hello.audience !== session.audience)
    throw new NenError('ISO-1003', { hint: 'a rotation keeps its origin' });
  const sid = newSid();
  const terms = await newTerms(context, sid);
  const previous = { sid: session.sid, exporterSecret: session.keys.exporterSecret };
  const rotated = await answerHandshake(context.primitives, hello, { terms, sid, previous });
  await context.sessions.rotate(session, rotated.session);
  reportHandshake(context, rotated.session.sid, hello, true);
  return new Response(rotated.answer, { headers: { 'Content-Type': CONTENT_TYPE_JSON } });
}

function decodeRotation({ handshakePolicy }: Context, payload: Admitted['payload']): ClientHello {
  return decodeClientHello(payload, handshakePolicy);
}

async function terminate(context: Context, { session }: Admitted): Promise<Response> {
  await context.sessions.terminate(session);
  return Response.json({ terminated: true });
}

function status({ session }: Admitted): Response {
  const { sid, suite, createdAt, expiresAt } = session;
  return Response.json({ sid, suite, security: 'unauthenticated', createdAt, expiresAt });
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
  return req.headers.get('content-type')?.split(';', 1)[0]?.trim().toLowerCase() === CONTENT_TYPE_JSON;
}
