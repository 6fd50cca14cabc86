/**
 * From an opened payload to the request that the handler sees (PROTOCOL.md, "Headers"): the inner
 * message takes the outer one's place, and every header comes from its one owner.
 */
import { EMPTY } from '../crypto/bytes.ts';
import { CONTENT_TYPE_JSON, TUNNEL_SEGMENT } from '../protocol/constants.ts';
import { NenError } from '../protocol/errors.ts';
import { isForbiddenMethod, mayHaveBody, normalizeMethod } from '../protocol/fetch-rules.ts';
import { isFraming, isOwnedByWay } from '../protocol/headers.ts';
import { decodeRequest, type HttpRequest } from '../protocol/http.ts';
import { isBoundedJson } from '../protocol/json.ts';
import type { RequestLine } from '../protocol/signed-headers.ts';
import type { Admitted } from './admit.ts';
import type { Context } from './context.ts';
import { headersOf, type RequestHeaders } from './incoming-request.ts';
import { createInnerRequest } from './inner-request.ts';

/** Where tunnelled calls go: `{endpoint}/sealed`, as the client signed it. */
function tunnelEndpoint(line: RequestLine, endpoint: string | undefined): string | undefined {
  const end = line.path.length - TUNNEL_SEGMENT.length - 1;
  if (!line.path.endsWith(`/${TUNNEL_SEGMENT}`)) return undefined;
  return endpoint === undefined || line.path.slice(0, end) === endpoint ? line.path.slice(0, end) : undefined;
}

/**
 * @param endpoint of the wrapped handler, as the client sees it; without one the signed path tells.
 * @throws {NenError} ISO-4006.
 */
export function unsealRequest(
  context: Context,
  admitted: Admitted,
  outer: Request,
  endpoint?: string,
): Request {
  const message = readPayload(admitted, tunnelEndpoint(admitted.line, endpoint));
  const { method, path, body } = message;
  if (!isAllowedMethod(method)) throw malformed('an inner method that no call has');
  if (body.length > 0 && !mayHaveBody(method)) throw malformed(`a body on ${method}`);
  if (!path.startsWith(context.mountPath)) throw malformed('the inner path is outside mountPath');
  return createInnerRequest({
    method,
    url: admitted.session.audience + path.slice(context.mountPath.length),
    headers: () => ownHeaders(context, message, outer, admitted.exchange.kind === 'http'),
    body,
    signal: () => outer.signal,
  });
}

/** Spelled as a Request spells it: 'get' would mean one thing to this check and another to its reader. */
function isAllowedMethod(method: string): boolean {
  return !isForbiddenMethod(method) && method !== 'OPTIONS' && normalizeMethod(method) === method;
}

function readPayload({ exchange, payload, line }: Admitted, endpoint: string | undefined): HttpRequest {
  const target = line.path + line.query;
  // A handler never sees the tunnel's own path, whatever is sealed.
  if (endpoint !== undefined && exchange.kind !== 'http') throw malformed('the tunnel takes whole messages');
  if (exchange.kind === 'none') {
    if (payload.length > 0) throw malformed('a payload where there is none');
    return { method: line.method, path: target, fields: [], body: EMPTY };
  }
  if (exchange.kind === 'json') {
    if (!isBoundedJson(payload)) throw malformed('not JSON, or nested too deeply');
    return {
      method: line.method,
      path: target,
      fields: [['content-type', CONTENT_TYPE_JSON]],
      body: payload,
    };
  }
  const message = decodeRequest(payload);
  if (message === undefined) throw malformed('not a Binary HTTP request');
  if (endpoint === undefined) {
    if (message.method !== line.method || message.path !== target) {
      throw malformed('the inner request line is not the outer one');
    }
  } else if (line.method !== 'POST' || line.query !== '' || !isInside(message.path, endpoint)) {
    throw malformed('the inner target is not under the endpoint');
  }
  return message;
}

const TARGET = /^\/[!"$-[\]-~]*$/;

/** A target that means the same to every reader of it, under the endpoint and not the tunnel itself. */
function isInside(target: string, endpoint: string): boolean {
  const end = target.indexOf('?');
  const path = end === -1 ? target : target.slice(0, end);
  if (!TARGET.test(target) || path.includes('//')) return false;
  if (!path.startsWith(`${endpoint}/`) || path === `${endpoint}/${TUNNEL_SEGMENT}`) return false;
  return new URL(target, 'https://origin.invalid').pathname === path;
}

/** @param tunnelled whether the inner message has headers of its own. */
function ownHeaders(context: Context, { fields }: HttpRequest, outer: Request, tunnelled: boolean): Headers {
  const headers = new Headers();
  const outside = headersOf(outer);
  for (const [name, value] of outside) {
    if (!isFraming(name) && isOwnedByWay(name, context.edgeHeaders)) headers.append(name, value);
  }
  for (const [name, value] of fields) {
    if (!isFraming(name) && !isOwnedByWay(name, context.edgeHeaders)) headers.append(name, value);
  }
  if (!headers.has('cookie')) copyHeader(outside, headers, 'cookie');
  if (!tunnelled) for (const name of context.publicHeaders) copyHeader(outside, headers, name);
  return headers;
}

function copyHeader(from: RequestHeaders, to: Headers, name: string): void {
  const value = from.get(name);
  if (value !== null && !to.has(name)) to.set(name, value);
}

function malformed(hint: string): NenError {
  return new NenError('ISO-4006', { hint });
}
