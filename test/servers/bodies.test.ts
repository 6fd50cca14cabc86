/**
 * What stands in front of a Node handler and has had its hands on the request: body parsers of every kind,
 * cookies and headers set before; and what a listener does with bodies it doesn't want and handlers that fail.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import { createTRPCClient } from '@trpc/client';
import express, { type RequestHandler } from 'express';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createExpressMiddleware } from '../../src/adapter/express.ts';
import type { NenOptions } from '../../src/adapter/index.ts';
import { toNodeHandler } from '../../src/adapter/node.ts';
import { NenClient, NenError, type NenLinkOptions, nenLink } from '../../src/link/index.ts';
import { listen } from '../support/listen.ts';
import { until } from '../support/until.ts';
import { type AppRouter, createApp } from './app.ts';
import { given } from './given.ts';

async function served(server: Server): Promise<string> {
  const { url, close } = await listen(server);
  onTestFinished(close);
  return url;
}

/** An Express application with this in front of everything. */
async function behind(front: RequestHandler, options: NenOptions = {}) {
  const app = createApp(options);
  const { nen, router } = app;
  const server = express().use(front).use('/api/nen', nen.nodeRoutes);
  const cookies: unknown[] = [];
  server.use(
    '/api/trpc',
    createExpressMiddleware({
      nen,
      router,
      createContext: ({ req, res }) => {
        cookies.push(req.cookies);
        return app.context(given(app, req, res));
      },
    }),
  );
  const url = `${await served(createServer(server))}/api/trpc`;
  const client = (link: Partial<NenLinkOptions<AppRouter>> = {}) =>
    createTRPCClient<AppRouter>({
      links: [nenLink<AppRouter>({ url, ...link } as NenLinkOptions<AppRouter>)],
    });
  return { ...app, url, client, cookies };
}

const ANY = { type: () => true, limit: '20mb' };

describe('a body parser in front', () => {
  it.each<[string, RequestHandler, ('json' | 'octets')[]]>([
    ['express.json()', express.json({ limit: '20mb' }), ['json', 'octets']],
    ['express.json() of any type', express.json(ANY), ['json']],
    ['express.urlencoded()', express.urlencoded({ extended: true }), ['json', 'octets']],
    ['express.raw() of any type', express.raw(ANY), ['json', 'octets']],
    ['express.text() of any type', express.text(ANY), ['json']],
    [
      'one that leaves an empty object and the bytes, as Express 4 does',
      (req, _res, next) => {
        req.body = {};
        next();
      },
      ['json', 'octets'],
    ],
    [
      'one that pauses the body and takes its time',
      (req, _res, next) => {
        req.pause();
        setImmediate(next);
      },
      ['json', 'octets'],
    ],
  ])('%s is no obstacle', async (_, parser, encodings) => {
    const { client } = await behind(parser);
    for (const encoding of encodings) {
      const trpc = client({ encoding });
      expect(await trpc.add.mutate([20, 22])).toBe(42);
      expect(await trpc.size.mutate('ü'.repeat(100_000))).toBe(100_000);
    }
  });

  it('that waits for the end of a body which is empty takes nothing from it', async () => {
    const { url } = await behind((req, _res, next) => {
      if (req.url.endsWith('/terminate')) req.resume().on('close', () => next());
      else next();
    });
    const client = new NenClient(new URL(url).origin);
    await client.handshake();
    await client.terminate();
  });

  it('that keeps the body to itself is named in the log, and the client gets ISO-4007', async () => {
    const { client, refusals } = await behind((req, _res, next) => {
      req.resume().on('end', () => next());
    });
    const error = NenError.from(
      await client()
        .echo.query('x')
        .catch((thrown: unknown) => thrown),
    );
    expect(error?.code).toBe('ISO-4007');
    expect(refusals).toEqual([
      'ISO-4007 a middleware in front has read the body and left nothing in req.body: mount the sealed handler before it',
    ]);
  });

  it('that refuses a large body is what the client is told of: its status, and that we did not seal it', async () => {
    const { client } = await behind(express.json({ limit: '10kb' }));
    const trpc = client();
    expect(await trpc.size.mutate('x'.repeat(1000))).toBe(1000);
    const error = NenError.from(
      await trpc.size.mutate('x'.repeat(50_000)).catch((thrown: unknown) => thrown),
    );
    expect(error).toMatchObject({ code: 'ISO-4005', status: 413 });
  });

  it('can lead nobody past the limit', async () => {
    const { client } = await behind(express.json({ limit: '20mb' }), { maxBodyBytes: 10_000 });
    const trpc = client();
    const error = NenError.from(
      await trpc.size.mutate('x'.repeat(50_000)).catch((thrown: unknown) => thrown),
    );
    expect(error?.code).toBe('ISO-4003');
  });
});

describe('middleware in front', () => {
  it('keeps its cookies and headers beside ours', async () => {
    const { client } = await behind((_req, res, next) => {
      res
        .setHeader('Set-Cookie', 'before=1')
        .setHeader('Vary', 'Accept-Encoding')
        .setHeader('X-Before', 'kept');
      next();
    });
    let headers = new Headers();
    const trpc = client({
      fetch: async (url, init) => {
        const response = await fetch(url, init);
        headers = response.headers;
        return response;
      },
    });
    await trpc.cookies.mutate();
    expect(headers.getSetCookie()).toEqual(['before=1', 'theme=dark; Path=/']);
    expect(headers.get('x-before')).toBe('kept');
  });

  it('can slip no cookie under one that the client sealed', async () => {
    const { client, cookies } = await behind((req, _res, next) => {
      // As cookie-parser does, of the outer header.
      req.cookies = { session: 'of the way' };
      req.headers.cookie = 'session=of%20the%20way';
      next();
    });
    await client({ headers: { cookie: 'session=sealed; a=b=c' } }).echo.query('x');
    await client().echo.query('x');
    expect(cookies).toEqual([{ session: 'sealed', a: 'b=c' }, { session: 'of the way' }]);
  });
});

