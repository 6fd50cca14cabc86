/** Where the endpoint lies: under /api, at the top, at the root, behind a proxy that removes a prefix. */
import { createTRPCClient } from '@trpc/client';
import { fetchRequestHandler } from '@trpc/server/adapters/fetch';
import superjson from 'superjson';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createNen, InMemorySessionStore } from '../../src/adapter/index.ts';
import { NenClient, nenLink } from '../../src/link/index.ts';
import { serve } from '../support/serve.ts';
import { SEALED_WAYS, startApp } from './support/app.ts';
import { type AppRouter, createAppRouter } from './support/router.ts';
import { Stage } from './support/stage.ts';
import { failOnStrayErrors } from './support/stray-errors.ts';
import { Subscriber } from './support/subscription.ts';
import { requestLines } from './support/traces.ts';

failOnStrayErrors();

const form = (): FormData => {
  const data = new FormData();
  data.append('a', 'b');
  return data;
};

describe.each(SEALED_WAYS)('$name', (way) => {
  it.each([
    ['/api/trpc', '/api/nen'],
    ['/trpc', '/nen'],
    ['', '/nen'],
    ['/base/path/api/trpc', '/base/path/api/nen'],
  ])('an endpoint at "%s" has its session routes under %s', async (endpoint, nenPath) => {
    const app = await startApp(way, { endpoint });
    const client = app.client();
    expect(await client.echo.query('x')).toEqual({ back: 'x' });
    expect(await client.add.mutate([1, 2])).toBe(3);
    expect(await client.upload.mutate(form())).toEqual([['a', 'b']]);
    const subscriber = new Subscriber();
    client.burst.subscribe(2, subscriber.callbacks);
    await subscriber.told.until('complete');
    expect(subscriber.data).toEqual([0, 1]);
    expect((await client.seen.query([])).pathname).toBe(`${endpoint}/seen`);
    expect(requestLines(app.tap.sent())).toEqual([`POST ${nenPath}/handshake`, `POST ${endpoint}/sealed`]);
  });

  it('finds its session routes elsewhere, with nenUrl', async () => {
    const app = await startApp(way, { nenPath: '/sessions/of/nen' });
    const { origin } = new URL(app.url);
    for (const nenUrl of ['/sessions/of/nen', `${origin}/sessions/of/nen`]) {
      expect(await app.client({ nenUrl }).add.mutate([1, 2])).toBe(3);
    }
    expect(requestLines(app.tap.sent())).toEqual([
      'POST /sessions/of/nen/handshake',
      'POST /api/trpc/sealed',
    ]);
  });

  it.each<[string, (url: string) => string | URL]>([
    ['a URL object', (url) => new URL(url)],
    ['a trailing slash', (url) => `${url}/`],
    ['upper case in scheme and host', (url) => url.replace('http://', 'HTTP://')],
  ])('takes the URL as %s', async (_, form) => {
    const app = await startApp(way);
    const { stream, encoding } = way;
    const client = createTRPCClient<AppRouter>({
      links: [nenLink({ url: form(app.url), transformer: superjson, stream, encoding })],
    });
    expect(await client.add.mutate([1, 2])).toBe(3);
  });

  it("keeps the URL's own query inside", async () => {
    const app = await startApp(way);
    const { stream, encoding } = way;
    const client = createTRPCClient<AppRouter>({
      links: [nenLink({ url: `${app.url}?tenant=7`, transformer: superjson, stream, encoding })],
    });
    expect((await client.seen.query([])).query).toEqual(['tenant', 'batch', 'input']);
    expect(app.tap.sent().toString('latin1')).not.toContain('tenant');
  });

  it('works behind a proxy that removes a prefix, with mountPath', async () => {
    const stage = new Stage();
    const router = createAppRouter({});
    const nen = createNen({ store: new InMemorySessionStore(), mountPath: '/app' });
    const handler = nen.wrap((req) =>
      fetchRequestHandler({
        endpoint: '/api/trpc',
        req,
        router,
        createContext: ({ resHeaders }) => ({
          req,
          resHeaders,
          stage,
          connectionParams: null,
          nen: nen.session(req),
        }),
      }),
    );
    const { url, close } = await serve((outer) => {
      const { pathname } = new URL(outer.url);
      if (!pathname.startsWith('/app/')) return new Response('no such app', { status: 404 });
      const req = new Request(outer.url.replace('/app/', '/'), outer);
      return pathname.startsWith('/app/api/nen/') ? nen.routes.POST(req) : handler(req);
    });
    onTestFinished(close);
    const { stream, encoding } = way;
    const client = createTRPCClient<AppRouter>({
      links: [nenLink({ url: `${url}/app/api/trpc`, transformer: superjson, stream, encoding })],
    });
    expect((await client.seen.query([])).pathname).toBe('/api/trpc/seen');
    expect(await client.add.mutate([1, 2])).toBe(3);
  });

  it('refuses a URL of another scheme at once, and a relative one outside of a page', async () => {
    for (const url of ['ftp://host/trpc', 'data:text/plain,trpc', 'ws://host/trpc']) {
      expect(() => nenLink<AppRouter>({ url, transformer: superjson })).toThrow(TypeError);
    }
    const client = createTRPCClient<AppRouter>({
      links: [nenLink({ url: '/api/trpc', transformer: superjson })],
    });
    await expect(client.echo.query(1)).rejects.toThrow('a relative URL needs a page');
  });

  it('refuses options that a shared client would not heed', () => {
    const client = new NenClient('https://localhost');
    const url = 'https://localhost/api/trpc';
    const link = (options: object) => () =>
      nenLink<AppRouter>({ url, transformer: superjson, client, ...options });
    expect(link({})).not.toThrow();
    expect(link({ encoding: 'octets' })).toThrow(new TypeError('encoding: give it to the shared client'));
    expect(link({ fetch })).toThrow(new TypeError('fetch: give it to the shared client'));
    expect(link({ serverPins: undefined })).toThrow(TypeError);
  });
});
