/** Fastify: the plugins beside a server that has parsers of its own. */
import fastify from 'fastify';
import { fastifyNenPlugin, fastifyTRPCPlugin } from '../../src/adapter/fastify.ts';
import { given } from './given.ts';
import { serverSuite } from './suite.ts';

serverSuite({
  name: 'Fastify',
  ...{ octets: true, streams: true, maxBodySize: false },
  start: async (app) => {
    const { nen, router } = app;
    const server = fastify();
    server.register(fastifyNenPlugin, { prefix: '/api/nen', nen });
    server.register(fastifyTRPCPlugin<typeof router>, {
      prefix: '/api/trpc',
      nen,
      trpcOptions: {
        router,
        createContext: ({ req, res }) => ({
          ...app.context(
            given(app, req, {
              setHeader: (name, value) => res.header(name, value),
              end: (body) => res.send(body),
            }),
          ),
        }),
      },
    });
    const url = await server.listen({ port: 0, host: '127.0.0.1' });
    return {
      url,
      close: async () => {
        server.server.closeAllConnections();
        await server.close();
      },
    };
  },
});
