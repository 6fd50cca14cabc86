/**
 * `nen.wrap`: turns any handler of requests into one that answers sealed requests, and refuses
 * plain ones unless policy lets them in. The only server primitive; all else is built on it.
 */
import { HEADER_SIGNATURE, TUNNEL_SEGMENT } from '../protocol/constants.ts';
import { NenError } from '../protocol/errors.ts';
import { hasSealedHeaders } from '../protocol/signed-headers.ts';
import type { Admitted } from './admit.ts';
import { pathPrefix, positiveInteger } from './checks.ts';
import type { Context } from './context.ts';
import { HandlerFailure } from './handler-failure.ts';
import { headersOf, realRequest, takesStandIn } from './incoming-request.ts';
import { isResponse } from './is-response.ts';
import { refusePlain, requestLine, serveSealed } from './serve.ts';
import type { SessionFacts } from './session-facts.ts';
import { resolveShaping, type ShapingOptions } from './shaping.ts';
import { unsealRequest } from './unseal.ts';

/** Any function from a Request to a Response; further arguments pass through. */
export type Handler<Rest extends unknown[]> = (req: Request, ...rest: Rest) => Response | Promise<Response>;

/** What holds for one wrapped handler. */
export interface WrapOptions extends ShapingOptions {
  /**
   * The path under which tunnelled calls lie, as the client sees it, such as '/api/trpc'.
   * By default the signed path without its last segment.
   */
  readonly endpoint?: string;
  /** The largest sealed request body here, in bytes, where it is less than the server's. */
  readonly maxBodyBytes?: number;
}

/** The sealed handler: takes what the handler takes. */
export type Wrapped<Rest extends unknown[]> = (req: Request, ...rest: Rest) => Promise<Response>;

/** How plain requests are met: the server's policy, unless `withNen` says otherwise. */
export interface PlainPolicy {
  readonly plain: Context['plain'];
  /** The code that refuses one. */
  readonly refusal: 'ISO-3001' | 'ISO-3007';
}

/** {@link Nen.wrap}, with a policy that is no option of the application's. */
export type WrapUnder = <Rest extends unknown[]>(
  handler: Handler<Rest>,
  options?: WrapOptions,
  policy?: PlainPolicy,
) => Wrapped<Rest>;

export function createWrap(context: Context, facts: SessionFacts): WrapUnder {
  let plainCount = 0;

  /** @throws {NenError} ISO-3001, ISO-3007. */
  function admitPlain(req: Request, { plain, refusal }: PlainPolicy): void {
    const { method, path } = requestLine(context, req);
    if (hasSealedHeaders(headersOf(req)))
      throw new NenError('ISO-3001', { hint: 'X-Nen headers without a signature' });
    if (plain === 'refuse') {
      throw new NenError(refusal, {
        hint: 'a plain request: an old client, or X-Nen headers stripped on the way',
      });
    }
    // Plain and sealed must not mean two things: a procedure of that name could never be called sealed.
    if (path.endsWith(`/${TUNNEL_SEGMENT}`))
      throw new NenError(refusal, { hint: 'the tunnel takes sealed requests only' });
    plainCount++;
    context.report({ type: 'plain', method, path, count: plainCount });
  }

  return function wrap<Rest extends unknown[]>(
    handler: Handler<Rest>,
    options: WrapOptions = {},
    policy: PlainPolicy = { plain: context.plain, refusal: 'ISO-3007' },
  ): Wrapped<Rest> {
    const { endpoint } = options;
    const limited = withLimit(context, options.maxBodyBytes);
    const shaping = resolveShaping(options, context.shaping, context.keepAliveMs);
    if (endpoint !== undefined) pathPrefix('endpoint', endpoint);
    const plain = async (req: Request, rest: Rest): Promise<Response> => {
      const real = realRequest(req);
      facts.plain(real);
      return handler(real, ...rest);
    };
    const answer = async (req: Request, rest: Rest): Promise<Response> => {
      if (req.method === 'OPTIONS') return context.cors?.preflight(req) ?? plain(req, rest);
      if (!headersOf(req).has(HEADER_SIGNATURE)) {
        try {
          admitPlain(req, policy);
        } catch (error) {
          return refusePlain(context, requestLine(context, req).path, error);
        }
        return plain(req, rest);
      }
      const call = async (admitted: Admitted): Promise<Response> => {
        const inner = unsealRequest(context, admitted, req, endpoint);
        facts.seal(inner, admitted.session);
        const { method, url } = inner;
        const path = url.slice(admitted.session.audience.length).split('?', 1)[0] ?? '/';
        context.report({ type: 'call', sid: admitted.session.sid, method, path });
        return answered(handler, inner, rest);
      };
      return serveSealed(limited, req, call, shaping);
    };
    const { cors } = context;
    if (cors === undefined) return takesStandIn((req, ...rest) => answer(req, rest));
    return takesStandIn(async (req, ...rest) => {
      const response = await answer(req, rest);
      return req.method === 'OPTIONS' ? response : cors.expose(req, response);
    });
  };
}

/** @throws {TypeError} */
function withLimit(context: Context, maxBodyBytes: number | undefined): Context {
  if (maxBodyBytes === undefined) return context;
  const limit = positiveInteger('maxBodyBytes', maxBodyBytes);
  return { ...context, maxBodyBytes: Math.min(limit, context.maxBodyBytes) };
}

/** @throws {HandlerFailure} */
async function answered<Rest extends unknown[]>(
  handler: Handler<Rest>,
  inner: Request,
  rest: Rest,
): Promise<Response> {
  try {
    const response: unknown = await handler(inner, ...rest);
    if (!isResponse(response)) throw new TypeError('the handler did not return a Response');
    if (response.status < 200)
      throw new TypeError(`the handler's response has the status ${response.status}`);
    return inner.method === 'HEAD' ? withoutBody(response) : response;
  } catch (error) {
    throw new HandlerFailure(error);
  }
}

/** Nobody reads the body of an answer to HEAD: it must not stay open. */
function withoutBody(response: Response): Response {
  response.body?.cancel().catch(() => undefined);
  return new Response(null, response);
}
