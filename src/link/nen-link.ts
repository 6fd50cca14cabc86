/**
 * `nenLink`: tRPC's own links over the sealed fetch. Batching, streaming, tracked(), abort, transformers,
 * error shapes and response meta stay tRPC's; this file only decides which of its links takes a call.
 */
import {
  type HTTPBatchLinkOptions,
  type HTTPHeaders,
  httpBatchLink,
  httpBatchStreamLink,
  httpLink,
  isNonJsonSerializable,
  type Operation,
  type TRPCLink,
} from '@trpc/client';
import type { AnyTRPCRouter } from '@trpc/server';
import { type NenClientOptions, refuseClientOptions } from './client/client-options.ts';
import type { Fetch } from './client/fetch.ts';
import { lightTunnel, NenClient } from './client/nen-client.ts';
import { laterLink } from './later-link.ts';
import type { ConnectionParams } from './subscription-link.ts';
import { throwingTRPCErrors } from './trpc-errors.ts';

/** What `headers` is asked with: all calls of a batch, and the first of them. */
export interface HeadersOptions {
  readonly opList: [Operation, ...Operation[]];
  readonly op: Operation;
}

type HeadersOption = HTTPHeaders | ((options: HeadersOptions) => HTTPHeaders | Promise<HTTPHeaders>);

/** Options of tRPC's HTTP links that make sense here, and the sealed channel's own. */
export type NenLinkOptions<TRouter extends AnyTRPCRouter> = Pick<
  HTTPBatchLinkOptions<TRouter['_def']['_config']['$types']>,
  'transformer' | 'methodOverride' | 'maxURLLength' | 'maxItems'
> &
  NenClientOptions & {
    /** Of the tRPC endpoint, absolute or relative to the page. */
    readonly url: string | URL;
    /** Sealed with each call; evaluated for each batch, and for each attempt of a subscription to connect. */
    readonly headers?: HeadersOption;
    /** false (the default): answers like httpBatchLink's. true: like httpBatchStreamLink's, each as soon as it is there. */
    readonly stream?: boolean;
    /** As in httpBatchStreamLink, for `stream: true`: the header that asks for a stream. 'trpc-accept' by default. */
    readonly streamHeader?: 'trpc-accept' | 'accept';
    /** As in httpSubscriptionLink; sealed. */
    readonly connectionParams?: ConnectionParams | (() => ConnectionParams | Promise<ConnectionParams>);
    /** A client to share, instead of one of the link's own; it has the options of NenClient then. */
    readonly client?: NenClient;
  };

/**
 * A terminating link that seals every call. In a browser one link, and so one session, serves the whole
 * page; on a server, make one for each user.
 *
 * @throws {TypeError} for an option that is given but wrong.
 * @example
 * createTRPCClient<AppRouter>({ links: [nenLink({ url: '/api/trpc', transformer: superjson })] });
 */
export function nenLink<TRouter extends AnyTRPCRouter>(options: NenLinkOptions<TRouter>): TRPCLink<TRouter> {
  const { headers, stream = false, streamHeader, connectionParams } = options;
  const url = options.url.toString();
  const { origin, path } = splitUrl(url);
  const client = clientOf(options, origin, url);
  const sealedFetch = lightTunnel(client, path);
  const shared = {
    url,
    fetch: throwingTRPCErrors(sealedFetch) as Fetch,
    transformer: options.transformer,
    ...(options.methodOverride !== undefined && { methodOverride: options.methodOverride }),
  } as HTTPBatchLinkOptions<TRouter['_def']['_config']['$types']>;
  const batch = {
    ...shared,
    headers: ({ opList }: { opList: [Operation, ...Operation[]] }) =>
      resolve(headers, { opList, op: opList[0] }),
    ...(options.maxURLLength !== undefined && { maxURLLength: options.maxURLLength }),
    ...(options.maxItems !== undefined && { maxItems: options.maxItems }),
  };
  const ofOne = (op: Operation): HTTPHeaders | Promise<HTTPHeaders> => resolve(headers, { opList: [op], op });
  const subscribing = laterLink<TRouter>(async () => {
    const { subscriptionLink } = await import('./subscription-link.ts');
    const withCredentials = options.credentials === 'include';
    return subscriptionLink({
      url,
      fetch: sealedFetch,
      transformer: options.transformer,
      headersOf: ofOne,
      withCredentials,
      connectionParams,
    });
  });
  // The batch links would send `{}` in place of what is no JSON.
  const single = httpLink<TRouter>({ ...shared, headers: ({ op }) => ofOne(op) });
  const batching = stream
    ? httpBatchStreamLink<TRouter>({ ...batch, ...(streamHeader !== undefined && { streamHeader }) })
    : httpBatchLink<TRouter>(batch);
  return (runtime) => {
    const links = {
      subscribing: subscribing(runtime),
      single: single(runtime),
      batching: batching(runtime),
    };
    // Not by splitLink, which costs each call four observables more.
    return (props) => {
      if (props.op.type === 'subscription') return links.subscribing(props);
      return isNonJsonSerializable(props.op.input) ? links.single(props) : links.batching(props);
    };
  };
}

function resolve(
  headers: HeadersOption | undefined,
  options: HeadersOptions,
): HTTPHeaders | Promise<HTTPHeaders> {
  return typeof headers === 'function' ? headers(options) : (headers ?? {});
}

/** The link's own client, or a shared one, whose own options hold. @throws {TypeError} for options beside it. */
function clientOf(
  options: NenClientOptions & { readonly client?: NenClient },
  origin: string,
  url: string,
): NenClient {
  if (options.client === undefined)
    return new NenClient(origin, { ...options, nenUrl: options.nenUrl ?? siblingUrl(url) });
  refuseClientOptions(options);
  return options.client;
}

/** The origin ('' for the page's own) and the path of the endpoint. @throws {TypeError} for another scheme than http(s). */
function splitUrl(url: string): { origin: string; path: string } {
  const isAbsolute = /^https?:\/\//i.test(url);
  if (!isAbsolute && /^[a-z][a-z0-9+.-]*:/i.test(url)) throw new TypeError('url: http(s), or a path');
  const { origin, pathname } = new URL(url, 'https://relative.invalid');
  return { origin: isAbsolute ? origin : '', path: pathname.replace(/\/+$/, '') };
}

/** The URL with its last segment replaced by `nen`: '/api/trpc' gives '/api/nen'. */
function siblingUrl(url: string): string {
  const { origin, path } = splitUrl(url);
  return `${origin}${path.replace(/\/[^/]*$/, '')}/nen`;
}
