/**
 * API Gateway's events (payload formats 1.0 and 2.0; function URLs send 2.0) as fetch requests, and back:
 * what createContext gets as `event` is the one that was sealed.
 */
import { base64Decode } from '../../crypto/bytes.ts';
import { TUNNEL_SEGMENT } from '../../protocol/constants.ts';
import { mayHaveBody } from '../../protocol/fetch-rules.ts';
import { procedurePath } from '../trpc-router.ts';

type Values = Readonly<Record<string, string | undefined>>;
type MultiValues = Readonly<Record<string, readonly string[] | undefined>>;

interface Event {
  readonly headers?: Values | null;
  readonly pathParameters?: Values | null;
  readonly body?: string | null | undefined;
  readonly isBase64Encoded?: boolean;
}

export interface EventV1 extends Event {
  readonly httpMethod: string;
  readonly path: string;
  readonly multiValueHeaders?: MultiValues | null;
  readonly queryStringParameters?: Values | null;
  readonly multiValueQueryStringParameters?: MultiValues | null;
  readonly requestContext: { readonly domainName?: string | undefined; readonly path?: string };
}

export interface EventV2 extends Event {
  readonly version: string;
  readonly rawPath: string;
  readonly rawQueryString: string;
  readonly cookies?: readonly string[];
  readonly requestContext: {
    readonly domainName: string;
    readonly http: { readonly method: string; readonly path: string };
  };
}

export type LambdaEvent = EventV1 | EventV2;

export function isV2(event: LambdaEvent): event is EventV2 {
  return 'version' in event && event.version === '2.0';
}

/** @returns undefined for an event that makes no Request, or one with another path than the gateway has routed by. */
export function eventRequest(event: LambdaEvent): Request | undefined {
  try {
    const { method, path, query, headers } = isV2(event) ? partsOfV2(event) : partsOfV1(event);
    // Not Host, which the client writes: a URL parser would find a path in it.
    const host = event.requestContext.domainName ?? 'localhost';
    const { href, pathname } = new URL(`https://${host}${path}${query}`);
    // Some gateways have decoded it. Any other change is the parser's own, and would take a call to another function.
    if (pathname !== path && pathname !== encodeURI(path)) return undefined;
    const body = mayHaveBody(method) ? bodyOf(event) : null;
    return new Request(href, { method, headers, body });
  } catch {
    return undefined;
  }
}

interface Parts {
  readonly method: string;
  readonly path: string;
  /** With its question mark, or ''. */
  readonly query: string;
  readonly headers: Headers;
}

function partsOfV2({ headers, cookies, rawPath, rawQueryString, requestContext }: EventV2): Parts {
  const query = rawQueryString === '' ? '' : `?${rawQueryString}`;
  const fields = new Headers(definedEntries(headers));
  if (cookies !== undefined && cookies.length > 0) fields.set('cookie', cookies.join('; '));
  return { method: requestContext.http.method, path: rawPath, query, headers: fields };
}

function partsOfV1(event: EventV1): Parts {
  const { httpMethod, path, requestContext } = event;
  const fields = new Headers(multiEntries(event.multiValueHeaders, event.headers));
  const search = new URLSearchParams(
    multiEntries(event.multiValueQueryStringParameters, event.queryStringParameters),
  ).toString();
  // The client signed the path with the stage in it, which `path` lacks.
  const signed = requestContext.path ?? path;
  return { method: httpMethod, path: signed, query: search === '' ? '' : `?${search}`, headers: fields };
}

/** What the gateway puts before the paths of format 1.0, or ''. */
function stageOf({ path, requestContext }: EventV1): string {
  return requestContext.path?.endsWith(path) === true ? requestContext.path.slice(0, -path.length) : '';
}

function definedEntries(values: Values | null | undefined): [string, string][] {
  return Object.entries(values ?? {}).filter((entry): entry is [string, string] => entry[1] !== undefined);
}

/** All values of each name; the last one alone where the event has no more. */
function multiEntries(
  multi: MultiValues | null | undefined,
  single: Values | null | undefined,
): [string, string][] {
  const all = Object.entries(multi ?? {}).flatMap(([name, values = []]) =>
    values.map((value): [string, string] => [name, value]),
  );
  const names = new Set(all.map(([name]) => name.toLowerCase()));
  return [...all, ...definedEntries(single).filter(([name]) => !names.has(name.toLowerCase()))];
}

function bodyOf({ body, isBase64Encoded }: Event): BodyInit | null {
  if (body === undefined || body === null) return null;
  if (isBase64Encoded !== true) return body;
  const bytes = base64Decode(body);
  if (bytes === undefined) throw new TypeError('the event holds a body that is not base64');
  return bytes;
}

/** The event with method, path, query and headers of the inner request, and without a body. */
export function openedEvent(event: LambdaEvent, inner: Request): LambdaEvent {
  const { pathname, search, searchParams } = new URL(inner.url);
  const headers = Object.fromEntries(inner.headers);
  const query = Object.fromEntries(searchParams);
  const shared = { headers, isBase64Encoded: false, pathParameters: openedParameters(event, inner) };
  const { method } = inner;
  if (isV2(event)) {
    const http = { ...event.requestContext.http, method, path: pathname };
    const { cookie } = headers;
    return {
      ...event,
      ...shared,
      rawPath: pathname,
      rawQueryString: search.slice(1),
      cookies: cookie === undefined ? [] : cookie.split(/; */),
      requestContext: { ...event.requestContext, http },
      ...{ queryStringParameters: query, body: undefined },
    };
  }
  return {
    ...event,
    ...shared,
    body: null,
    httpMethod: method,
    path: pathname.slice(stageOf(event).length),
    multiValueHeaders: inLists(headers),
    queryStringParameters: query,
    multiValueQueryStringParameters: Object.fromEntries(
      [...searchParams.keys()].map((name) => [name, searchParams.getAll(name)]),
    ),
    requestContext: { ...event.requestContext, path: pathname, ...{ httpMethod: method } },
  };
}

function inLists(values: Readonly<Record<string, string>>): Record<string, string[]> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, [value]]));
}

const TUNNEL = new RegExp(`(^|/)${TUNNEL_SEGMENT}$`);

/** A greedy parameter, {proxy+}, holds the path that the gateway saw. */
function openedParameters({ pathParameters }: Event, inner: Request): Values | null {
  if (pathParameters === undefined || pathParameters === null) return null;
  const opened = definedEntries(pathParameters).map(([name, value]) => [
    name,
    value.replace(TUNNEL, (_, slash: string) => slash + procedurePath(inner)),
  ]);
  return Object.fromEntries(opened);
}
