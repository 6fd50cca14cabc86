/** Hono and its Node server: fetch-native, so `nen.wrap` and `nen.routes` serve it as they are. */
import { createServer } from 'node:http';
import { serve } from '@hono/node-server';
import { fetchRequestHandler } from '@trpc/server/adapters/fetch';
import { type Context, Hono } from 'hono';
import { expect, it, onTestFinished } from 'vitest';
import { createNen, InMemorySessionStore } from '../../src/adapter/index.ts';
import { NenClient } from '../../src/link/index.ts';
import { type Listening, listen } from '../support/listen.ts';
import { serverSuite } from './suite.ts';

function serveHono(hono: Hono): Promise<Listening> {
  return new Promise((resolve) => {
    const server = serve({ fetch: hono.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) =>
      resolve({
        url: `http://127.0.0.1:${port}`,
        close: () =>
          new Promise((done) => {
            server.close(() => done());
            if ('closeAllConnections' in server) server.closeAllConnections();
          }),
      }),
    );
  });
}

serverSuite({
  name: 'Hono',
  ...{ octets: true, streams: true, maxBodySize: false },
  seenUrl: '/api/trpc/seen',
  start: async (app) => {
    const { nen, router } = app;
    const calls = nen.wrap((req, c: Context) =>
      fetchRequestHandler({
        endpoint: '/api/trpc',
        req,
        router,
        createContext: ({ resHeaders }) =>
          app.context({
            nen: nen.session(req),
            method: req.method,
            url: req.url,
            header: (name) => req.headers.get(name),
            // What nen.wrap is given besides the request comes through.
            setHeader: (name, value) => (c.req.method === 'GET' ? undefined : resHeaders.append(name, value)),
            send: undefined,
          }),
      }),
    );
    const hono = new Hono();
    hono.all('/api/nen/:action', (c) => nen.routes.POST(c.req.raw));
    hono.all('/api/trpc/:path', (c) => calls(c.req.raw, c));
    return serveHono(hono);
  },
});

it("takes what fetch gave for a handler's answer, though Hono has put another class in the place of Response", async () => {
  const upstream = await listen(
    createServer((_req, res) => res.setHeader('content-type', 'application/json').end('{"up":true}')),
  );
  const nen = createNen({ store: new InMemorySessionStore(), onEvent: () => undefined });
  const passed = () => fetch(upstream.url);
  const handlers = [nen.wrap(passed), nen.withNen(passed), nen.withNenStream(passed)];
  const hono = new Hono();
  hono.all('/api/nen/:action', (c) => nen.routes.POST(c.req.raw));
  for (const [number, handler] of handlers.entries()) hono.post(`/api/${number}`, (c) => handler(c.req.raw));
  const server = await serveHono(hono);
  onTestFinished(async () => {
    await server.close();
    await upstream.close();
  });
  expect(await fetch(upstream.url)).not.toBeInstanceOf(Response);
  const client = new NenClient(server.url);
  for (const number of handlers.keys()) {
    expect(await client.nenFetch(`/api/${number}`, { method: 'POST', body: '{}' })).toEqual({ up: true });
  }
});
