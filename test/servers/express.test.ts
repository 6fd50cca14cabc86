/** Express: the middleware mounted, alone and behind the body parsers that applications have. */
import { createServer } from 'node:http';
import express from 'express';
import { createExpressMiddleware } from '../../src/adapter/express.ts';
import { listen } from '../support/listen.ts';
import type { App } from './app.ts';
import { given } from './given.ts';
import { type ServerOptions, serverSuite } from './suite.ts';

function middleware(app: App, options: ServerOptions) {
  const { nen, router } = app;
  return createExpressMiddleware({
    nen,
    router,
    createContext: ({ req, res }) => ({
      ...app.context(given(app, req, res)),
      url: req.originalUrl,
      header: (name: string) => req.get(name),
    }),
    ...options,
  });
}

serverSuite({
  name: 'Express',
  ...{ octets: true, streams: true, maxBodySize: true },
  start: (app, options) => {
    const server = express();
    server.use('/api/nen', app.nen.nodeRoutes);
    server.use('/api/trpc', middleware(app, options));
    return listen(createServer(server));
  },
});

serverSuite({
  name: 'Express behind express.json()',
  ...{ octets: true, streams: true, maxBodySize: true },
  start: (app, options) => {
    const server = express();
    server.use(express.json({ limit: '20mb' }));
    server.use('/api/nen', app.nen.nodeRoutes);
    server.use('/api/trpc', middleware(app, options));
    return listen(createServer(server));
  },
});
