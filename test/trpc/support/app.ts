/**
 * One application, served over real HTTP in any of the ways to compare: plain, as tRPC is, or sealed.
 * Between client and server stands a tap.
 */
import {
  createTRPCClient,
  type HTTPHeaders,
  httpBatchLink,
  httpBatchStreamLink,
  httpLink,
  httpSubscriptionLink,
  isNonJsonSerializable,
  type Operation,
  splitLink,
  type TRPCClient,
  type TRPCLink,
} from '@trpc/client';
import { fetchRequestHandler } from '@trpc/server/adapters/fetch';
import { EventSource } from 'eventsource';
import superjson from 'superjson';
import { onTestFinished } from 'vitest';
import {
  createNen,
  InMemorySessionStore,
  type NenEvent,
  type NenOptions,
} from '../../../src/adapter/index.ts';
import { type HeadersOptions, type NenLinkOptions, nenLink } from '../../../src/link/index.ts';
import { type FetchHandler, serve } from '../../support/serve.ts';
import { type AppRouter, createAppRouter, type SseOptions } from './router.ts';
import { Stage } from './stage.ts';
import { type Tap, tap } from './tap.ts';

export interface Way {
  readonly name: string;
  readonly sealed: boolean;
  readonly stream: boolean;
  readonly encoding: 'json' | 'octets';
}

const PLAIN: Way = { name: 'plain', sealed: false, stream: false, encoding: 'json' };
const SEALED: Way = { name: 'sealed', sealed: true, stream: false, encoding: 'json' };
const SEALED_OCTETS: Way = { ...SEALED, name: 'sealed in octets', encoding: 'octets' };

/** Like httpBatchLink. */
export const BATCH_WAYS: readonly Way[] = [PLAIN, SEALED, SEALED_OCTETS];
/** Like httpBatchStreamLink. */
export const STREAM_WAYS: readonly Way[] = BATCH_WAYS.map((way) => ({
  ...way,
  name: `${way.name}, streaming`,
  stream: true,
}));
export const WAYS: readonly Way[] = [...BATCH_WAYS, ...STREAM_WAYS];
export const SEALED_WAYS: readonly Way[] = WAYS.filter(({ sealed }) => sealed);

type HandlerOptions = Parameters<typeof fetchRequestHandler<AppRouter>>[0];

export interface AppOptions {
  readonly sse?: SseOptions;
  readonly nen?: NenOptions;
  readonly trpc?: Partial<
    Pick<
      HandlerOptions,
      'responseMeta' | 'onError' | 'allowBatching' | 'allowMethodOverride' | 'maxBatchSize'
    >
  >;
  /** Runs in createContext: throws, or waits at gates. */
  readonly onContext?: (req: Request, stage: Stage) => void | Promise<void>;
  /** Runs before a session route answers. */
  readonly onSessionRoute?: (req: Request, stage: Stage) => void | Promise<void>;
  /** The path of the tRPC endpoint; '' for the root. */
  readonly endpoint?: string;
  /** Where the session routes are; beside the endpoint by default. */
  readonly nenPath?: string;
  /** What an EventSource waits before it connects again. */
  readonly retryMs?: number;
}

type HeadersOption = HTTPHeaders | ((options: HeadersOptions) => HTTPHeaders | Promise<HTTPHeaders>);

interface LinkOptions
  extends Partial<
    Pick<
      NenLinkOptions<AppRouter>,
      | 'maxItems'
      | 'maxURLLength'
      | 'streamHeader'
      | 'connectionParams'
      | 'methodOverride'
      | 'client'
      | 'nenUrl'
      | 'publicHeaders'
      | 'clock'
      | 'fetch'
    >
  > {
  readonly headers?: HeadersOption;
}

export interface ClientOptions extends LinkOptions {
  /** Links in front. */
  readonly before?: TRPCLink<AppRouter>[];
}

export interface App {
  readonly way: Way;
  /** Of the tRPC endpoint, as the client sees it. */
  readonly url: string;
  readonly stage: Stage;
  readonly tap: Tap;
  /** `METHOD path` of each request that reached tRPC, without its query. */
  readonly requests: string[];
  readonly events: NenEvent[];
  client(options?: ClientOptions): TRPCClient<AppRouter>;
  link(options?: LinkOptions): TRPCLink<AppRouter>;
  /** The server forgets every session, as a restart makes it. */
  restart(): void;
}

