/** node:http, and tRPC's standalone server. */
import { createServer } from 'node:http';
import { fetchRequestHandler } from '@trpc/server/adapters/fetch';
import { createNodeHandler } from '../../src/adapter/node.ts';
import { createHTTPServer } from '../../src/adapter/standalone.ts';
import { listen } from '../support/listen.ts';
import { type Answering, type Asked, given } from './given.ts';
import { serverSuite } from './suite.ts';

const ALL = { octets: true, streams: true, maxBodySize: true } as const;

serverSuite({
  name: 'nen.node(handler)',
  ...ALL,
  maxBodySize: false,
  seenUrl: '/api/trpc/seen',
  start: (app) => {
    const { nen, router } = app;
    const calls = nen.node((req) =>
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
            setHeader: (name, value) => resHeaders.append(name, value),
            send: undefined,
          }),
      }),
    );
    return listen(
      createServer((req, res) => (req.url?.startsWith('/api/nen/') ? nen.nodeRoutes : calls)(req, res)),
    );
  },
});

serverSuite({
  name: 'createNodeHandler',
  ...ALL,
  start: (app, options) => {
    const { nen, router } = app;
    const calls = createNodeHandler({
      nen,
      router,
      createContext: ({ req, res }) => app.context(given(app, req, res)),
      ...options,
    });
    return listen(
      createServer((req, res) => (req.url?.startsWith('/api/nen/') ? nen.nodeRoutes : calls)(req, res)),
    );
  },
});

serverSuite({
  name: 'createHTTPServer of standalone',
  ...ALL,
  start: (app, options) => {
    const { nen, router } = app;
    const createContext = ({ req, res }: { req: Asked; res: Answering }) => app.context(given(app, req, res));
    return listen(createHTTPServer({ nen, router, createContext, basePath: '/api/trpc/', ...options }));
  },
});
