/** PROTOCOL.md 8.2: every header has one owner. Names are in lower case. */
import type { HeaderLine } from './binary-http.ts';

const FRAMING = [
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
];
const OF_THE_WAY = [
  'host',
  'origin',
  'referer',
  'user-agent',
  'forwarded',
  'via',
  'x-real-ip',
  'true-client-ip',
];
const OF_THE_WAY_BY_BEGINNING = [
  ...['sec-', 'x-forwarded-', 'cf-', 'x-vercel-', 'fly-', 'x-amz', 'x-goog-', 'x-azure-'],
  ...['x-ms-client-principal', 'x-envoy-', 'x-auth-request-', 'x-remote-', 'remote-', 'x-ssl-'],
  ...['ssl-client-', 'x-client-cert', 'x-middleware-', 'x-nextjs-'],
];

const isFraming = (name: string): boolean => FRAMING.includes(name) || name.startsWith('x-nen-');
const isOfTheWay = (name: string): boolean =>
  OF_THE_WAY.includes(name) || OF_THE_WAY_BY_BEGINNING.some((beginning) => name.startsWith(beginning));
const goesOutside = (name: string): boolean => name === 'set-cookie' || name.startsWith('access-control-');

/** What a client may put into an `http` request. */
export const callersOwn = (headers: readonly HeaderLine[]): HeaderLine[] =>
  headers.filter(([name]) => !isFraming(name) && !isOfTheWay(name));

/** What the handler sees of a request: the way's from outside, the caller's from inside, a cookie from either. */
export function requestHeaders(outer: readonly HeaderLine[], inner: readonly HeaderLine[]): HeaderLine[] {
  const sealed = callersOwn(inner);
  const hasCookie = sealed.some(([name]) => name === 'cookie');
  const way = outer.filter(([name]) => isOfTheWay(name) || (name === 'cookie' && !hasCookie));
  return [...way, ...sealed];
}

/** Which headers of an answer travel outside, and which sealed. */
export function answerHeaders(headers: readonly HeaderLine[]): {
  outside: HeaderLine[];
  inside: HeaderLine[];
} {
  const known = headers.filter(([name]) => !isFraming(name));
  return {
    outside: known.filter(([name]) => goesOutside(name)),
    inside: known.filter(([name]) => !goesOutside(name)),
  };
}
