/** Fastify: the plugins beside a server that has parsers of its own. */
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { initTRPC } from '@trpc/server';
import fastify from 'fastify';
import { expect, it, onTestFinished, vi } from 'vitest';
import { fastifyNenPlugin, fastifyTRPCPlugin } from '../../src/adapter/fastify.ts';
import { createNen } from '../../src/adapter/index.ts';
import { NenClient } from '../../src/link/index.ts';
import { until } from '../support/until.ts';
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

it('Fastify: ends a stream in whose place a hook has answered', async () => {
  vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  const nen = createNen();
  let answered: () => void = () => undefined;
  const isLate = new Promise<void>((resolve) => {
    answered = resolve;
  });
  let ended = false;
  async function* numbers() {
    try {
      for (let i = 0; ; i++) {
        yield i;
        await new Promise((resolve) => setImmediate(resolve));
      }
    } finally {
      ended = true;
    }
  }
  const router = t.router({
    late: t.procedure.query(async () => {
      await isLate;
      return numbers();
    }),
  });
  const server = fastify();
  server.addHook('onRequest', async (req, reply) => {
    if (req.url === '/api/trpc/sealed')
      setImmediate(() => reply.code(503).send('late').then(answered, answered));
  });
  server.register(fastifyNenPlugin, { prefix: '/api/nen', nen });
  server.register(fastifyTRPCPlugin, { prefix: '/api/trpc', nen, trpcOptions: { router } });
  onTestFinished(() => server.close());
  const url = await server.listen({ port: 0, host: '127.0.0.1' });
  const call = new NenClient(url).tunnel('/api/trpc')('/api/trpc/late?batch=1', {
    headers: { 'trpc-accept': 'application/jsonl' },
  });
  await expect(call).rejects.toMatchObject({ code: 'ISO-4005', status: 503 });
  await until('the generator has ended', () => ended);
});
