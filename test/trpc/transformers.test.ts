/** Transformers: none, one for both ways, one for each way; for answers, events and errors alike. */
import {
  createTRPCClient,
  httpBatchLink,
  httpSubscriptionLink,
  splitLink,
  TRPCClientError,
  type TRPCLink,
} from '@trpc/client';
import { initTRPC, type TRPCCombinedDataTransformer, TRPCError, tracked } from '@trpc/server';
import { fetchRequestHandler } from '@trpc/server/adapters/fetch';
import { EventSource } from 'eventsource';
import superjson from 'superjson';
import { describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { createNen, InMemorySessionStore } from '../../src/adapter/index.ts';
import { nenLink } from '../../src/link/index.ts';
import { serve } from '../support/serve.ts';
import { failOnStrayErrors } from './support/stray-errors.ts';
import { Subscriber } from './support/subscription.ts';

failOnStrayErrors();

const SPLIT: TRPCCombinedDataTransformer = {
  input: { serialize: (data) => ({ up: data }), deserialize: ({ up }: { up: unknown }) => up },
  output: { serialize: (data) => ({ down: data }), deserialize: ({ down }: { down: unknown }) => down },
};

/** Given to server and client; for the types there is always one. */
interface Given {
  readonly transformer: TRPCCombinedDataTransformer;
}

function createRouter(given: Given) {
  const t = initTRPC.create(given);
  return t.router({
    echo: t.procedure
      .input(z.object({ text: z.string() }))
      .query(({ input }) => ({ ...input, at: new Date(7) })),
    fail: t.procedure.mutation(() => {
      throw new TRPCError({ code: 'CONFLICT', message: 'no' });
    }),
    feed: t.procedure.subscription(async function* () {
      yield tracked('a', { at: new Date(8) });
      throw new TRPCError({ code: 'FORBIDDEN', message: 'enough' });
    }),
  });
}

type Router = ReturnType<typeof createRouter>;

const NONE = {} as Given;

describe.each<[string, Given]>([
  ['none', NONE],
  ['superjson', { transformer: { input: superjson, output: superjson } }],
  ['one for each way', { transformer: SPLIT }],
])('transformer: %s', (name, given) => {
  async function start() {
    const router = createRouter(given);
    const nen = createNen({ store: new InMemorySessionStore() });
    const trpc = (req: Request): Promise<Response> => fetchRequestHandler({ endpoint: '/trpc', req, router });
    const sealed = nen.wrap((req) => fetchRequestHandler({ endpoint: '/sealed-trpc', req, router }));
    const { url, close } = await serve((req) => {
      const { pathname } = new URL(req.url);
      if (pathname.startsWith('/nen/')) return nen.routes.POST(req);
      return pathname.startsWith('/trpc/') ? trpc(req) : sealed(req);
    });
    onTestFinished(close);
    const plainLink: TRPCLink<Router> = splitLink({
      condition: ({ type }) => type === 'subscription',
      true: httpSubscriptionLink({ url: `${url}/trpc`, EventSource, ...given }),
      false: httpBatchLink({ url: `${url}/trpc`, ...given }),
    });
    const links = [plainLink, nenLink<Router>({ url: `${url}/sealed-trpc`, ...given })];
    return links.map((link) => createTRPCClient<Router>({ links: [link] }));
  }

  it('answers the same, plain and sealed', async () => {
    const answers = await Promise.all(
      (await start()).map((client) => client.echo.query({ text: 'up and down' })),
    );
    const at = name === 'superjson' ? new Date(7) : '1970-01-01T00:00:00.007Z';
    expect(answers).toEqual([
      { text: 'up and down', at },
      { text: 'up and down', at },
    ]);
  });

  it('fails the same, plain and sealed', async () => {
    for (const client of await start()) {
      const error = await client.fail.mutate().catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(TRPCClientError);
      expect(error).toMatchObject({ message: 'no', data: { code: 'CONFLICT', path: 'fail' } });
    }
  });

  it('subscribes the same, plain and sealed', async () => {
    for (const client of await start()) {
      const subscriber = new Subscriber();
      client.feed.subscribe(undefined, subscriber.callbacks as object);
      await subscriber.told.until('error');
      const at = name === 'superjson' ? new Date(8) : '1970-01-01T00:00:00.008Z';
      expect(subscriber.data).toEqual([{ id: 'a', data: { at } }]);
      expect(subscriber.errors).toMatchObject([{ message: 'enough', data: { code: 'FORBIDDEN' } }]);
    }
  });

  it('reads the error of a subscription that does not exist', async () => {
    const [, sealed] = await start();
    const subscriber = new Subscriber();
    const client = sealed as unknown as { gone: { subscribe(input: undefined, callbacks: object): void } };
    client.gone.subscribe(undefined, subscriber.callbacks);
    await subscriber.told.until('error');
    expect(subscriber.errors).toMatchObject([{ data: { code: 'NOT_FOUND' } }]);
  });
});