describe('toNodeHandler', () => {
  it('reads no body that nobody asks for: the sender is held, not the memory filled', async () => {
    let read = (): number => 0;
    let answer = (): void => undefined;
    const waiting = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const server = createServer(
      toNodeHandler(async () => {
        await waiting;
        return new Response('refused', { status: 413 });
      }),
    );
    server.on('connection', (socket) => {
      read = () => socket.bytesRead;
    });
    const outgoing = request(await served(server), { method: 'POST' });
    outgoing.on('error', () => undefined);
    const block = Buffer.alloc(1024 * 1024);
    // Until the sender is held back for good: what the kernel's buffers take is not ours.
    while (outgoing.write(block)) await new Promise((resolve) => setImmediate(resolve));
    for (let i = 0; i < 40; i++) outgoing.write(block);
    let before = -1;
    await until('the server reads no more', () => {
      const now = read();
      const isStill = now === before;
      before = now;
      return isStill;
    });
    expect(read()).toBeLessThan(1024 * 1024);
    answer();
    const [response] = (await once(outgoing, 'response')) as [{ statusCode: number }];
    expect(response.statusCode).toBe(413);
    outgoing.destroy();
  });

  it('serves the next request on a connection whose body was given up halfway', async () => {
    const url = await served(
      createServer(
        toNodeHandler(async (req) => {
          const reader = req.body?.getReader();
          await reader?.read();
          await reader?.cancel();
          return new Response('enough');
        }),
      ),
    );
    for (let i = 0; i < 3; i++) {
      const response = await fetch(url, { method: 'POST', body: 'x'.repeat(500_000) });
      expect(await response.text()).toBe('enough');
    }
  });

  it('answers 500 without a word for a handler that throws, and 400 for a host that is none', async () => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    onTestFinished(() => log.mockRestore());
    const handler = toNodeHandler(() => {
      throw new Error('planted');
    });
    const url = await served(createServer(handler));
    const response = await fetch(url);
    expect([response.status, await response.text()]).toEqual([500, '']);
    expect(log).toHaveBeenCalledOnce();
    for (const host of ['a b', 'user@test.example', 'user:word@test.example']) {
      const outgoing = request(url, { headers: { host } }).end();
      const [refused] = (await once(outgoing, 'response')) as [{ statusCode: number }];
      expect(refused.statusCode, host).toBe(400);
      outgoing.destroy();
    }
    expect(log).toHaveBeenCalledOnce();
  });

  it("gives a handler's error to Express, where there is one", async () => {
    const handler = toNodeHandler(() => {
      throw new Error('planted');
    });
    const onError: express.ErrorRequestHandler = (error, _req, res, _next) => {
      res.status(418).send((error as Error).message);
    };
    const response = await fetch(await served(createServer(express().use(handler).use(onError))));
    expect([response.status, await response.text()]).toEqual([418, 'planted']);
  });

  it('breaks the connection when a body fails halfway, so that nobody takes it for whole', async () => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    onTestFinished(() => log.mockRestore());
    let sent = 0;
    const body = () =>
      new ReadableStream({
        pull(controller) {
          if (sent++ === 0) controller.enqueue(new TextEncoder().encode('half'));
          else controller.error(new Error('planted'));
        },
      });
    const url = await served(createServer(toNodeHandler(() => new Response(body()))));
    await expect(fetch(url).then((response) => response.text())).rejects.toThrow();
  });

  it('leaves a body whose reader was gone before it began', async () => {
    let cancelled = false;
    const cancel = (): void => {
      cancelled = true;
    };
    const handler = toNodeHandler(async (req) => {
      outgoing.destroy();
      await once(req.signal, 'abort');
      return new Response(new ReadableStream({ cancel }));
    });
    const outgoing = request(await served(createServer(handler))).on('error', () => undefined);
    outgoing.end();
    await until('the body is cancelled', () => cancelled);
  });

  it('leaves a body in whose place somebody in front has answered, and does not cut that answer short', async () => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    onTestFinished(() => log.mockRestore());
    let cancelled = false;
    const cancel = (): void => {
      cancelled = true;
    };
    let finished: () => void = () => undefined;
    const isLate = new Promise<void>((resolve) => {
      finished = resolve;
    });
    const handler = toNodeHandler(async () => {
      await isLate;
      return new Response(new ReadableStream({ cancel }), { headers: { 'x-late': 'yes' } });
    });
    // More than the kernel's buffers take, so that it is not out when the handler's answer comes.
    const whole = 'late'.repeat(4_000_000);
    const timeOut: RequestHandler = (_req, res, next) => {
      next();
      res.status(503).end(whole);
      finished();
    };
    const outgoing = request(await served(createServer(express().use(timeOut, handler)))).end();
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    await until('the body is cancelled', () => cancelled);
    const arrived = Buffer.concat((await response.toArray()) as Buffer[]);
    expect([response.statusCode, arrived.length]).toEqual([503, whole.length]);
    outgoing.destroy();
  });
});
