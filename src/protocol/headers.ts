/**
 * Every header name has one owner (PROTOCOL.md, "Headers").
 * What the way sets is taken from the outer message alone, so that a client can't claim to be the
 * proxy that authenticated it; everything else is taken from inside alone, so that the way can't
 * add an authorization.
 */

/** A header field: lower-case name and value, both latin1. */
export type Field = readonly [name: string, value: string];

/** Hop-by-hop and framing fields (RFC 9110 section 7.6.1): they describe one message on one hop. */
const FRAMING = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'content-length',
  'expect',
]);

/** What user agents, proxies, CDNs and platforms set. */
const WAY =
  /^(?:(?:host|origin|referer|user-agent|forwarded|via|x-real-ip|true-client-ip)$|sec-|x-forwarded-|cf-|x-vercel-|fly-|x-amz|x-goog-|x-azure-|x-ms-client-principal|x-envoy-|x-auth-request-|x-remote-|remote-|x-ssl-|ssl-client-|x-client-cert|x-middleware-|x-nextjs-)/;

const ANSWER_OUTSIDE = /^(?:set-cookie$|access-control-)/;

/** Framing and our own fields: in no inner message, and never handed on. */
export function isFraming(name: string): boolean {
  return FRAMING.has(name) || name.startsWith('x-nen-');
}

/** Whether a request field belongs to the way. `edgeHeaders` are the deployment's own additions, lower-case. */
export function isOwnedByWay(name: string, edgeHeaders: ReadonlySet<string>): boolean {
  return WAY.test(name) || edgeHeaders.has(name);
}

/** Whether an answer's field goes outside because only the browser can act on it. */
export function isAnswerOutside(name: string): boolean {
  return ANSWER_OUTSIDE.test(name);
}
