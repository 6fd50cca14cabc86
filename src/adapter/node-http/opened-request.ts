/**
 * What createContext gets as `req`: the framework's own object, with method, URL and headers of the request
 * that was sealed. It inherits from the outer one, so that `req.ip`, `req.user`, `instanceof` and whatever
 * else the framework or a middleware put there is still to be had.
 */
import { targetOf } from './request.ts';
import type { NodeRequest } from './types.ts';

export function openedRequest<Req extends NodeRequest>(outer: Req, inner: Request, query?: object): Req {
  const { pathname, search, searchParams } = new URL(inner.url);
  const target = pathname + search;
  const headers = Object.fromEntries(inner.headers);
  const opened: Record<string, unknown> = {
    method: inner.method,
    url: mountedUrl(outer, target),
    headers,
    headersDistinct: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]])),
    rawHeaders: Object.entries(headers).flat(),
    // The outer one is the envelope; tRPC reads the input by itself.
    body: undefined,
  };
  if (typeof (outer as { originalUrl?: unknown }).originalUrl === 'string') opened.originalUrl = target;
  // Express 5 makes it of `url` when it is asked; Express 4 and Next have made it already.
  if (Object.hasOwn(outer, 'query')) opened.query = { ...Object.fromEntries(searchParams), ...query };
  return derive(outer, { ...opened, ...openedCookies(outer, inner) });
}

/** A cookie that the client sealed counts, and not the outer one that a parser in front has read. */
export function openedCookies(outer: Pick<NodeRequest, 'headers'>, inner: Request): object {
  const header = inner.headers.get('cookie') ?? undefined;
  if (!('cookies' in outer) || header === outer.headers.cookie) return {};
  return { cookies: parseCookies(header ?? ''), signedCookies: {} };
}

/** An object with these properties, and all others of `outer`. */
export function derive<Outer extends object>(outer: Outer, properties: object): Outer {
  const derived: unknown = Object.create(outer);
  for (const [name, value] of Object.entries(properties)) {
    Object.defineProperty(derived, name, { value, writable: true, enumerable: true, configurable: true });
  }
  return derived as Outer;
}

/** Relative to where the framework has mounted the handler, as `url` was. */
function mountedUrl(outer: NodeRequest, target: string): string {
  const mount = targetOf(outer).slice(0, targetOf(outer).lastIndexOf(outer.url ?? ''));
  const isUnder = mount !== '' && target.startsWith(`${mount}/`);
  return isUnder ? target.slice(mount.length) : target;
}

function parseCookies(header: string): Record<string, string> {
  const cookies: Record<string, string> = Object.create(null);
  for (const pair of header.split(';')) {
    const [name = '', ...value] = pair.trim().split('=');
    if (name !== '') cookies[name] = value.join('=');
  }
  return cookies;
}
