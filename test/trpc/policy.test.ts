/** Plain calls to a sealed server: refused, let in and counted, or refused for single procedures. */
import { createTRPCClient, httpBatchLink, httpLink, TRPCClientError } from '@trpc/client';
import superjson from 'superjson';
import { describe, expect, it } from 'vitest';
import { NenError } from '../../src/link/index.ts';
import { type App, BATCH_WAYS, SEALED_WAYS, startApp } from './support/app.ts';
import { type AppContext, type AppRouter, createAppRouter } from './support/router.ts';
import { Stage } from './support/stage.ts';
import { failOnStrayErrors } from './support/stray-errors.ts';
import { Subscriber } from './support/subscription.ts';

failOnStrayErrors();

const [, SEALED] = BATCH_WAYS;
if (SEALED === undefined) throw new Error('no sealed way');

/** A client from before the seal. */
const oldClient = ({ url }: App) =>
  createTRPCClient<AppRouter>({ links: [httpBatchLink({ url, transformer: superjson })] });

async function rejection(call: Promise<unknown>): Promise<TRPCClientError<AppRouter>> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof TRPCClientError) return error;
  throw new TypeError('the call should have failed with a TRPCClientError');
}

describe("plain: 'refuse'", () => {
  it.each<[string, (client: ReturnType<typeof oldClient>) => Promise<unknown>]>([
    ['query', (client) => client.echo.query(1)],
    ['mutation', (client) => client.add.mutate([1, 2])],
  ])('a %s of an old client fails with 403 and what is wrong, and nothing runs', async (_, call) => {
    const app = await startApp(SEALED);
    const error = await rejection(call(oldClient(app)));
    expect(error.meta?.response).toMatchObject({ status: 403 });
    expect(error.meta?.responseJSON).toEqual({
      error: { code: 'ISO-3007', message: 'A sealed request is required.' },
    });
    expect(error.message).toBe('Unable to transform response from server');
    expect(app.requests).toEqual([]);
    expect(app.events).toMatchObject([{ type: 'refused', code: 'ISO-3007' }]);
  });

  it('a form of an old client fails and nothing runs', async () => {
    const app = await startApp(SEALED);
    const client = createTRPCClient<AppRouter>({
      links: [httpLink({ url: app.url, transformer: superjson })],
    });
    await rejection(client.bytes.mutate(new Uint8Array(9)));
    expect(app.requests).toEqual([]);
  });
});

describe("plain: 'allow'", () => {
  const nen = { plain: 'allow' } as const;

  it('serves old clients and new ones side by side, and counts the old ones', async () => {
    const app = await startApp(SEALED, { nen });
    const old = oldClient(app);
    expect(await old.echo.query('old')).toEqual({ back: 'old' });
    expect(await old.session.query()).toBeUndefined();
    expect(await app.client().echo.query('new')).toEqual({ back: 'new' });
    expect(await app.client().session.query()).toMatch(/^[\w-]{22}$/);
    expect(await old.add.mutate([1, 2])).toBe(3);
    expect(app.events.filter(({ type }) => type === 'plain')).toEqual([
      { type: 'plain', method: 'GET', path: '/api/trpc/echo', count: 1 },
      { type: 'plain', method: 'GET', path: '/api/trpc/session', count: 2 },
      { type: 'plain', method: 'POST', path: '/api/trpc/add', count: 3 },
    ]);
  });

  it('still refuses a plain call where sealedOnly stands', async () => {
    const app = await startApp(SEALED, { nen });
    const error = await rejection(oldClient(app).secret.query());
    expect(error.message).toBe('This procedure answers sealed calls only.');
    expect(error.data).toMatchObject({ code: 'FORBIDDEN', httpStatus: 403, path: 'secret' });
    expect(await app.client().secret.query()).toBe(`sealed for ${new URL(app.url).origin}`);
  });
});

