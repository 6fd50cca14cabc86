/** Fastify: the plugins beside a server that has parsers of its own. */
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { initTRPC } from '@trpc/server';
import fastify from 'fastify';
import { expect, it, onTestFinished } from 'vitest';
import { fastifyNenPlugin, fastifyTRPCPlugin } from '../../src/adapter/fastify.ts';
import { createNen } from '../../src/adapter/index.ts';
import { given } from './given.ts';
import { serverSuite } from './suite.ts';

const t = initTRPC.create();

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

it('Fastify: a host that is none, and a path that URLs spell otherwise, get 400', async () => {
  const nen = createNen();
  const server = fastify();
  server.register(fastifyNenPlugin, { prefix: '/api/nen', nen });
  server.register(fastifyTRPCPlugin, { prefix: '/api/trpc', nen, trpcOptions: { router: t.router({}) } });
  onTestFinished(() => server.close());
  const url = await server.listen({ port: 0, host: '127.0.0.1' });
  const status = async (path: string, host: string): Promise<number | undefined> => {
    const outgoing = request(url, { path, headers: { host, connection: 'close' } }).end();
    const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
    answer.resume();
    return answer.statusCode;
  };
  expect(await status('/api/trpc/sealed', 'test.example')).toBe(403);
  for (const path of ['/api/trpc/sealed', '/api/nen/status']) {
    expect(await status(path, 'a b'), path).toBe(400);
    expect(await status(`${path}\\`, 'test.example'), path).toBe(400);
  }
});
