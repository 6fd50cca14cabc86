/** HTTP/2, by tRPC's standalone handler: node:http2 on both sides. */
import { once } from 'node:events';
import { type ClientHttp2Session, connect, createServer } from 'node:http2';
import { Readable } from 'node:stream';
import { createTRPCClient } from '@trpc/client';
import { expect, it, onTestFinished } from 'vitest';
import { toNodeHandler } from '../../src/adapter/node.ts';
import { type CreateHTTP2ContextOptions, createHTTP2Handler } from '../../src/adapter/standalone.ts';
import { nenLink, type Transport } from '../../src/link/index.ts';
import { listen } from '../support/listen.ts';
import { until } from '../support/until.ts';
import { type AppRouter, createApp } from './app.ts';
import { given } from './given.ts';

/** A fetch of POST requests over one connection. */
function transportOver(session: ClientHttp2Session): Transport {
  return (url, init) =>
    new Promise((resolve, reject) => {
      const { pathname, search } = new URL(url);
      const headers = Object.fromEntries(new Headers(init.headers));
      const stream = session.request({ ':method': init.method, ':path': pathname + search, ...headers });
      stream.on('error', reject);
      stream.on('response', ({ ':status': status = 0, ...fields }) => {
        const entries = Object.entries(fields).map(([name, value]): [string, string] => [
          name,
          String(value),
        ]);
        resolve(new Response(Readable.toWeb(stream) as ReadableStream, { status, headers: entries }));
      });
      stream.end(init.body);
    });
}

it('answers calls and a subscription over HTTP/2', async () => {
  const app = createApp();
  const { nen, router, stage } = app;
  const createContext = ({ req, res }: CreateHTTP2ContextOptions) => app.context(given(app, req, res));
  const { url, close } = await listen(createServer(createHTTP2Handler({ nen, router, createContext })));
  const session = connect(url);
  onTestFinished(async () => {
    session.destroy();
    await close();
  });
  const trpc = createTRPCClient<AppRouter>({
    links: [
      nenLink({ url: `${url}/api/trpc`, fetch: transportOver(session), headers: { 'x-given': 'yes' } }),
    ],
  });
  expect(await trpc.add.mutate([20, 22])).toBe(42);
  expect(await trpc.seen.query('x-given')).toMatchObject({ method: 'GET', header: 'yes' });
  expect(await trpc.cookies.mutate()).toBe(true);
  stage.open('feed 0');
  const first = await new Promise((resolve, reject) => {
    const subscription = trpc.feed.subscribe(2, {
      onData: (event) => {
        subscription.unsubscribe();
        resolve(event);
      },
      onError: reject,
    });
  });
  expect(first).toBe('planted event 0');
  await stage.until('feed over');
});

it('leaves a body whose reader was gone before it began', async () => {
  let cancelled = false;
  const cancel = (): void => {
    cancelled = true;
  };
  const handler = toNodeHandler(async (req) => {
    request.close();
    await once(req.signal, 'abort');
    return new Response(new ReadableStream({ cancel }));
  });
  const { url, close } = await listen(createServer((req, res) => void handler(req, res)));
  const session = connect(url);
  onTestFinished(async () => {
    session.destroy();
    await close();
  });
  const request = session.request({ ':path': '/' });
  await until('the body is cancelled', () => cancelled);
});