/** Until the end of the test. */
export async function startApp(way: Way, options: AppOptions = {}): Promise<App> {
  const { endpoint = '/api/trpc', retryMs = 10 } = options;
  const stage = new Stage();
  const requests: string[] = [];
  const events: NenEvent[] = [];
  const router = createAppRouter(options.sse ?? {});
  const newNen = () =>
    createNen({ store: new InMemorySessionStore(), onEvent: (event) => events.push(event), ...options.nen });
  let nen = newNen();

  const trpc: FetchHandler = async (req) => {
    requests.push(`${req.method} ${new URL(req.url).pathname}`);
    const response = await fetchRequestHandler({
      endpoint,
      req,
      router,
      createContext: async ({ resHeaders, info }) => {
        const { connectionParams } = info;
        await options.onContext?.(req, stage);
        return { req, resHeaders, stage, connectionParams, nen: way.sealed ? nen.session(req) : undefined };
      },
      ...options.trpc,
    });
    return withRetryTime(response, retryMs, stage);
  };

  const sessionPath = `${options.nenPath ?? `${endpoint.replace(/\/[^/]*$/, '')}/nen`}/`;
  const server = await serve(async (req) => {
    const { pathname } = new URL(req.url);
    if (!way.sealed) return trpc(req);
    if (!pathname.startsWith(sessionPath)) return nen.wrap(trpc, { endpoint })(req);
    await options.onSessionRoute?.(req, stage);
    return req.method === 'GET' ? nen.routes.GET(req) : nen.routes.POST(req);
  });
  const relay = await tap(server.url);
  onTestFinished(async () => {
    await relay.close();
    await server.close();
  });
  const url = `${relay.url}${endpoint}`;

  const link = (given: LinkOptions = {}): TRPCLink<AppRouter> =>
    way.sealed ? sealedLink(way, url, given) : plainLink(way, url, given);
  return {
    way,
    url,
    stage,
    tap: relay,
    requests,
    events,
    link,
    client: ({ before = [], ...given } = {}) =>
      createTRPCClient<AppRouter>({ links: [...before, link(given)] }),
    restart: () => {
      nen = newNen();
    },
  };
}

function sealedLink(way: Way, url: string, given: LinkOptions): TRPCLink<AppRouter> {
  const encoding = given.client === undefined && { encoding: way.encoding };
  return nenLink<AppRouter>({ url, transformer: superjson, stream: way.stream, ...encoding, ...given });
}

/** What an application has before it takes nenLink: tRPC's own links, as tRPC's documentation puts them together. */
function plainLink({ stream }: Way, url: string, given: LinkOptions): TRPCLink<AppRouter> {
  const { headers = {}, connectionParams, maxItems, maxURLLength, streamHeader, methodOverride } = given;
  const ask = (options: HeadersOptions) => (typeof headers === 'function' ? headers(options) : headers);
  const askOne = (op: Operation) => ask({ opList: [op], op });
  const shared = { url, transformer: superjson, ...(methodOverride && { methodOverride }) };
  const batch = {
    ...shared,
    headers: ({ opList }: { opList: [Operation, ...Operation[]] }) => ask({ opList, op: opList[0] }),
    ...(maxItems !== undefined && { maxItems }),
    ...(maxURLLength !== undefined && { maxURLLength }),
  };
  return splitLink<AppRouter>({
    condition: ({ type }) => type === 'subscription',
    true: httpSubscriptionLink<AppRouter, typeof EventSource>({
      url,
      transformer: superjson,
      EventSource,
      eventSourceOptions: ({ op }) => ({
        fetch: async (input, init) =>
          fetch(input, {
            ...init,
            headers: [...new Headers(init.headers), ...new Headers((await askOne(op)) as HeadersInit)],
          }),
      }),
      ...(connectionParams !== undefined && { connectionParams }),
    }),
    false: splitLink<AppRouter>({
      condition: ({ input }) => isNonJsonSerializable(input),
      true: httpLink<AppRouter>({ ...shared, headers: ({ op }) => askOne(op) }),
      false: stream
        ? httpBatchStreamLink<AppRouter>({ ...batch, ...(streamHeader && { streamHeader }) })
        : httpBatchLink<AppRouter>(batch),
    }),
  });
}

/**
 * tRPC says nothing of when to connect again, and an EventSource's own seconds are too long for tests.
 * Notes pings.
 */
function withRetryTime(response: Response, retryMs: number, stage: Stage): Response {
  if (response.body === null || response.headers.get('content-type') !== 'text/event-stream') return response;
  const reader = response.body.getReader();
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new TextEncoder().encode(`retry: ${retryMs}\n\n`)),
    async pull(controller) {
      const { done, value } = await reader.read();
      if (done) return controller.close();
      if (new TextDecoder().decode(value).includes('event: ping')) stage.note('pinged');
      controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  });
  return new Response(body, response);
}
