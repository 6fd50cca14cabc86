/** The types of nenLink and NenClient: right options pass, wrong ones are errors, the router's types come through. */
import { createTRPCClient, type HTTPBatchLinkOptions, httpBatchLink } from '@trpc/client';
import { initTRPC } from '@trpc/server';
import superjson from 'superjson';
import { expectTypeOf } from 'vitest';
import { z } from 'zod';
import { NenClient, type NenLinkOptions, nenLink } from '../../src/link/index.ts';

const url = 'https://localhost/api/trpc';

const withSuperjson = initTRPC.create({ transformer: superjson });
const superRouter = withSuperjson.router({
  when: withSuperjson.procedure.input(z.object({ at: z.date() })).query(({ input }) => input.at),
  ticks: withSuperjson.procedure.subscription(async function* () {
    yield new Date();
  }),
});
type SuperRouter = typeof superRouter;

const bare = initTRPC.create();
const bareRouter = bare.router({
  when: bare.procedure.query(() => new Date()),
  rename: bare.procedure.input(z.string()).mutation(({ input }) => input.length),
});
type BareRouter = typeof bareRouter;

type BatchOptions<TRouter extends SuperRouter | BareRouter> = HTTPBatchLinkOptions<
  TRouter['_def']['_config']['$types']
>;

// A transformer is asked for, and refused, exactly where httpBatchLink does it.
expectTypeOf<NenLinkOptions<SuperRouter>['transformer']>().toEqualTypeOf<
  BatchOptions<SuperRouter>['transformer']
>();
expectTypeOf<NenLinkOptions<BareRouter>['transformer']>().toEqualTypeOf<
  BatchOptions<BareRouter>['transformer']
>();

createTRPCClient<SuperRouter>({ links: [nenLink({ url, transformer: superjson })] });
createTRPCClient<SuperRouter>({ links: [httpBatchLink({ url, transformer: superjson })] });
// @ts-expect-error the router has a transformer, the link has not
createTRPCClient<SuperRouter>({ links: [httpBatchLink({ url })] });
// @ts-expect-error the router has a transformer, the link has not
createTRPCClient<SuperRouter>({ links: [nenLink({ url })] });

createTRPCClient<BareRouter>({ links: [nenLink({ url })] });
// @ts-expect-error the link has a transformer, the router has not
createTRPCClient<BareRouter>({ links: [httpBatchLink({ url, transformer: superjson })] });
// @ts-expect-error the link has a transformer, the router has not
createTRPCClient<BareRouter>({ links: [nenLink({ url, transformer: superjson })] });

// The router's types come through.
const superClient = createTRPCClient<SuperRouter>({ links: [nenLink({ url, transformer: superjson })] });
expectTypeOf(superClient.when.query).parameter(0).toEqualTypeOf<{ at: Date }>();
expectTypeOf(superClient.when.query).returns.resolves.toEqualTypeOf<Date>();
superClient.ticks.subscribe(undefined, { onData: (tick) => expectTypeOf(tick).toEqualTypeOf<Date>() });
// @ts-expect-error an input of the wrong type
void superClient.when.query({ at: 'now' });
const bareClient = createTRPCClient<BareRouter>({ links: [nenLink({ url })] });
expectTypeOf(bareClient.when.query).returns.resolves.toEqualTypeOf<string>();

// Headers, in every form that tRPC takes.
nenLink<BareRouter>({ url, headers: { a: 'b', c: ['d', 'e'], f: undefined } });
nenLink<BareRouter>({ url, headers: new Headers() });
nenLink<BareRouter>({ url, headers: new Map([['a', 'b']]) });
nenLink<BareRouter>({ url, headers: () => ({ a: 'b' }) });
nenLink<BareRouter>({ url, headers: async ({ opList }) => ({ calls: String(opList.length) }) });
nenLink<BareRouter>({ url, headers: ({ op }) => ({ path: op.path }) });
// @ts-expect-error a number is no header value
nenLink<BareRouter>({ url, headers: { a: 1 } });

// Options of httpBatchLink, httpBatchStreamLink and httpSubscriptionLink that one may have had.
nenLink<BareRouter>({
  url: new URL(url),
  maxItems: 10,
  maxURLLength: 2_000,
  methodOverride: 'POST',
  stream: true,
  streamHeader: 'accept',
  connectionParams: async () => ({ token: 't' }),
  fetch: (input, init) => fetch(input, { ...init, credentials: 'include' }),
});
nenLink<BareRouter>({ url, fetch: globalThis.fetch, credentials: 'include', encoding: 'octets' });
nenLink<BareRouter>({ url, client: new NenClient('https://localhost') });
// @ts-expect-error no such encoding
nenLink<BareRouter>({ url, encoding: 'base64' });
// @ts-expect-error true or false
nenLink<BareRouter>({ url, stream: 'yes' });
// @ts-expect-error there is no link without an endpoint
nenLink<BareRouter>({});
// @ts-expect-error an option that does not exist
nenLink<BareRouter>({ url, batch: true });
// @ts-expect-error POST is the only override
nenLink<BareRouter>({ url, methodOverride: 'GET' });
// @ts-expect-error values of connectionParams are text
nenLink<BareRouter>({ url, connectionParams: { tries: 1 } });

// A fetch like any other.
const client = new NenClient('https://localhost');
expectTypeOf(client.fetch).toEqualTypeOf<typeof globalThis.fetch>();
expectTypeOf(client.tunnel('/api')).toEqualTypeOf<typeof globalThis.fetch>();
const fetchLike: typeof globalThis.fetch = client.fetch;
void fetchLike;
