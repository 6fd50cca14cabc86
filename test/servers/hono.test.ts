/** Hono and its Node server: fetch-native, so `nen.wrap` and `nen.routes` serve it as they are. */
import { serve } from '@hono/node-server';
import { fetchRequestHandler } from '@trpc/server/adapters/fetch';
import { type Context, Hono } from 'hono';
import { serverSuite } from './suite.ts';

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
  },
});
