/** nenLink with a fetch into the wrapped handler, as an application's own tests have it: no server, no socket. */
import { createTRPCClient } from '@trpc/client';
import { fetchRequestHandler } from '@trpc/server/adapters/fetch';
import superjson from 'superjson';
import { describe, expect, it } from 'vitest';
import { createNen, InMemorySessionStore } from '../../src/adapter/index.ts';
import { nenLink, type Transport } from '../../src/link/index.ts';
import { SEALED_WAYS, type Way } from './support/app.ts';
import { type AppRouter, createAppRouter } from './support/router.ts';
import { Stage } from './support/stage.ts';
import { failOnStrayErrors } from './support/stray-errors.ts';
import { Subscriber } from './support/subscription.ts';

failOnStrayErrors();

function start({ stream, encoding }: Way) {
  const stage = new Stage();
  const router = createAppRouter({});
  const nen = createNen({ store: new InMemorySessionStore() });
  const handler = nen.wrap((req) =>
    fetchRequestHandler({
      endpoint: '/api/trpc',
      req,
      router,
      createContext: ({ resHeaders, info }) => ({
        req,
        resHeaders,
        stage,
        nen: nen.session(req),
        connectionParams: info.connectionParams,
      }),
    }),
  );
  // Without the signal: of one who leaves, this server learns by its body's being cancelled alone.
  const transport: Transport = (url, { method, headers, body }) => {
    const req = new Request(url, { method, headers, body });
    return new URL(url).pathname.startsWith('/api/nen/') ? nen.routes.POST(req) : handler(req);
  };
  const url = 'http://localhost/api/trpc';
  const link = nenLink<AppRouter>({ url, transformer: superjson, stream, encoding, fetch: transport });
  return { stage, client: createTRPCClient<AppRouter>({ links: [link] }) };
}

describe.each(SEALED_WAYS)('$name', (way) => {
  it('answers queries, mutations, uploads and subscriptions', async () => {
    const { client } = start(way);
    expect(await client.echo.query({ at: new Date(1) })).toEqual({ back: { at: new Date(1) } });
    expect(await client.add.mutate([1, 2])).toBe(3);
    expect(await client.bytes.mutate(new Uint8Array([1, 2, 3]))).toBe('AQID');
    expect(await client.secret.query()).toBe('sealed for http://localhost');
    await expect(client.fail.query('CONFLICT')).rejects.toMatchObject({ data: { code: 'CONFLICT' } });
    const subscriber = new Subscriber();
    client.burst.subscribe(3, subscriber.callbacks);
    await subscriber.told.until('complete');
    expect(subscriber.data).toEqual([0, 1, 2]);
  });

  it('ends the generator of a subscription that was given up', async () => {
    const { client, stage } = start(way);
    const subscriber = new Subscriber();
    const { unsubscribe } = client.feed.subscribe({ until: 3 }, subscriber.callbacks);
    stage.open('feed 0');
    await subscriber.told.until('data');
    await stage.until('at feed 1');
    unsubscribe();
    await stage.until('feed over');
    expect(subscriber.errors).toEqual([]);
  });
});

describe.each(SEALED_WAYS.filter(({ stream }) => stream))('$name', (way) => {
  it('ends a generator whose reader has left', async () => {
    const { client, stage } = start(way);
    const abort = new AbortController();
    const steps = await client.steps.query({ count: 3 }, { signal: abort.signal });
    stage.open('step 0');
    for await (const { step } of steps) {
      expect(step).toBe(0);
      break;
    }
    await stage.until('at step 1');
    abort.abort();
    await stage.until('steps over');
  });
});