describe('sealedOnly', () => {
  it.each(SEALED_WAYS)('lets $name calls pass', async (way) => {
    const app = await startApp(way);
    expect(await app.client().secret.query()).toBe(`sealed for ${new URL(app.url).origin}`);
  });

  it('refuses createCaller, as server rendering uses it', async () => {
    const context: AppContext = {
      req: new Request('http://localhost/'),
      resHeaders: new Headers(),
      stage: new Stage(),
      nen: undefined,
      connectionParams: null,
    };
    const caller = createAppRouter({}).createCaller(context);
    expect(await caller.echo(1)).toEqual({ back: 1 });
    await expect(caller.secret()).rejects.toMatchObject({
      code: 'FORBIDDEN',
      message: 'This procedure answers sealed calls only.',
    });
  });
});

describe('a NenError, as tRPC callers see it', () => {
  it('is the cause of a TRPCClientError that has the tRPC code', async () => {
    const app = await startApp(SEALED, { nen: { rateLimit: () => 7 } });
    const error = await rejection(app.client().echo.query(1));
    expect(error.data).toEqual({ code: 'TOO_MANY_REQUESTS', httpStatus: 429 });
    expect(NenError.from(error)).toMatchObject({ code: 'ISO-1008', outcome: 'not-run', status: 429 });
  });

  it('says that a body was too large before it was read', async () => {
    const app = await startApp(SEALED, { nen: { maxBodyBytes: 2_000 } });
    const error = await rejection(app.client().bytes.mutate(new Uint8Array(5_000)));
    expect(error.data).toEqual({ code: 'PAYLOAD_TOO_LARGE', httpStatus: 413 });
    expect(NenError.from(error)?.code).toBe('ISO-4003');
    expect(app.requests).toEqual([]);
  });

  /** A client whose every byte is answered by somebody on the way. */
  const intercepted = (app: App, status: number) =>
    createTRPCClient<AppRouter>({
      links: [app.link({ fetch: () => Promise.resolve(new Response('<html>', { status })) })],
    });

  it('ends a subscription where asking again is of no use', async () => {
    const subscriber = new Subscriber();
    intercepted(await startApp(SEALED), 403).burst.subscribe(1, subscriber.callbacks);
    await subscriber.told.until('error');
    expect(NenError.from(subscriber.errors[0])).toMatchObject({ code: 'ISO-1007', status: 403 });
    expect(subscriber.story).toEqual(['connecting', 'error']);
  });

  it('goes with the state of a subscription that goes on trying', async () => {
    const subscriber = new Subscriber();
    const { unsubscribe } = intercepted(await startApp(SEALED), 503).burst.subscribe(1, subscriber.callbacks);
    await subscriber.told.until('connecting', 2);
    unsubscribe();
    expect(NenError.from(subscriber.connectionErrors[0])).toMatchObject({ code: 'ISO-1007', status: 503 });
    expect(subscriber.errors).toEqual([]);
  });

  it('does not end a subscription for a refusal in clear that the next attempt need not meet', async () => {
    const refusals = [
      ['ISO-2003', 503],
      ['ISO-5001', 409],
      ['ISO-4007', 400],
      ['not ours', 502],
    ] as const;
    const app = await startApp(SEALED);
    await Promise.all(
      refusals.map(async ([code, status]) => {
        let refused = false;
        const link = app.link({
          fetch: async (url, init) => {
            if (refused || !url.endsWith('/sealed')) return fetch(url, init);
            refused = true;
            return Response.json({ error: { code, message: 'Refused once.' } }, { status });
          },
        });
        const subscriber = new Subscriber();
        createTRPCClient<AppRouter>({ links: [link] }).burst.subscribe(1, subscriber.callbacks);
        await Promise.race([subscriber.told.until('complete'), subscriber.told.until('error')]);
        expect([code, subscriber.errors, subscriber.data]).toEqual([code, [], [0]]);
      }),
    );
  });
});
